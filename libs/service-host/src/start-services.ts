import { eventContract } from '@baton/contracts';
import { AuditGatherer, egressPolicy, issuerAddresses, localKeys, openIssuerKeys, Sealer, TokenVerifier } from '@baton/access';
import { PageLinks, searchProjection } from '@baton/fhir-store';
import { inTime, OutOfTime, systemClock, type Caller, type Clock, type Refused } from '@baton/kernel';
import { consume, eventEngine, exchangeHints, Parking, publisherOf, Relay, Replays, type Consumer, type EventEngine, type Handlers, type HeldBack } from '@baton/messaging';
import { Database, type Schema } from '@baton/postgres';
import type { DynamicModule, Type } from '@nestjs/common';
import { listenError, type HostConfig } from './config.js';
import { fhirController } from './fhir.controller.js';
import { httpServer } from './http-server.js';
import { errorFields, openLog } from './log.js';
import { watchEvents } from './event-metrics.js';
import { kafkaConnection } from './kafka-variables.js';
import { Metrics } from './metrics.js';
import { openAudit, openSchema } from './migrate.js';
import { mountDocs } from './docs.js';
import { offeredMethods } from './offered-methods.js';
import { operationsController } from './operations.controller.js';
import { parkedController } from './parked.controller.js';
import { rebuildsController } from './rebuilds.controller.js';
import { Rebuilds } from './rebuilds.js';
import { replaysController } from './replays.controller.js';
import type { Host, Service, Worker } from './service.js';
import { everySoOften } from './housekeeping.js';

export interface StartOptions {
  readonly config: HostConfig;
  readonly env?: Readonly<Record<string, string | undefined>>;
  readonly services: readonly Service[];
  /** DSN of the role of each schema that these services need: their own, and `audit` where one of them keeps it. */
  readonly dsnOf: (schema: Schema) => string;
  /** Name in logs. */
  readonly name: string;
  /** Other processes work on the same database. */
  readonly shared?: boolean;
  /** False: requests are answered, and no event moves and nothing is done by itself; other processes must do that. */
  readonly works?: boolean;
  readonly clock?: Clock;
}

export interface Running {
  /** `http://host:port`, as bound. */
  readonly address: string;
  readonly fhirBase: string;
  /**
   * Drains and stops: no new requests, workers finish what is in hand, what was read is committed. What takes longer than `BATON_DRAIN_SECONDS`
   * is left as a crash would leave it: whoever starts next takes it up again.
   */
  stop(): Promise<void>;
}

/** A service and what it was given. */
interface Placed {
  readonly service: Service;
  readonly host: Host;
  /** For what moves events; it commits lazily (libs/messaging says what may). Few connections: each of them does one thing at a time. */
  readonly background: Database;
  /** By which handlers take effect. */
  readonly effects: Database;
  /** Of a service that stores resources: how what it derives from them is derived again. */
  readonly rebuilds?: Rebuilds;
  /** Where it listens to events: what it does because of them, and what an operator can do about them, on durable connections. */
  readonly listening?: { readonly handlers: Handlers; readonly parking: Parking; readonly replays: Replays };
}

interface Started extends Placed {
  readonly relay?: Relay;
  readonly consumer?: Consumer;
  readonly workers: readonly Worker[];
}

/** Starts services in one process: migrate, prepare, listen to events, work, answer. */
export async function startServices(options: StartOptions): Promise<Running> {
  const shared = await openShared(options);
  const seated: Placed[] = [];
  for (const service of options.services) seated.push(await place(options, shared, service));
  const involved = everyoneInvolved(seated);
  for (const { service, host } of involved) await service.equip?.(host);
  for (const { service, host } of seated) await service.prepare?.(host);
  const placed = seated.map(withListening);

  // Requests are answered before the workers run; ready is who has them all.
  let readiness: readonly Pick<Worker, 'name' | 'health'>[] = [{ name: 'start', health: () => 'failing' }];
  const modules: (DynamicModule | Type)[] = [];
  const controllers: Type[] = [];
  for (const { service, host, listening, rebuilds } of placed) {
    if (rebuilds) controllers.push(rebuildsController(host, service.name, rebuilds));
    if (listening) controllers.push(parkedController(host, service.name, listening.parking), replaysController(host, service.name, listening.replays));
    modules.push(...(service.modules?.(host) ?? []));
    controllers.push(...service.types.filter(({ type }) => !service.fronted?.includes(type)).map((rules) => fhirController(host, rules)));
  }
  const [{ host: first }] = placed as [Placed];
  controllers.push(operationsController(first, () => readiness));
  const onRefused = async (caller: Caller, refused: Refused): Promise<void> => {
    for (const { service, host } of involved) await service.onRefused?.(host, caller, refused);
  };
  const rules = new Map(involved.flatMap(({ service }) => service.types.map((each) => [each.type, each])));
  const { app } = await httpServer(first, { onRefused, methodsAt: (url) => offeredMethods(rules, url) }, modules, controllers);
  mountDocs(app, involved.length > placed.length);
  await app.listen(options.config.BATON_PORT, options.config.BATON_HOST).catch((error: unknown) => {
    throw listenError(error, options.config);
  });
  shared.bound = await app.getUrl();

  const unhear = options.shared ? await hearEachOther(placed, involved) : undefined;
  const started: Started[] = [];
  if (options.works ?? true) for (const each of placed) started.push(await startWork(each));
  readiness = started.flatMap(readinessOf);
  watchEvents(shared.metrics, started);
  const housekeeping = everySoOften(placed, shared.audit);
  first.log.info('started', { address: shared.bound, pid: process.pid });

  const drainMs = options.config.BATON_DRAIN_SECONDS * 1000;
  const outOfTime = (says: string) => (error: unknown) => {
    if (!(error instanceof OutOfTime)) throw error;
    first.log.warn(says);
  };
  const drain = async (): Promise<void> => {
    // Who listens to an answer for ever must not keep events from being handed over.
    await inTime(drainMs / 2, app.close()).catch(outOfTime('requests were not answered in time; whoever sent them repeats them'));
    housekeeping.stop();
    await Promise.all([...started.map(stopWork), ...placed.map(stopJobs)]);
    await Promise.all(placed.map(async ({ listening }) => listening?.replays.stop()));
    await unhear?.();
    await Promise.all(placed.map(({ host }) => host.audit.drain()));
    await Promise.all(placed.flatMap(({ host, background }) => [host.database.close(), background.close()]));
    await shared.audit?.close();
  };
  return { address: shared.bound, fhirBase: first.fhirBase(), stop: () => inTime(drainMs, drain()).catch(outOfTime('stopped with events, deliveries or jobs in hand; whoever starts next takes them up again')) };
}

function withListening(placed: Placed): Placed {
  const { service, host: { database, transport } } = placed;
  const handlers = service.handlers?.(placed.host);
  if (!handlers) return placed;
  const options = { database, schema: service.name, group: service.name, handlers, transport };
  return { ...placed, listening: { handlers, parking: new Parking(options), replays: new Replays(options) } };
}

/** The services of this process, and those whose commands one of them composes: these act through that one's connection, under their own role. */
function everyoneInvolved(placed: readonly Placed[]): Pick<Placed, 'service' | 'host'>[] {
  const here = new Set(placed.map(({ service }) => service));
  const elsewhere = placed.flatMap(({ service, host }) => (service.composes ?? []).filter((each) => !here.has(each)).map((each) => ({ service: each, host })));
  return [...placed, ...elsewhere];
}

interface Shared {
  bound: string;
  readonly audit: Database | undefined;
  readonly engine: EventEngine;
  readonly issuer: Awaited<ReturnType<typeof openIssuerKeys>>;
  readonly sealer: Sealer;
  readonly pages: PageLinks;
  readonly metrics: Metrics;
}

async function openShared({ config, services, dsnOf }: StartOptions): Promise<Shared> {
  const audit = services.some(({ keepsAudit }) => keepsAudit) ? await openAudit(dsnOf('audit')) : undefined;
  return { bound: '', audit, engine: eventEngine(config.KAFKA_BROKERS, kafkaConnection(config)), issuer: await openIssuerKeys(config.BATON_HOME), sealer: await Sealer.open(config.BATON_HOME), pages: await PageLinks.open(config.BATON_HOME), metrics: new Metrics() };
}

async function place(options: StartOptions, shared: Shared, service: Service): Promise<Placed> {
  const { config, dsnOf, env = process.env } = options;
  const schema = service.name;
  const background = await Database.open({ dsn: dsnOf(schema), schema, poolSize: 4, commit: 'lazy' });
  const database = await openSchema(service, dsnOf(schema));
  const base = () => (config.BATON_PUBLIC_URL ?? shared.bound).replace(/\/$/, '');
  const fhirBase = () => `${base()}/fhir/R4`;
  const clock = options.clock ?? systemClock;
  const log = openLog(options.services.length > 1 ? `${options.name}.${schema}` : schema, config.BATON_LOG_LEVEL);
  const host: Host = {
    database,
    transport: shared.engine.transportFor({ schema, database, background, report: (says) => log.warn('the event engine', { error: says }) }),
    tokens: new TokenVerifier({ issuer: () => issuerAddresses(fhirBase()).issuer, audience: fhirBase, keys: await localKeys(shared.issuer.jwks), clock }),
    audit: new AuditGatherer(database),
    sealer: shared.sealer,
    pages: shared.pages,
    egress: egressPolicy(env),
    clock,
    log,
    metrics: shared.metrics,
    home: config.BATON_HOME,
    fhirBase,
    env,
  };
  const rebuilds = service.types.length > 0 ? { rebuilds: new Rebuilds(database, schema, [searchProjection(schema), ...(service.projections ?? [])]) } : {};
  return { service, host, background, effects: shared.engine.effects === 'lazy' ? background : database, ...rebuilds };
}

/** Between processes hints spare the second that polling would take; within one the doorbells do. */
async function hearEachOther(placed: readonly Placed[], involved: readonly Pick<Placed, 'service'>[]): Promise<() => Promise<void>> {
  const publishers = (of: readonly Pick<Placed, 'service'>[]): Schema[] => of.filter(({ service }) => service.publishes).map(({ service }) => service.name);
  const handled = placed.flatMap(({ listening }) => Object.keys(listening?.handlers ?? {}));
  const consumes = [...new Set(handled.map((type) => publisherOf(eventContract(type).topic)))];
  return exchangeHints(placed[0]!.host.database, { writes: publishers(involved), relays: publishers(placed), consumes });
}

async function startWork(placed: Placed): Promise<Started> {
  const { service, host, background, effects, listening } = placed;
  const report = ({ topic: event, key, version, refused: error }: HeldBack) => host.log.error(error === undefined ? 'an event is held back: its predecessor is missing' : 'an event is refused: its key waits, and is tried again', { event, key, version, ...(error === undefined ? {} : { error }) });
  const relay = service.publishes ? new Relay({ database: background, schema: service.name, transport: host.transport, report, failed: (error) => host.log.warn('events are not published; they wait, and are tried again', { error }) }).start() : undefined;
  const consumer = listening ? await consume({ database: effects, schema: service.name, transport: host.transport, group: service.name, handlers: listening.handlers, report: (parked) => host.log.error('an event cannot be applied: its key is parked', { event: parked.type, key: parked.key, error: parked.error, count: parked.attempts }) }) : undefined;
  listening?.parking.watchUpgrades((retried, error) => {
    for (const { key, applied } of retried) host.log.info('a key that waited for this version of the service goes on', { key, count: applied });
    if (error !== undefined) host.log.warn('it was not looked for keys that wait for this version of the service', { error });
  });
  const workers = service.workers?.(host) ?? [];
  for (const worker of workers) worker.start();
  return { ...placed, ...(relay ? { relay } : {}), ...(consumer ? { consumer } : {}), workers };
}

/** What must go well for a service to be ready. A consumer or relay that keeps failing makes it red until it goes on. */
function readinessOf({ service: { name }, relay, consumer, workers }: Started): Pick<Worker, 'name' | 'health'>[] {
  const unlessFailing = (what: string, status: () => { readonly failing: number }): Pick<Worker, 'name' | 'health'> => ({ name: `${name}.${what}`, health: () => (status().failing > 0 ? 'failing' : 'ok') });
  return [...(relay ? [unlessFailing('relay', () => relay.status())] : []), ...(consumer ? [unlessFailing('consumer', () => consumer.status())] : []), ...workers];
}

/** What operators began: a retry or a rebuild ends behind what it has in hand. */
async function stopJobs({ listening, rebuilds }: Placed): Promise<void> {
  await Promise.all([listening?.parking.stop(), rebuilds?.stop()]);
}

async function stopWork({ host, relay, consumer, workers }: Started): Promise<void> {
  const drained = async (what: Promise<void> | undefined) => what?.catch((error: unknown) => host.log.warn('did not stop cleanly', errorFields(error)));
  await Promise.all(workers.map((worker) => drained(worker.stop())));
  await drained(consumer?.stop());
  await drained(relay?.stop());
  await drained(host.transport.close());
}
