import { SERVICES } from '@baton/gateway';
import { freePorts } from '@baton/kafka';
import type { Schema } from '@baton/postgres';
import { startProxy, type Proxy } from '@baton/proxy';
import { kafkaConnection, openLog, type HostConfig, type Running, type Service } from '@baton/service-host';
import { withLoopback } from '@baton/standalone';
import { existsSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { Engines } from './engines.js';
import { OTHERWISE, routesOf } from './routes.js';
import { ServiceProcess, type Witness } from './service-process.js';
import { setUp } from './set-up.js';

type Env = Readonly<Record<string, string | undefined>>;

export interface ApartOptions {
  readonly config: HostConfig;
  /** Processes of each service. */
  readonly instances: number;
  readonly env?: Env;
  /** Variables of one process besides those that all have; asked for at each start of it. */
  readonly envOf?: (service: Schema, instance: number) => Readonly<Record<string, string>>;
  /** Who is told what each process says and how it ends; else it goes to the terminal. */
  readonly witnessOf?: (service: Schema, instance: number) => Witness;
}

/** A Baton whose services are processes of their own. */
export interface Apart extends Running {
  readonly processes: readonly ServiceProcess[];
}

/**
 * Starts every service in processes of its own with its own role, and a reverse proxy before them at `BATON_PORT`; what dies is started
 * again. Schemas and topics are brought up to date first.
 * @throws NotStarted where a service cannot start; ConfigurationError where a port is taken
 */
export async function startApart(options: ApartOptions & { readonly engines: Engines }): Promise<Apart> {
  const { config, engines } = options;
  await setUp({ dsns: engines.database.dsns, brokers: engines.brokers, connection: kafkaConnection(config) });
  const [port = 0] = config.BATON_PORT === 0 ? await freePorts(1) : [config.BATON_PORT];
  const publicUrl = config.BATON_PUBLIC_URL ?? `http://${config.BATON_HOST}:${port}`;
  const processes = await placeProcesses(options, publicUrl);
  const stopServices = (): Promise<unknown> => Promise.all(processes.map((each) => each.stop()));
  try {
    await Promise.all(processes.map((each) => each.start()));
    const proxy = await frontOf(processes, config, port);
    const stop = async (): Promise<void> => {
      await proxy.stop();
      await stopServices();
    };
    return { address: proxy.address, fhirBase: `${publicUrl.replace(/\/$/, '')}/fhir/R4`, processes, stop };
  } catch (error) {
    await stopServices();
    throw error;
  }
}

/** What is set of the environment; the variables of this process alone do not go on. */
const OURS_ALONE = new Set(['BATON_PORT', 'DATABASE_URL', 'INSTANCES', 'KAFKA_USERNAME', 'KAFKA_PASSWORD', 'KAFKA_PASSWORD_FILE']);
const given = (env: Env): Record<string, string> => Object.fromEntries(Object.entries(env).filter((entry): entry is [string, string] => entry[1] !== undefined));
const handedOn = (env: Env): Record<string, string> => given(Object.fromEntries(Object.entries(env).filter(([name]) => !OURS_ALONE.has(name))));

async function placeProcesses({ config, instances, env = process.env, envOf, witnessOf, engines: { database: { dsns }, brokers } }: ApartOptions & { readonly engines: Engines }, publicUrl: string): Promise<ServiceProcess[]> {
  const home = resolve(config.BATON_HOME);
  // Node keeps compiled code there: what dies is back sooner.
  const common = { NODE_COMPILE_CACHE: join(home, 'compiled'), ...handedOn(withLoopback(env)), BATON_HOME: home, BATON_HOST: '127.0.0.1', BATON_PUBLIC_URL: publicUrl, ...(brokers === undefined ? {} : { KAFKA_BROKERS: brokers }) };
  const ports = await freePorts(SERVICES.length * instances);
  return SERVICES.flatMap((service) => {
    const { name } = service;
    const log = openLog(`apart.${name}`, config.BATON_LOG_LEVEL);
    const own = { DATABASE_URL: dsns[name], ...(service.keepsAudit ? { BATON_AUDIT_DATABASE_URL: dsns.audit } : {}), ...kafkaLogin(join(home, 'secrets', 'kafka', name), name, env) };
    return Array.from({ length: instances }, (_, instance) => {
      const port = String(ports.pop());
      const env = (): Record<string, string> => ({ ...common, ...own, BATON_PORT: port, ...envOf?.(name, instance) });
      return new ServiceProcess({ name, main: mainOf(service), address: `http://127.0.0.1:${port}`, env, log, ...(witnessOf ? { witness: witnessOf(name, instance) } : {}) });
    });
  });
}

/** The login of a service on Kafka: its own where its password lies in the home, else that of this process. */
function kafkaLogin(file: string, service: Schema, { KAFKA_USERNAME, KAFKA_PASSWORD, KAFKA_PASSWORD_FILE }: Env): Record<string, string> {
  return given(existsSync(file) ? { KAFKA_USERNAME: `baton-${service}`, KAFKA_PASSWORD_FILE: file } : { KAFKA_USERNAME, KAFKA_PASSWORD, KAFKA_PASSWORD_FILE });
}

const mainOf = ({ name }: Service): string => fileURLToPath(import.meta.resolve(`@baton/${name}/main`));

const frontOf = (processes: readonly ServiceProcess[], { BATON_HOST: host, BATON_LOG_LEVEL: level }: HostConfig, port: number): Promise<Proxy> => {
  const upstreams: Record<string, string[]> = {};
  for (const { name, address } of processes) (upstreams[name] ??= []).push(address);
  const log = openLog('apart.proxy', level);
  return startProxy({ host, port, routes: routesOf(SERVICES), upstreams, otherwise: OTHERWISE, report: ({ says, group, address, error }) => log.warn(says, { key: group, ...(address === undefined ? {} : { address }), ...(error === undefined ? {} : { error }) }) });
};
