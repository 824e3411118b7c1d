import { AuditGatherer, AuditTables1700000000000, egressPolicy, issuerAddresses, localKeys, makeAuditPartitions, openIssuerKeys, Sealer, TokenVerifier } from '@baton/access';
import { PageLinks } from '@baton/fhir-store';
import { crashPoint, systemClock, type Caller, type Clock, type Refused } from '@baton/kernel';
import { consume, LogTails, PostgresTransport, Relay, type Consumer } from '@baton/messaging';
import { Database, type Schema } from '@baton/postgres';
import type { DynamicModule, Type } from '@nestjs/common';
import { listenError, type HostConfig } from './config.js';
import { fhirController } from './fhir.controller.js';
import { httpServer } from './http-server.js';
import { errorFields, openLog } from './log.js';
import { watchEvents } from './event-metrics.js';
import { Metrics } from './metrics.js';
import { mountDocs } from './docs.js';
import { offeredMethods } from './offered-methods.js';
import { operationsController } from './operations.controller.js';
import type { Host, Service, Worker } from './service.js';
import { everySoOften } from './housekeeping.js';

export interface StartOptions {
  readonly config: HostConfig;
  readonly env?: Readonly<Record<string, string | undefined>>;
  readonly services: readonly Service[];
  /** DSN of each schema's own role. */
  readonly dsnOf: (schema: Schema) => string;
  /** Name in logs. */
  readonly name: string;
  readonly clock?: Clock;
}

export interface Running {
  /** `http://host:port`, as bound. */
  readonly address: string;
  readonly fhirBase: string;
  /** Drains and stops: no new requests, workers finish what is in hand, the log is read to where it was. */
  stop(): Promise<void>;
}

interface Started {
  readonly service: Service;
  readonly host: Host;
  readonly relay?: Relay;
  readonly consumer?: Consumer;
  readonly workers: readonly Worker[];
}

/** Starts services in one process: migrate, prepare, listen to events, work, answer. */
export async function startServices(options: StartOptions): Promise<Running> {
  const shared = await openShared(options);
  const hosts = new Map<Service, Host>();
  const backgrounds = new Map<Service, Database>();
  for (const service of options.services) {
    const background = await openBackground(options, service);
    backgrounds.set(service, background);
    hosts.set(service, await openHost(options, shared, service, background));
  }
  for (const [service, host] of hosts) {
    await service.equip?.(host);
    await service.prepare?.(host);
  }

  // Requests are answered before the workers run; ready is who has them all.
  let readiness: readonly Pick<Worker, 'name' | 'health'>[] = [{ name: 'start', health: () => 'failing' }];
  const modules: (DynamicModule | Type)[] = [];
  const controllers: Type[] = [];
  const fronted = new Set(options.services.flatMap(({ fronts }) => fronts ?? []));
  for (const [service, host] of hosts) {
    modules.push(...(service.modules?.(host) ?? []));
    controllers.push(...service.types.filter(({ type }) => !fronted.has(type)).map((rules) => fhirController(host, rules)));
  }
  const [first] = hosts.values();
  controllers.push(operationsController(first!, () => readiness));
  const onRefused = async (caller: Caller, refused: Refused): Promise<void> => {
    for (const [service, host] of hosts) await service.onRefused?.(host, caller, refused);
  };
  const rules = new Map(options.services.flatMap(({ types }) => types.map((each) => [each.type, each])));
  const { app } = await httpServer(first!, { onRefused, methodsAt: (url) => offeredMethods(rules, url) }, modules, controllers);
  mountDocs(app);
  await app.listen(options.config.BATON_PORT, options.config.BATON_HOST).catch((error: unknown) => {
    throw listenError(error, options.config);
  });
  shared.bound = await app.getUrl();

  const started: Started[] = [];
  for (const [service, host] of hosts) started.push(await startWork(service, host, backgrounds.get(service)!));
  readiness = started.flatMap(({ workers }) => workers);
  watchEvents(shared.metrics, started);
  const housekeeping = everySoOften(first!.log, [...hosts.values()].map((host) => host.database), shared.audit, options.services);
  first!.log.info('started', { address: shared.bound, pid: process.pid });

  return {
    address: shared.bound,
    fhirBase: first!.fhirBase(),
    stop: async () => {
      await app.close();
      housekeeping.stop();
      await Promise.all(started.map(stopWork));
      await Promise.all([...hosts.values()].map((host) => host.audit.drain()));
      await Promise.all([...[...hosts.values()].map((host) => host.database), ...backgrounds.values()].map((database) => database.close()));
      await shared.audit.close();
    },
  };
}

interface Shared {
  bound: string;
  readonly audit: Database;
  readonly issuer: Awaited<ReturnType<typeof openIssuerKeys>>;
  readonly sealer: Sealer;
  readonly pages: PageLinks;
  readonly metrics: Metrics;
  tails: LogTails | undefined;
}

async function openShared({ config, dsnOf }: StartOptions): Promise<Shared> {
  const audit = await Database.open({ dsn: dsnOf('audit'), schema: 'audit', migrations: [AuditTables1700000000000], poolSize: 2 });
  await audit.migrate();
  await makeAuditPartitions(audit);
  return { bound: '', audit, issuer: await openIssuerKeys(config.BATON_HOME), sealer: await Sealer.open(config.BATON_HOME), pages: await PageLinks.open(config.BATON_HOME), metrics: new Metrics(), tails: undefined };
}

/**
 * For what moves events: relay, group positions, handlers. It commits lazily (libs/messaging says why it may); requests, deliveries
 * and the log wait for the disk on the host's own. Few connections: each of them does one thing at a time.
 */
const openBackground = ({ dsnOf }: StartOptions, { name }: Service): Promise<Database> => Database.open({ dsn: dsnOf(name), schema: name, poolSize: 4, commit: 'lazy' });

async function openHost(options: StartOptions, shared: Shared, service: Service, background: Database): Promise<Host> {
  const { config, dsnOf, env = process.env } = options;
  const database = await Database.open({ dsn: dsnOf(service.name), schema: service.name, migrations: service.migrations });
  await database.migrate();
  crashPoint('start.migrated');
  shared.tails ??= new LogTails(background);
  const base = () => (config.BATON_PUBLIC_URL ?? shared.bound).replace(/\/$/, '');
  const fhirBase = () => `${base()}/fhir/R4`;
  const tokens = new TokenVerifier({ issuer: () => issuerAddresses(fhirBase()).issuer, audience: fhirBase, keys: await localKeys(shared.issuer.jwks), clock: options.clock ?? systemClock });
  return {
    database,
    transport: new PostgresTransport({ database, background, schema: service.name, tails: shared.tails }),
    tokens,
    audit: new AuditGatherer(database),
    sealer: shared.sealer,
    pages: shared.pages,
    egress: egressPolicy(env),
    clock: options.clock ?? systemClock,
    log: openLog(options.services.length > 1 ? `${options.name}.${service.name}` : service.name, config.BATON_LOG_LEVEL),
    metrics: shared.metrics,
    home: config.BATON_HOME,
    fhirBase,
    env,
  };
}

async function startWork(service: Service, host: Host, database: Database): Promise<Started> {
  const report = (held: { topic: string; key: string; version: number }) => host.log.error('an event is held back: its predecessor is missing', { event: held.topic, key: held.key, version: held.version });
  const relay = service.publishes ? new Relay({ database, schema: service.name, transport: host.transport, report }).start() : undefined;
  const handlers = service.handlers?.(host);
  const consumer = handlers ? await consume({ database, schema: service.name, transport: host.transport, group: service.name, handlers, report: (parked) => host.log.error('an event cannot be applied: its key is parked', { event: parked.type, key: parked.key, error: parked.error, count: parked.attempts }) }) : undefined;
  const workers = service.workers?.(host) ?? [];
  for (const worker of workers) worker.start();
  return { service, host, ...(relay ? { relay } : {}), ...(consumer ? { consumer } : {}), workers };
}

async function stopWork({ host, relay, consumer, workers }: Started): Promise<void> {
  const drained = async (what: Promise<void> | undefined) => what?.catch((error: unknown) => host.log.warn('did not stop cleanly', errorFields(error)));
  await Promise.all(workers.map((worker) => drained(worker.stop())));
  await drained(consumer?.stop());
  await drained(relay?.stop());
  await drained(host.transport.close());
}
