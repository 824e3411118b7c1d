import type { Clock } from '@baton/kernel';
import type { Schema } from '@baton/postgres';
import type { TestDatabase } from '@baton/testing';

/** A whole Baton on a database of its own, with real HTTP. */
export interface BatonUnderTest {
  readonly address: string;
  readonly fhirBase: string;
  /** Where its keys are, those of the demo partners included. */
  readonly home: string;
  readonly database: Pick<TestDatabase, 'admin' | 'dsn'>;
  /** What all of its processes say at `/metrics`. */
  metrics(): Promise<string>;
  /** Stops it and starts it again on the same database and port. @param options who sleeps from then on; nobody, if left out */
  restart(options?: Pick<BatonOptions, 'asleep'>): Promise<void>;
  stop(): Promise<void>;
}

export interface BatonOptions {
  /** Pathway file or folder; the Greater Manchester example if left out. */
  readonly pathway?: string;
  readonly env?: Readonly<Record<string, string>>;
  readonly clock?: Clock;
  /** Services that answer requests and do nothing by themselves: no event is handled, nothing is scanned for. */
  readonly asleep?: readonly Schema[];
}
