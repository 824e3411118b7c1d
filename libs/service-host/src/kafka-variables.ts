import { brokersOf, type KafkaConnection } from '@baton/messaging';
import { X509Certificate } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { z } from 'zod';

type Context = z.core.$RefinementCtx;

/** Says what is wrong with the variable. */
const wrong = (context: Context, message: string): typeof z.NEVER => {
  context.addIssue({ code: 'custom', message });
  return z.NEVER;
};

const brokers = z.string().superRefine((list, context) => {
  try {
    brokersOf(list);
  } catch (error) {
    wrong(context, (error as Error).message);
  }
});

/** The text of the file that a variable names. */
const textOfFile = z.string().transform((path, context) => {
  try {
    return readFileSync(path, 'utf8');
  } catch {
    return wrong(context, 'no such file, or it may not be read');
  }
});

const certificates = textOfFile.transform((pem, context) => {
  try {
    new X509Certificate(pem);
    return pem;
  } catch {
    return wrong(context, 'must name a file of certificates in PEM');
  }
});

const password = z.string().min(1, 'must not be empty');

/** How a process reaches Kafka, and as whom. */
export const kafkaVariables = {
  /** Events travel through Kafka; without it through the log in PostgreSQL. */
  KAFKA_BROKERS: brokers.optional(),
  KAFKA_TLS: z.enum(['on', 'off']).default('off'),
  /** Who vouches for the brokers, in PEM; else the authorities that Node knows. Read, it is the text of the file. */
  KAFKA_CA_FILE: certificates.optional(),
  KAFKA_SASL_MECHANISM: z.enum(['plain', 'scram-sha-256', 'scram-sha-512']).default('scram-sha-512'),
  KAFKA_USERNAME: z.string().min(1, 'must not be empty').optional(),
  KAFKA_PASSWORD: password.optional(),
  /** Read, it is the password: the text of the file, without a line break at its end. */
  KAFKA_PASSWORD_FILE: textOfFile.transform((text) => text.replace(/\r?\n$/, '')).pipe(password).optional(),
};
type KafkaVariables = z.infer<z.ZodObject<typeof kafkaVariables>>;

const isLoopback = (list: string): boolean => list.split(',').every((each) => /^(?:localhost|127(?:\.\d{1,3}){3}|\[::1\]):\d+$/i.test(each.trim()));

/** What of these variables does not go together, said of the one that is to be changed. */
export function judgeKafka(given: Partial<KafkaVariables>, context: Context): void {
  const { KAFKA_BROKERS: list, KAFKA_USERNAME: username, KAFKA_PASSWORD: plain, KAFKA_PASSWORD_FILE: file } = given;
  const say = (variable: keyof KafkaVariables, message: string): void => context.addIssue({ code: 'custom', path: [variable], message });
  const encrypted = given.KAFKA_TLS === 'on';
  const hasPassword = plain !== undefined || file !== undefined;
  if (username !== undefined && !hasPassword) say('KAFKA_PASSWORD_FILE', 'is missing beside KAFKA_USERNAME (or KAFKA_PASSWORD is)');
  if (username === undefined && hasPassword) say('KAFKA_USERNAME', 'is missing: there is a password, and nobody whose it is');
  if (plain !== undefined && file !== undefined) say('KAFKA_PASSWORD', 'set either this or KAFKA_PASSWORD_FILE');
  if (given.KAFKA_CA_FILE !== undefined && !encrypted) say('KAFKA_CA_FILE', 'does nothing without KAFKA_TLS=on');
  if (list === undefined && (encrypted || username !== undefined)) say('KAFKA_BROKERS', 'is missing: there are encryption or a login for Kafka, and no Kafka');
  if (list !== undefined && username !== undefined && given.KAFKA_SASL_MECHANISM === 'plain' && !encrypted && !isLoopback(list)) say('KAFKA_SASL_MECHANISM', 'plain shows the password to the network: set KAFKA_TLS=on, or take scram-sha-512');
}

/** Encryption and credentials, as the variables say. */
export function kafkaConnection(given: KafkaVariables): KafkaConnection {
  const { KAFKA_CA_FILE: ca, KAFKA_SASL_MECHANISM: mechanism, KAFKA_USERNAME: username } = given;
  return {
    ...(given.KAFKA_TLS === 'on' ? { ssl: ca === undefined ? true : { ca } } : {}),
    ...(username === undefined ? {} : { sasl: { mechanism, username, password: (given.KAFKA_PASSWORD_FILE ?? given.KAFKA_PASSWORD)! } as NonNullable<KafkaConnection['sasl']> }),
  };
}
