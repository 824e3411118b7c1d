import { egressPolicy } from '@baton/access';
import { HostConfig, readConfig } from '@baton/service-host';

type Env = Readonly<Record<string, string | undefined>>;

const LOOPBACK = '127.0.0.0/8,::1/128';

/** On one machine webhooks go to loopback: allowed unless somebody decides otherwise, never in production. */
export const withLoopback = (env: Env): Env => (env['NODE_ENV'] === 'production' || env['BATON_EGRESS_ALLOW'] !== undefined ? env : { ...env, BATON_EGRESS_ALLOW: LOOPBACK });

/**
 * The configuration of a whole Baton, judged before anything is started or made.
 * @throws ConfigurationError naming every wrong variable
 */
export function readStandaloneConfig(env: Env): HostConfig {
  const { BATON_EGRESS_ALLOW: networks } = HostConfig.shape;
  const judged = networks.superRefine((allow, context) => {
    try {
      egressPolicy({ BATON_EGRESS_ALLOW: allow, NODE_ENV: env['NODE_ENV'] });
    } catch (error) {
      context.addIssue({ code: 'custom', message: (error as Error).message.replace('BATON_EGRESS_ALLOW: ', '') });
    }
  });
  return readConfig(HostConfig.extend({ BATON_EGRESS_ALLOW: judged }), env);
}

/** What whoever starts a Baton should know of how it is configured, a line each. */
export function notices(env: Env): string[] {
  return [
    ...(withLoopback(env) === env ? [] : ['webhooks to this machine (loopback) are allowed; set BATON_EGRESS_ALLOW to decide otherwise']),
    ...(env['KAFKA_BROKERS'] === undefined ? [] : ['KAFKA_BROKERS is set and not used yet: events run through the log in PostgreSQL']),
  ];
}
