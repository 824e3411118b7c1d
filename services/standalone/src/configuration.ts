import { egressPolicy } from '@baton/access';
import { ConfigurationError, HostConfig, readConfig } from '@baton/service-host';
import { accessSync, constants } from 'node:fs';

type Env = Readonly<Record<string, string | undefined>>;

const LOOPBACK = '127.0.0.0/8,::1/128';

/** On one machine webhooks go to loopback: allowed unless somebody decides otherwise, never in production. */
export const withLoopback = (env: Env): Env => (env['NODE_ENV'] === 'production' || env['BATON_EGRESS_ALLOW'] !== undefined ? env : { ...env, BATON_EGRESS_ALLOW: LOOPBACK });

/** What a whole Baton reads from the environment, judged before anything is started or made. */
export function wholeConfig(env: Env) {
  const { BATON_EGRESS_ALLOW: networks, BATON_PATHWAY: pathway } = HostConfig.shape;
  const judged = networks.superRefine((allow, context) => {
    try {
      egressPolicy({ BATON_EGRESS_ALLOW: allow, NODE_ENV: env['NODE_ENV'] });
    } catch (error) {
      context.addIssue({ code: 'custom', message: (error as Error).message.replace('BATON_EGRESS_ALLOW: ', '') });
    }
  });
  return HostConfig.safeExtend({ BATON_EGRESS_ALLOW: judged, BATON_PATHWAY: pathway.refine(readable, 'no such file or folder, or it may not be read') });
}

/** @throws ConfigurationError naming every wrong variable */
export const readStandaloneConfig = (env: Env): HostConfig => readConfig(wholeConfig(env), env);

function readable(path: string | undefined): boolean {
  try {
    if (path !== undefined) accessSync(path, constants.R_OK);
    return true;
  } catch {
    return false;
  }
}

/** A database that `DATABASE_URL` names and that does not answer or does not let us in, in that variable's words; any other error as it is. */
export function databaseError(error: unknown): unknown {
  const { code = '', message } = error as Error & { code?: string };
  const away = /^(?:E[A-Z_]+|28\w{3}|3D000)$/.test(code);
  return away ? new ConfigurationError(`DATABASE_URL: the database cannot be used (${message || code})`) : error;
}

/** @throws what brokers that do not answer mean, in the words of the variable that names them; any other error as it is */
export function refuseBrokers(error: unknown): never {
  const { name = '', message } = error as Error;
  if (name === 'KafkaJSSASLAuthenticationError') throw new ConfigurationError('KAFKA_USERNAME: Kafka does not let this user in, with this password (KAFKA_PASSWORD_FILE) and this KAFKA_SASL_MECHANISM');
  throw name.startsWith('KafkaJS') ? new ConfigurationError(`KAFKA_BROKERS: Kafka cannot be used (${message}${message === 'Closed connection' ? '; do the brokers ask for KAFKA_TLS or KAFKA_USERNAME?' : ''})`) : error;
}

const OWN: readonly string[] = [...Object.keys(HostConfig.shape), 'BATON_CRASH_AT', 'BATON_CHECK_EVENTS', 'BATON_KAFKA_JARS', 'BATON_WORKERS', 'BATON_AUDIT_DATABASE_URL'].filter((name) => name.startsWith('BATON_'));

/** One line about variables that look like ours and are none: a misspelt one would else do nothing, silently. */
export function unknownVariables(env: Env): string[] {
  const unknown = Object.keys(env).filter((name) => name.startsWith('BATON_') && !OWN.includes(name));
  return unknown.length === 0 ? [] : [`not known, without effect: ${unknown.join(', ')} (known: ${OWN.join(', ')})`];
}

/** What whoever starts a Baton should know of how it is configured, a line each. */
export function notices(env: Env): string[] {
  return [
    ...(withLoopback(env) === env ? [] : ['webhooks to this machine (loopback) are allowed; set BATON_EGRESS_ALLOW to decide otherwise']),
    ...(env['KAFKA_BROKERS'] === undefined ? [] : [`events travel through Kafka (${env['KAFKA_BROKERS']})`]),
  ];
}
