import { dsnFor, type Schema } from '@baton/postgres';
import { join, resolve } from 'node:path';
import { z } from 'zod';
import { HostConfig, postgresUrl, readConfig } from './config.js';
import { runMain } from './main-process.js';
import type { Service } from './service.js';
import { startServices, type Running } from './start-services.js';

/** What a service that runs alone reads besides what all do. Its schema was made by `npm run setup`. */
const AloneConfig = HostConfig.safeExtend({
  /** Its own login. Without a password in it: that of its role in `BATON_HOME/secrets`. */
  DATABASE_URL: postgresUrl,
  /** The login of the audit schema, for the service that keeps it. Left out, it is found beside `DATABASE_URL`, by the password in `BATON_HOME/secrets`. */
  BATON_AUDIT_DATABASE_URL: postgresUrl.optional(),
  /** `off`: it answers requests and leaves events, scans and deliveries to its other instances. */
  BATON_WORKERS: z.enum(['on', 'off']).default('on'),
});

type Env = Readonly<Record<string, string | undefined>>;

/** Runs one service as a process of its own, until it is asked to stop. */
export const runAlone = (service: Service, expected: readonly (new (...args: never[]) => Error)[] = []): Promise<void> =>
  runMain({ name: service.name, start: () => startAlone(service, process.env), ready: ({ address }) => [`${service.name} is ready at ${address}`], expected });

/** Starts one service. @throws ConfigurationError naming every wrong variable */
export async function startAlone(service: Service, env: Env): Promise<Running> {
  const config = readConfig(AloneConfig, env);
  const home = resolve(config.BATON_HOME);
  const secrets = join(home, 'secrets');
  const own = await loginOf(service.name, config.DATABASE_URL, secrets);
  const audit = service.keepsAudit ? await loginOf('audit', config.BATON_AUDIT_DATABASE_URL ?? withoutLogin(config.DATABASE_URL), secrets) : undefined;
  return startServices({
    config: { ...config, BATON_HOME: home },
    env,
    services: [service],
    dsnOf: (schema) => (schema === 'audit' ? audit! : own),
    name: service.name,
    shared: true,
    works: config.BATON_WORKERS === 'on',
  });
}

const hasPassword = (url: string): boolean => /^\w+:\/\/[^@/?]*:[^@/?]+@/.test(url);

const withoutLogin = (url: string): string => url.replace(/^(\w+:\/\/)[^@/?]*@/, '$1');

const loginOf = async (schema: Schema, url: string, secrets: string): Promise<string> => (hasPassword(url) ? url : dsnFor(secrets, url, schema));
