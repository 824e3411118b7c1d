import type { SASLOptions } from 'kafkajs';

/** A user of brokers that ask who connects. */
export interface Login {
  readonly username: string;
  readonly password: string;
}

/** How a user connects to brokers of ours. */
export const saslOf = ({ username, password }: Login): SASLOptions => ({ mechanism: 'scram-sha-512', username, password });

const MECHANISMS = ['SCRAM-SHA-512', 'SCRAM-SHA-256'] as const;
const ALL = ['PLAIN', ...MECHANISMS];

const jaas = (module: string, { username, password }: Login, more = ''): string => `org.apache.kafka.common.security.${module} required username="${username}" password="${password}"${more};`;

/** Settings of brokers that let in these users alone, and each do only what rules allow; the first is who needs none. */
export function loginSettings(logins: readonly Login[]): Record<string, string> {
  const [first] = logins;
  if (!first) return {};
  const users = logins.map(({ username, password }) => ` user_${username}="${password}"`).join('');
  return {
    'listener.security.protocol.map': 'CONTROLLER:PLAINTEXT,PLAINTEXT:SASL_PLAINTEXT',
    'sasl.enabled.mechanisms': ALL.join(','),
    'sasl.mechanism.inter.broker.protocol': 'SCRAM-SHA-512',
    'listener.name.plaintext.plain.sasl.jaas.config': jaas('plain.PlainLoginModule', first, users),
    ...Object.fromEntries(MECHANISMS.map((mechanism) => [`listener.name.plaintext.${mechanism.toLowerCase()}.sasl.jaas.config`, jaas('scram.ScramLoginModule', first)])),
    'authorizer.class.name': 'org.apache.kafka.metadata.authorizer.StandardAuthorizer',
    // Controllers speak to one another on a listener of their own, where nobody has a name.
    'super.users': `User:${first.username};User:ANONYMOUS`,
  };
}

/** What Kafka's storage tool must be told for these users to be known from the start. */
export const loginFormatting = (logins: readonly Login[]): string[] =>
  logins.flatMap(({ username, password }) => MECHANISMS.flatMap((mechanism) => ['--add-scram', `${mechanism}=[name=${username},password=${password}]`]));
