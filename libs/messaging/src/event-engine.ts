import type { Database, DatabaseOptions, Schema } from '@baton/postgres';
import type { KafkaConnection, KafkaCluster } from './kafka/client.js';
import { KafkaTransport } from './kafka/kafka-transport.js';
import { LogTails } from './log-tails.js';
import { PostgresTransport } from './postgres-transport.js';
import type { Transport } from './transport.js';

/** What one service gives for its events to travel. */
export interface Traveller {
  readonly schema: Schema;
  /** Its own connection that commits durably. */
  readonly database: Database;
  /** Its own connection for what moves events (relays, group positions); it commits lazily. */
  readonly background: Database;
  /** Told in one sentence what goes wrong with the engine: names and codes only. */
  readonly report: (says: string) => void;
}

/** What carries the events of a process. */
export interface EventEngine {
  /** In words, for whoever starts the process. */
  readonly name: string;
  /** How consumers must commit; relays may commit lazily whatever it is, for what the database forgets of them is sent once more. */
  readonly effects: NonNullable<DatabaseOptions['commit']>;
  transportFor(traveller: Traveller): Transport;
}

/**
 * Apache Kafka where brokers are named, else the log in PostgreSQL. Nothing outside this library asks which.
 * @param brokers `host:port,host:port`; undefined for the log in PostgreSQL
 * @param connection encryption and credentials, where the brokers ask for them
 */
export const eventEngine = (brokers?: string, connection: KafkaConnection = {}): EventEngine => (brokers === undefined ? logInPostgres() : kafka({ brokers: brokersOf(brokers), connection }));

/** The log lies in the write-ahead log of the effects: a crash that forgets an effect forgets its position too. */
function logInPostgres(): EventEngine {
  let tails: LogTails | undefined;
  return {
    name: 'the log in PostgreSQL',
    effects: 'lazy',
    transportFor: ({ schema, database, background }) => new PostgresTransport({ database, background, schema, tails: (tails ??= new LogTails(background)) }),
  };
}

/** Kafka keeps a position that the database would have forgotten, so an effect is on the disk before its position moves. */
const kafka = (cluster: KafkaCluster): EventEngine => ({
  name: `Kafka at ${cluster.brokers.join(', ')}`,
  effects: 'durable',
  transportFor: ({ schema, report }) => new KafkaTransport({ ...cluster, schema, report }),
});

/** Addresses in a list of `host:port`, separated by commas. @throws naming what is none */
export function brokersOf(list: string): string[] {
  const brokers = list.split(',').map((each) => each.trim()).filter((each) => each !== '');
  const wrong = brokers.find((each) => !/^(?:[\w.-]+|\[[\da-f:]+\]):\d{1,5}$/i.test(each));
  if (brokers.length === 0 || wrong !== undefined) throw new Error(`must be host:port, several separated by commas${wrong === undefined ? '' : `; ${wrong} is not`}`);
  return brokers;
}
