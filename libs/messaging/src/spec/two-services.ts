import type { BatonEvent, NewEvent } from '@baton/contracts';
import { batonActs, newEventId, newId, type Caller } from '@baton/kernel';
import { roleOf, type Database, type Schema } from '@baton/postgres';
import { createTestDatabase, type TestDatabase } from '@baton/testing';
import { inboxTables, logTables, outboxTables, parkingTables, relayTables } from '../tables.js';
import type { Transport } from '../transport.js';

/** A database in which referrals publishes and consent consumes, each as its own role. */
export interface TwoServices {
  readonly test: TestDatabase;
  readonly referrals: Database;
  readonly consent: Database;
  drop(): Promise<void>;
}

export async function twoServices(): Promise<TwoServices> {
  const test = await createTestDatabase();
  const schemas: Schema[] = ['referrals', 'consent'];
  for (const schema of schemas) {
    await test.admin(`SET ROLE ${roleOf(schema)}; ${outboxTables(schema)} ${relayTables(schema)} ${logTables(schema)} ${inboxTables(schema)} ${parkingTables(schema)} RESET ROLE;`);
  }
  await test.admin(`SET ROLE baton_consent; CREATE TABLE consent.effect (place bigint GENERATED ALWAYS AS IDENTITY, key text, version int); RESET ROLE;`);
  await test.admin(`SET ROLE baton_referrals; CREATE TABLE referrals.thing (id text PRIMARY KEY, version int NOT NULL); RESET ROLE;`);
  return { test, referrals: await test.open('referrals', [], { poolSize: 8 }), consent: await test.open('consent', [], { poolSize: 8 }), drop: () => test.drop() };
}

export const TOPIC = 'baton.referrals.referral';
export const ACCEPTED = 'baton.referrals.referral-accepted.v1';

export const caller: Caller = batonActs({ requestId: 'request-1', correlationId: 'correlation-1', traceparent: '00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01' });

/** A referral's event, as a command returns it. */
export const accepted = (key: string, version: number): NewEvent => ({
  type: ACCEPTED,
  key,
  version,
  data: {
    referral: key,
    task: 'task-1',
    patient: 'patient-1',
    referrer: 'rapid-response',
    service: 'safe-zone-north',
    recipients: ['safe-zones'],
    status: 'accepted',
    priority: 'urgent',
    pathway: { id: 'gm-crisis', version: '1' },
    named: [],
    dataref: `ServiceRequest/x/_history/${version}`,
    taskref: `Task/x/_history/${version}`,
  },
});

/** The same as it travels. */
export const travelling = (key: string, version: number, topic = TOPIC): BatonEvent => ({
  ...accepted(key, version),
  id: newEventId(),
  topic,
  time: new Date().toISOString(),
  correlationId: newId(),
  causationId: newId(),
});

/** A transport that keeps what it is given; `gate` is awaited before each batch is taken. */
export function recorder(gate: (batch: readonly BatonEvent[], nth: number) => Promise<void> = async () => undefined): Transport & { readonly seen: string[] } {
  const seen: string[] = [];
  let calls = 0;
  const never = (): never => {
    throw new Error('Only publishes');
  };
  return {
    seen,
    publish: async (events) => {
      await gate(events, ++calls);
      seen.push(...events.map(({ key, version }) => `${key}:${version}`));
    },
    subscribe: never,
    replay: never,
    lag: never,
    close: async () => undefined,
  };
}
