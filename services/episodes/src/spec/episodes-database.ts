import { randomUUID } from 'node:crypto';
import { AuditTables1700000000000 } from '@baton/access';
import { RELATIONS, TASK_OUTPUT, type BatonEvent } from '@baton/contracts';
import type { Resource } from '@baton/fhir';
import { alone, create, created, patch, publish, remove, resourceTables, update, write, type ResourceAnswer, type TypeRules } from '@baton/fhir-store';
import type { Caller } from '@baton/kernel';
import type { Database, Schema, Tx } from '@baton/postgres';
import { createTestDatabase, type TestDatabase } from '@baton/testing';
import type { MigrationInterface, QueryRunner } from 'typeorm';
import { episodesHandlers } from '../episodes.consumer.js';
import { episodes } from '../episodes.module.js';
import { EpisodesTables1700000000000 } from '../migrations/episodes.migration.js';

/** What the other services publish, as far as episodes reads it. Their own tables are theirs. */
const standIn = (schema: Schema, more = ''): new () => MigrationInterface =>
  class StandIn1700000000000 implements MigrationInterface {
    readonly name = 'StandIn1700000000000';
    up = async (runner: QueryRunner): Promise<void> => void (await runner.query(resourceTables(schema) + more));
    down = (): Promise<void> => Promise.resolve();
  };

const PERSONS = `
  CREATE TABLE directory.person_link (patient text PRIMARY KEY, person uuid NOT NULL);
  CREATE VIEW directory.person_v1 AS SELECT patient, person FROM directory.person_link;
  ${publish('directory', 'person_v1')}`;

const OPENED = RELATIONS.find(({ schemas }) => schemas.includes('consent') && schemas.length === 1)!;
const ACCESS = `
  CREATE TABLE consent.access (${OPENED.columns.map(({ name, type }) => `${name} ${type}`).join(', ')});
  ALTER TABLE consent.access ALTER purpose SET DEFAULT 'TREAT', ALTER valid_from SET DEFAULT '-infinity', ALTER decision SET DEFAULT 'd';
  CREATE VIEW consent.${OPENED.name} AS SELECT * FROM consent.access;
  ${publish('consent', OPENED.name)}`;

export const callerOf = (partner: string): Caller => ({ partner, client: partner, scopes: ['system/*.cruds'], requestId: 'r1', correlationId: 'c1' });

/** A referral from `rapid-response` to `safe-zones`, which its receiver sees. */
export interface TestReferral {
  readonly referral: string;
  readonly patient: string;
  readonly task: string;
  /** Promised when it was accepted. */
  readonly episode: string;
}

export interface TestEpisodes {
  readonly test: TestDatabase;
  readonly db: Database;
  /** Records a Patient. @param person of the same person as another Patient */
  patient(owner: string, person?: string): Promise<string>;
  referral(options?: { accepted?: boolean }): Promise<TestReferral>;
  /** Opens one resource to a partner. */
  show(item: string, patient: string, owner: string, recipient: string): Promise<void>;
  hide(recipient: string): Promise<void>;
  create(partner: string, resource: object): Promise<ResourceAnswer>;
  update(partner: string, id: string, resource: object): Promise<ResourceAnswer>;
  patch(partner: string, type: string, id: string, operations: unknown): Promise<ResourceAnswer>;
  remove(partner: string, type: string, id: string): Promise<ResourceAnswer>;
  /** Handles an event about a referral, in a transaction of its own. */
  happened(name: string, of: TestReferral, more?: object): Promise<void>;
  /** Handles several events in one transaction, as a consumer's batch does. */
  batch(names: readonly string[], of: TestReferral): Promise<void>;
  events(key: string): Promise<{ type: string; version: number; data: Record<string, unknown> }[]>;
  close(): Promise<void>;
}

export const RECIPIENTS = ['safe-zones', '42nd-street'];

export async function openEpisodes(): Promise<TestEpisodes> {
  const test = await createTestDatabase();
  await test.open('audit', [AuditTables1700000000000]);
  await test.admin(ACCESS);
  const directory = await test.open('directory', [standIn('directory', PERSONS)]);
  const referrals = await test.open('referrals', [standIn('referrals')]);
  const db = await test.open('episodes', [EpisodesTables1700000000000], { poolSize: 8 });
  const rules = (type: string): TypeRules => episodes.types.find((each) => each.type === type)!;

  const put = async (to: Database, schema: Schema, owner: string, patient: string, context: string | null, id: string, resource: object): Promise<void> =>
    to.transaction((tx) => write(tx, schema, callerOf(owner), { puts: [created({ id, resource: resource as Resource, owner, patient, context, now: tx.now })], events: [], audit: [], answer: undefined }));

  const patient = async (owner: string, person = randomUUID() as string): Promise<string> => {
    const id = randomUUID();
    await put(directory, 'directory', owner, id, null, id, { resourceType: 'Patient' });
    await test.admin(`INSERT INTO directory.person_link VALUES ($1, $2)`, [id, person]);
    return id;
  };
  const show = async (item: string, of: string, owner: string, recipient: string): Promise<void> =>
    void (await test.admin(`INSERT INTO consent.access (item, patient, owner, recipient) VALUES ($1, $2, $3, $4)`, [item, of, owner, recipient]));

  return {
    test,
    db,
    patient,
    show,
    hide: async (recipient) => void (await test.admin(`DELETE FROM consent.access WHERE recipient = $1`, [recipient])),
    async referral({ accepted = true } = {}) {
      const of: TestReferral = { referral: randomUUID(), task: randomUUID(), episode: randomUUID(), patient: await patient('rapid-response') };
      const subject = { reference: `Patient/${of.patient}` };
      await put(referrals, 'referrals', 'rapid-response', of.patient, of.referral, of.referral, { resourceType: 'ServiceRequest', status: 'active', intent: 'order', subject });
      const output = { type: { coding: [{ system: TASK_OUTPUT.system, code: 'episode' }] }, valueReference: { reference: `EpisodeOfCare/${of.episode}` } };
      await put(referrals, 'referrals', 'rapid-response', of.patient, of.referral, of.task, {
        resourceType: 'Task', status: accepted ? 'accepted' : 'requested', intent: 'order', focus: { reference: `ServiceRequest/${of.referral}` }, for: subject, owner: { reference: 'Organization/safe-zones' }, ...(accepted ? { output: [output] } : {}),
      });
      for (const recipient of RECIPIENTS) {
        await show(`Patient/${of.patient}`, of.patient, 'rapid-response', recipient);
        await show(`ServiceRequest/${of.referral}`, of.patient, 'rapid-response', recipient);
      }
      return of;
    },
    create: (partner, resource) => alone(db, 'episodes', callerOf(partner), (tx) => create(rules((resource as Resource).resourceType), tx, callerOf(partner), { resource: resource as Resource })),
    update: (partner, id, resource) => alone(db, 'episodes', callerOf(partner), (tx) => update(rules((resource as Resource).resourceType), tx, callerOf(partner), { id, resource: resource as Resource })),
    patch: (partner, type, id, operations) => alone(db, 'episodes', callerOf(partner), (tx) => patch(rules(type), tx, callerOf(partner), { id, operations })),
    remove: (partner, type, id) => alone(db, 'episodes', callerOf(partner), (tx) => remove(rules(type), tx, callerOf(partner), { id })),
    happened: (name, of, more = {}) => db.transaction((tx) => handle(tx, eventOf(name, of, more))),
    batch: (names, of) =>
      db.transaction(async (tx) => {
        for (const name of names) await handle(tx, eventOf(name, of, {}));
      }),
    events: (key) => test.admin(`SELECT type, version, data FROM episodes.outbox WHERE key = $1 ORDER BY seq`, [key]),
    close: () => test.drop(),
  };
}

const handle = (tx: Tx, event: BatonEvent): Promise<void> => episodesHandlers[event.type]!(tx, event);

const eventOf = (name: string, { referral, patient, task, episode }: TestReferral, more: object): BatonEvent => ({
  id: randomUUID(),
  topic: 'baton.referrals.referral',
  type: `baton.referrals.referral-${name}.v1`,
  key: referral,
  version: 3,
  time: '2026-11-20T10:00:00.000Z',
  correlationId: 'c1',
  causationId: 'r1',
  data: { referral, task, patient, episode, referrer: 'rapid-response', recipients: RECIPIENTS, ...more },
});

/** The names of the rules that stood against something. */
export async function rulesAgainst(attempt: Promise<unknown>): Promise<{ kind: string; rules: string[] }> {
  try {
    await attempt;
  } catch (error) {
    const { kind, violations } = error as { kind?: string; violations?: { rule: string }[] };
    if (kind === undefined || !violations) throw error;
    return { kind, rules: violations.map(({ rule }) => rule) };
  }
  return { kind: 'none', rules: [] };
}
