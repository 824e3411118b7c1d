import type { PartnerSystem } from '../partner-system.js';
import type { Arm, End } from './baton-process.js';

/** Makes a stage with an empty home; nothing is started. @param env settings beside the usual ones */
export type OpenStage = (env?: Readonly<Record<string, string>>) => Promise<Stage>;

/** A home, on which a Baton is started and killed; how it runs is its own affair. */
export interface Stage {
  /** Holds the home, what Baton said, what receivers wrote. */
  readonly folder: string;
  /** Where Baton keeps its data. */
  readonly home: string;
  /** How many processes may be asked for one read. */
  readonly readsAtMost: number;
  system(partner: string): PartnerSystem;
  /** Has Baton run, armed or not; what ran otherwise until now is killed. Returns once it is ready, or has died before that. @param arms it dies at whichever is reached first */
  start(...arms: readonly Arm[]): Promise<void>;
  /** Waits for a death at an armed point. @param within milliseconds @returns how it died, or nothing if it lives on: no such point was reached */
  death(within?: number): Promise<End | undefined>;
  /** Asks what runs armed to stop in an orderly way. @returns how it ended */
  stop(): Promise<End>;
  /** Kills PostgreSQL under the running Baton, and waits until there is another. */
  killPostgres(): Promise<void>;
  /** What all processes of Baton say at `/metrics`. */
  metrics(): Promise<string>;
  /** Ends everything; the folder stays if something is to be looked at. */
  close(options?: { readonly keep?: boolean }): Promise<void>;
}
