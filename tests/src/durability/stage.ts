import { mkdir, mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { eventually, freePort } from '@baton/testing';
import { PartnerSystem } from '../partner-system.js';
import { BatonProcess, postgresPid, type Arm, type End, type Place } from './baton-process.js';

const DIES_WITHIN_MS = 30_000;

/** One home, on which Baton is started and killed. */
export class Stage {
  private baton: BatonProcess | undefined;

  private constructor(
    /** Holds the home, what Baton said, what receivers wrote. */
    readonly folder: string,
    private readonly place: Place,
  ) {}

  /** An empty home; nothing is started. @param env settings beside the usual ones */
  static async open(env: Readonly<Record<string, string>> = {}): Promise<Stage> {
    const folder = await mkdtemp(join(tmpdir(), 'baton-durability-'));
    const place = { home: join(folder, 'home'), port: await freePort(), env };
    await mkdir(place.home, { mode: 0o700 });
    return new Stage(folder, place);
  }

  get address(): string {
    return `http://127.0.0.1:${this.place.port}`;
  }

  /** Where Baton keeps its data. */
  get home(): string {
    return this.place.home;
  }

  system(partner: string): PartnerSystem {
    return new PartnerSystem({ home: this.place.home, address: this.address, fhirBase: `${this.address}/fhir/R4` }, partner);
  }

  /** Starts Baton, having killed the one that runs. */
  async start(arm?: Arm): Promise<void> {
    await this.baton?.kill();
    this.baton = await BatonProcess.start(this.place, arm);
  }

  /** Waits for the death of an armed Baton. @returns how it died, or nothing if it lives on: the point was not reached */
  death(within = DIES_WITHIN_MS): Promise<End | undefined> {
    return this.baton!.endWithin(within);
  }

  /** Asks Baton to stop in an orderly way. @returns how it ended */
  stop(): Promise<End> {
    return this.baton!.stop();
  }

  /** Kills PostgreSQL under the running Baton, and waits until there is another. */
  async killPostgres(): Promise<void> {
    const killed = this.baton!.killPostgres();
    await eventually(() => postgresPid(this.place) !== killed, { within: 60_000 });
  }

  async metrics(): Promise<string> {
    return (await fetch(`${this.address}/metrics`)).text();
  }

  /** Ends everything; the folder stays if something is to be looked at. */
  async close({ keep = false } = {}): Promise<void> {
    await this.baton?.stop();
    if (!keep) await rm(this.folder, { recursive: true, force: true });
  }
}
