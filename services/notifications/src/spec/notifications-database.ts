import { randomUUID } from 'node:crypto';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { AuditTables1700000000000, egressPolicy, Sealer } from '@baton/access';
import { EVENTS, RELATIONS, type BatonEvent } from '@baton/contracts';
import type { Bundle, Parameters, ParametersParameter, Resource } from '@baton/fhir';
import { alone, create, created, publish, remove, resourceTables, update, write, type ResourceAnswer } from '@baton/fhir-store';
import { systemClock, type Caller } from '@baton/kernel';
import type { Database, Schema } from '@baton/postgres';
import { Metrics, openLog, type Host } from '@baton/service-host';
import { createTestDatabase, eventually, type ReceivedWebhook, type TestDatabase } from '@baton/testing';
import type { MigrationInterface, QueryRunner } from 'typeorm';
import { DELIVERY_SETTINGS, type DeliverySettings } from '../delivery-settings.js';
import { NotificationsTables1700000000000 } from '../migrations/1700000000000-notifications-tables.js';
import { notificationHandlers } from '../notifications.consumer.js';
import { deliveryWorkers, prepareNotifications, subscriptions } from '../notifications.module.js';
import { BACKPORT } from '../subscription.fhir.js';
import type { SubscriptionStatus } from '../subscription.js';

/** What the other services publish, as far as notifications reads it. */
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

/** Retries in milliseconds instead of minutes. */
export const QUICK: DeliverySettings = { ...DELIVERY_SETTINGS, schedule: { pauses: [30, 30], urgentEvery: 40 }, busyMs: 5, idleMs: 20, random: () => 0.5 };

export interface TestReferral {
  readonly referral: string;
  readonly task: string;
  readonly patient: string;
  readonly priority: string;
}

export interface SubscribeOptions {
  readonly topic?: string;
  readonly content?: string;
  readonly filters?: readonly string[];
  readonly headers?: readonly string[];
  readonly extension?: readonly object[];
  readonly end?: string;
  readonly status?: string;
}

/** A Subscription as a partner sends it. */
export const subscriptionTo = (endpoint: string, options: SubscribeOptions = {}): Resource => ({
  resourceType: 'Subscription',
  status: options.status ?? 'requested',
  reason: 'test',
  criteria: options.topic?.includes('/') ? options.topic : `https://baton.example/fhir/SubscriptionTopic/${options.topic ?? 'referral'}`,
  ...(options.filters ? { _criteria: { extension: options.filters.map((valueString) => ({ url: `${BACKPORT}/StructureDefinition/backport-filter-criteria`, valueString })) } } : {}),
  ...(options.end === undefined ? {} : { end: options.end }),
  channel: {
    type: 'rest-hook',
    endpoint,
    ...(options.headers ? { header: [...options.headers] } : {}),
    payload: 'application/fhir+json',
    _payload: { extension: [{ url: `${BACKPORT}/StructureDefinition/backport-payload-content`, valueCode: options.content ?? 'full-resource' }] },
    ...(options.extension ? { extension: [...options.extension] } : {}),
  },
});

export type TestNotifications = Awaited<ReturnType<typeof openNotifications>>;

/** Notifications on a database of its own; partners, referrals and decisions are made as wanted. */
export async function openNotifications() {
  const test: TestDatabase = await createTestDatabase();
  const home = await mkdtemp(join(tmpdir(), 'baton-notifications-'));
  await test.open('audit', [AuditTables1700000000000]);
  await test.open('consent', [standIn('consent', ACCESS)]);
  const directory = await test.open('directory', [standIn('directory', PERSONS)]);
  const referrals = await test.open('referrals', [standIn('referrals')]);
  const episodes = await test.open('episodes', [standIn('episodes')]);
  const db = await test.open('notifications', [NotificationsTables1700000000000], { poolSize: 10 });
  const sealer = await Sealer.open(home);
  const egress = egressPolicy({ BATON_EGRESS_ALLOW: '127.0.0.0/8' });
  prepareNotifications({ sealer, egress });
  const metrics = new Metrics();
  const host = { database: db, sealer, egress, fhirBase: () => BASE, clock: systemClock, log: openLog('test', 'silent'), metrics } as unknown as Host;
  const handlers = notificationHandlers();
  const running: { stop(): Promise<void> }[] = [];
  const stopWorkers = async (): Promise<void> => void (await Promise.all(running.splice(0).map((worker) => worker.stop())));

  const put = async (to: Database, schema: Schema, owner: string, of: { patient: string | null; context: string | null }, id: string, resource: object): Promise<void> =>
    to.transaction((tx) => write(tx, schema, callerOf(owner), { puts: [created({ id, resource: resource as Resource, owner, ...of, now: tx.now })], events: [], audit: [], answer: undefined }));

  const statusOf = async (id: string): Promise<string> => (await test.admin<{ status: string }>(`SELECT status FROM notifications.subscription WHERE id = $1`, [id]))[0]!.status;

  const handle = (...events: BatonEvent[]): Promise<void> =>
    db.transaction(async (tx) => {
      for (const event of events) await handlers[event.type]!(tx, event);
    });

  return {
    test,
    db,
    host,
    sealer,
    metrics,
    handle,
    statusOf,
    startWorkers(settings: DeliverySettings = QUICK): void {
      const workers = deliveryWorkers(host, settings);
      workers.forEach((worker) => worker.start());
      running.push(...workers);
    },
    stopWorkers,
    /** Stops the workers, and forgets every subscription, event and decision. */
    async forget(): Promise<void> {
      await stopWorkers();
      await test.admin(`TRUNCATE notifications.subscription, notifications.event, notifications.attempt, notifications.lane, notifications.channel_health,
        notifications.signing_secret, notifications.worker, notifications.resource, notifications.history, consent.access, audit.entry`);
    },
    async close(): Promise<void> {
      await stopWorkers();
      await test.drop();
      await rm(home, { recursive: true });
    },
    /** A Patient of `rapid-response`, with a referral to Safe Zones; nobody else sees it yet. */
    async referral({ priority = 'routine', person = randomUUID(), service = 'gm.safe-zones' } = {}): Promise<TestReferral> {
      const of: TestReferral = { referral: randomUUID(), task: randomUUID(), patient: randomUUID(), priority };
      const subject = { reference: `Patient/${of.patient}` };
      await put(directory, 'directory', 'rapid-response', { patient: of.patient, context: null }, of.patient, { resourceType: 'Patient' });
      await test.admin(`INSERT INTO directory.person_link VALUES ($1, $2)`, [of.patient, person]);
      await put(referrals, 'referrals', 'rapid-response', { patient: of.patient, context: of.referral }, of.referral, {
        resourceType: 'ServiceRequest', status: 'active', intent: 'order', priority, subject, performer: [{ reference: `HealthcareService/${service}` }],
      });
      await put(referrals, 'referrals', 'rapid-response', { patient: of.patient, context: of.referral }, of.task, {
        resourceType: 'Task', status: 'requested', intent: 'order', focus: { reference: `ServiceRequest/${of.referral}` }, for: subject,
      });
      return of;
    },
    service: (id: string) => put(directory, 'directory', 'baton', { patient: null, context: null }, id, { resourceType: 'HealthcareService', telecom: [{ system: 'phone', value: '01632 960001' }] }),
    contact: (of: TestReferral, id: string, owner: string) =>
      put(episodes, 'episodes', owner, { patient: of.patient, context: of.referral }, id, { resourceType: 'Encounter', status: 'finished', class: { code: 'AMB' }, subject: { reference: `Patient/${of.patient}` } }),
    /** The referral moves on: new versions of both its resources, without an event. */
    amend: (of: TestReferral) =>
      test.admin(`UPDATE referrals.resource SET version = version + 1, body = replace(body::text, '"requested"', '"accepted"')::json WHERE context = $1`, [of.referral]),
    /** Consent opens the referral's context to a partner. */
    share: (of: TestReferral, ...partners: string[]) =>
      Promise.all(partners.map((partner) => test.admin(`INSERT INTO consent.access (patient, owner, recipient, category, context) VALUES ($1, 'rapid-response', $2, 'referral', $3)`, [of.patient, partner, of.referral]))),
    show: (item: string, patient: string, partner: string) => test.admin(`INSERT INTO consent.access (patient, recipient, item) VALUES ($1, $2, $3)`, [patient, partner, item]),
    unshare: (of: TestReferral, partner: string) => test.admin(`DELETE FROM consent.access WHERE patient = $1 AND recipient = $2`, [of.patient, partner]),
    create: (partner: string, resource: Resource): Promise<ResourceAnswer> => alone(db, 'notifications', callerOf(partner), (tx) => create(subscriptions, tx, callerOf(partner), { resource })),
    update: (partner: string, id: string, resource: Resource): Promise<ResourceAnswer> =>
      alone(db, 'notifications', callerOf(partner), (tx) => update(subscriptions, tx, callerOf(partner), { id, resource: { ...resource, id } })),
    remove: (partner: string, id: string): Promise<ResourceAnswer> => alone(db, 'notifications', callerOf(partner), (tx) => remove(subscriptions, tx, callerOf(partner), { id })),
    /** A subscription that is active already, without its handshake. */
    async subscribed(partner: string, endpoint: string, options: SubscribeOptions = {}, status: SubscriptionStatus = 'active'): Promise<string> {
      const { id } = await alone(db, 'notifications', callerOf(partner), (tx) => create(subscriptions, tx, callerOf(partner), { resource: subscriptionTo(endpoint, options) }));
      await test.admin(`UPDATE notifications.subscription SET status = $2 WHERE id = $1`, [id, status]);
      await test.admin(`UPDATE notifications.resource SET body = replace(body::text, '"requested"', '"' || $2 || '"')::json WHERE id = $1`, [id, status]);
      return id;
    },
    untilStatus: (id: string, status: string) => eventually(async () => (await statusOf(id)) === status),
    events: (subscription: string): Promise<{ number: string; kind: string; focus: string; type: string; state: string; attempts: number; id: string; version: number }[]> =>
      test.admin(`SELECT number, kind, focus, type, state, attempts, id, version FROM notifications.event WHERE subscription = $1 ORDER BY number`, [subscription]),
    untilStates: (subscription: string, states: readonly string[]) =>
      eventually(async () => {
        const rows = await test.admin<{ state: string }>(`SELECT state FROM notifications.event WHERE subscription = $1 ORDER BY number`, [subscription]);
        if (JSON.stringify(rows.map(({ state }) => state)) !== JSON.stringify(states)) throw new Error(`states are ${rows.map(({ state }) => state).join(', ')}`);
      }),
  };
}

export const BASE = 'https://baton.example/fhir/R4';

/** An event of the contract about a referral. */
export const referralEvent = (name: string, of: TestReferral, version = 1, more: { at?: number; data?: object } = {}): BatonEvent =>
  eventOf(`baton.referrals.referral-${name}.v1`, of.referral, version, {
    referral: of.referral,
    task: of.task,
    patient: of.patient,
    referrer: 'rapid-response',
    service: 'gm.safe-zones',
    recipients: ['safe-zones'],
    status: 'requested',
    priority: of.priority,
    pathway: { id: 'gm', version: '1' },
    named: [],
    dataref: `ServiceRequest/${of.referral}/_history/${more.at ?? 1}`,
    taskref: `Task/${of.task}/_history/${more.at ?? 1}`,
    ...more.data,
  });

export const sharingEvent = (name: 'allowed' | 'refused' | 'withdrawn', of: TestReferral, version: number, facts: { gained?: string[]; lost?: string[] }): BatonEvent =>
  eventOf(`baton.consent.sharing-${name}.v1`, of.referral, version, { referral: of.referral, patient: of.patient, referrer: 'rapid-response', recipients: facts.gained ?? [], gained: facts.gained ?? [], lost: facts.lost ?? [] });

export function eventOf(type: string, key: string, version: number, data: object): BatonEvent {
  const contract = EVENTS.find((event) => event.type === type)!;
  contract.data.parse(data);
  return { id: randomUUID(), topic: contract.topic, type, key, version, time: '2026-11-20T10:00:00.000Z', correlationId: 'c1', causationId: 'r1', data: data as Record<string, unknown> };
}

/** A notification, taken apart. */
export interface ReadNotification {
  readonly bundle: Bundle;
  readonly type: string;
  readonly status: string;
  readonly total: string;
  readonly error: string | undefined;
  readonly numbers: readonly string[];
  /** Of the first event, relative to the base. */
  readonly focus: string | undefined;
  readonly context: readonly string[];
  /** Resource types and ids of entries that bring a resource. */
  readonly resources: readonly string[];
  /** Relative fullUrls of all entries besides the status. */
  readonly entries: readonly string[];
}

export function readNotification(webhook: Pick<ReceivedWebhook, 'body'> | string): ReadNotification {
  const bundle = JSON.parse(typeof webhook === 'string' ? webhook : webhook.body) as Bundle;
  const parameters = bundle.entry![0]!.resource as Parameters;
  const value = (of: readonly ParametersParameter[] | undefined, name: string): ParametersParameter | undefined => of?.find((one) => one.name === name);
  const events = parameters.parameter!.filter(({ name }) => name === 'notification-event');
  const relative = (reference: string | undefined): string => (reference ?? '').replace(`${BASE}/`, '');
  const rest = bundle.entry!.slice(1);
  return {
    bundle,
    type: value(parameters.parameter, 'type')!.valueCode!,
    status: value(parameters.parameter, 'status')!.valueCode!,
    total: value(parameters.parameter, 'events-since-subscription-start')!.valueString!,
    error: value(parameters.parameter, 'error')?.valueCodeableConcept?.coding?.[0]?.code,
    numbers: events.map(({ part }) => value(part, 'event-number')!.valueString!),
    focus: events[0] && value(events[0].part, 'focus') ? relative(value(events[0].part, 'focus')!.valueReference!.reference) : undefined,
    context: (events[0]?.part ?? []).filter(({ name }) => name === 'additional-context').map((part) => relative(part.valueReference!.reference)),
    resources: rest.filter(({ resource }) => resource).map(({ resource }) => `${resource!.resourceType}/${resource!.id}`),
    entries: rest.map(({ fullUrl }) => relative(fullUrl)),
  };
}
