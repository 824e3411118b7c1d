import { randomUUID } from 'node:crypto';
import { AuditTables1700000000000 } from '@baton/access';
import type { BatonEvent, ReferralFacts } from '@baton/contracts';
import type { Resource } from '@baton/fhir';
import { alone, create, created, publish, read, resourceTables, update, write, type ResourceAnswer } from '@baton/fhir-store';
import { Refused, type Caller } from '@baton/kernel';
import type { Database, Schema, Tx } from '@baton/postgres';
import { createTestDatabase, type TestDatabase } from '@baton/testing';
import type { MigrationInterface, QueryRunner } from 'typeorm';
import { consentHandlers } from '../consent.consumer.js';
import { consentRules } from '../consent.rules.js';
import { ConsentTables1700000000000 } from '../consent.tables.js';

/** What the other services publish, as far as consent reads it. Their own tables are theirs. */
const standIn = (schema: Schema, more = ''): new () => MigrationInterface =>
  class StandIn1700000000000 implements MigrationInterface {
    readonly name = 'StandIn1700000000000';
    up = async (runner: QueryRunner): Promise<void> => void (await runner.query(resourceTables(schema) + more));
    down = (): Promise<void> => Promise.resolve();
  };

const DIRECTORY = `
  CREATE TABLE directory.person_link (patient text PRIMARY KEY, person uuid NOT NULL);
  CREATE VIEW directory.person_v1 AS SELECT patient, person FROM directory.person_link;
  CREATE TABLE directory.recipient (service text, partner text, role text);
  CREATE VIEW directory.recipient_v1 AS SELECT service, partner, role FROM directory.recipient;
  ${publish('directory', 'person_v1')} ${publish('directory', 'recipient_v1')}`;

export const callerOf = (partner: string): Caller => ({ partner, client: partner, scopes: ['system/*.cruds'], requestId: 'r1', correlationId: 'c1' });

export interface Told {
  readonly type: string;
  readonly version: number;
  readonly data: Record<string, unknown>;
}

/** Consent on a database of its own, and a trust, a charity with a partner that delivers for it (`club`), and others. */
export interface TestConsent {
  readonly test: TestDatabase;
  readonly db: Database;
  patient(owner: string, person?: string): Promise<string>;
  /** Records a resource about a Patient. @returns `Type/id` */
  record(owner: string, type: string, patient: string, context?: string): Promise<string>;
  /** Records a referral of the trust to the charity's service. */
  refers(patient: string, named?: readonly string[], referrer?: string): Promise<ReferralFacts>;
  happened(name: string, facts: ReferralFacts | { patient: string }, service?: string): Promise<void>;
  handle(tx: Tx, name: string, facts: object, service?: string): Promise<void>;
  decide(partner: string, consent: object): Promise<ResourceAnswer>;
  /** Changes a Consent. */
  redecide(partner: string, id: string, consent: object): Promise<ResourceAnswer>;
  sees(partner: string, ...items: string[]): Promise<string[]>;
  told(key: string): Promise<Told[]>;
  link(patient: string, person: string): Promise<void>;
  drop(): Promise<void>;
}

export async function openConsent(): Promise<TestConsent> {
  const test = await createTestDatabase();
  await test.open('audit', [AuditTables1700000000000]);
  const db = await test.open('consent', [ConsentTables1700000000000], { poolSize: 8 });
  const schemas = { directory: await test.open('directory', [standIn('directory', DIRECTORY)]), referrals: await test.open('referrals', [standIn('referrals')]), episodes: await test.open('episodes', [standIn('episodes')]) };
  await test.admin(`INSERT INTO directory.recipient VALUES ('zones', 'charity', 'provider'), ('zones', 'club', 'delivery')`);

  const put = async (schema: keyof typeof schemas, owner: string, patient: string | null, context: string | null, id: string, type: string): Promise<void> =>
    schemas[schema].transaction((tx) => write(tx, schema, callerOf(owner), { puts: [created({ id, resource: { resourceType: type }, owner, patient, context, now: tx.now })], events: [], audit: [], answer: undefined }));
  for (const partner of ['trust', 'charity', 'club', 'camhs']) await put('directory', 'baton', null, null, partner, 'Organization');
  await put('directory', 'baton', null, null, 'zones', 'HealthcareService');

  const handle = (tx: Tx, name: string, data: object, service = 'referrals'): Promise<void> => {
    const type = `baton.${service}.${name}.v1`;
    return consentHandlers[type]!(tx, { id: randomUUID(), topic: '', type, key: 'k', version: 1, time: new Date().toISOString(), correlationId: 'c', causationId: 'r', data: data as Record<string, unknown> } satisfies BatonEvent);
  };
  const record = async (owner: string, type: string, patient: string, context?: string): Promise<string> => {
    const id = randomUUID();
    const schema = ['ServiceRequest', 'Task'].includes(type) ? 'referrals' : 'episodes';
    await put(schema, owner, patient, type === 'ServiceRequest' ? id : (context ?? null), id, type);
    return `${type}/${id}`;
  };
  const sees = async (partner: string, ...items: string[]): Promise<string[]> => {
    const seen: string[] = [];
    for (const item of items) if (await read(db, callerOf(partner), item.split('/')[0]!, item.split('/')[1]!)) seen.push(item);
    return seen;
  };
  return {
    test,
    db,
    record,
    handle,
    sees,
    async patient(owner, person = randomUUID()) {
      const id = randomUUID();
      await put('directory', owner, id, null, id, 'Patient');
      await test.admin(`INSERT INTO directory.person_link VALUES ($1, $2)`, [id, person]);
      return id;
    },
    async refers(patient, named = [], referrer = 'trust') {
      const [, referral = ''] = (await record(referrer, 'ServiceRequest', patient)).split('/');
      const [, task = ''] = (await record(referrer, 'Task', patient, referral)).split('/');
      return {
        referral, task, patient, referrer, service: 'zones', recipients: ['charity', 'club'], status: 'requested', priority: 'urgent', pathway: { id: 'p', version: '1' }, named: [...named],
        dataref: `ServiceRequest/${referral}/_history/1`, taskref: `Task/${task}/_history/1`,
      };
    },
    happened: (name, facts, service) => db.transaction((tx) => handle(tx, name, facts, service)),
    decide: (partner, consent) => alone(db, 'consent', callerOf(partner), (tx) => create(consentRules, tx, callerOf(partner), { resource: consent as Resource })),
    redecide: (partner, id, consent) => alone(db, 'consent', callerOf(partner), (tx) => update(consentRules, tx, callerOf(partner), { id, resource: consent as Resource })),
    told: async (key) => (await test.admin<Told & { type: string }>(`SELECT type, version, data FROM consent.outbox WHERE key = $1 ORDER BY seq`, [key])).map(({ type, version, data }) => ({ type: type.replace(/^baton\.consent\.|\.v1$/g, ''), version, data })),
    link: async (patient, person) => void (await test.admin(`UPDATE directory.person_link SET person = $2 WHERE patient = $1`, [patient, person])),
    drop: () => test.drop(),
  };
}

const ROLE = { coding: [{ system: 'http://terminology.hl7.org/CodeSystem/v3-ParticipationType', code: 'IRCP' }] };

/** A Consent as partners send it. */
export const consentFor = (patient: string, type: 'permit' | 'deny', to: readonly string[] = [], more: object = {}, provision: object = {}): object => ({
  resourceType: 'Consent', status: 'active', scope: { coding: [{ system: 'http://terminology.hl7.org/CodeSystem/consentscope', code: 'patient-privacy' }] }, category: [{ text: 'Sharing' }],
  patient: { reference: `Patient/${patient}` }, policyRule: { coding: [{ system: 'http://terminology.hl7.org/CodeSystem/v3-ActCode', code: type === 'deny' ? 'OPTOUT' : 'OPTIN' }] },
  provision: { type, ...(to.length > 0 ? { actor: to.map((reference) => ({ role: ROLE, reference: { reference } })) } : {}), ...provision }, ...more,
});

/** Why something was refused: `rule at`, or nothing if it was not. */
export async function refusal(work: Promise<unknown>): Promise<string[]> {
  const error = await work.then(() => undefined, (thrown: unknown) => thrown);
  if (error === undefined) return [];
  if (!(error instanceof Refused)) throw error as Error;
  return error.violations.map(({ rule, at }) => `${rule} ${at?.[0] ?? ''}`);
}
