import { createRequire } from 'node:module';
import { setTimeout as sleep } from 'node:timers/promises';
import { inTime } from '@baton/kernel';
import type * as KafkaJs from 'kafkajs';
import type { Admin, Kafka, KafkaConfig, RetryOptions } from 'kafkajs';
import { calmRequestQueues } from './request-queue.js';

let loaded: typeof KafkaJs | undefined;

/** kafkajs, loaded when it is first needed: where events travel through PostgreSQL its 18 MB and 0.1 s are saved. */
export const kafkajs = (): typeof KafkaJs => (loaded ??= createRequire(import.meta.url)('kafkajs') as typeof KafkaJs);

/** Encryption and credentials. */
export type KafkaConnection = Pick<KafkaConfig, 'ssl' | 'sasl'>;

/** What kafkajs needs to know of a cluster. */
export interface KafkaCluster {
  /** `host:port` of some brokers; the others are learnt from them. */
  readonly brokers: readonly string[];
  /** Where the brokers ask for more; for tests, how sockets are made. */
  readonly connection?: KafkaConnection & Pick<KafkaConfig, 'socketFactory'>;
}

/** Short pauses: kafkajs' own grow to half a minute, and a dead leader would cost as much. */
export const pauses = (retries: number): RetryOptions => ({ initialRetryTime: 100, factor: 0.2, multiplier: 2, maxRetryTime: 500, retries });

/** About 15 s: longer than a cluster takes to find new leaders for those of a broker that died. */
export const PATIENT = pauses(30);

/** Metadata older than this is asked for again, in milliseconds. */
export const METADATA_MAX_AGE = 5000;

/** A client of a cluster that says nothing by itself. */
export function kafkaClient(clientId: string, { brokers, connection }: KafkaCluster): Kafka {
  const { Kafka, logLevel } = kafkajs();
  calmRequestQueues();
  return new Kafka({ clientId, brokers: [...brokers], connectionTimeout: 1000, requestTimeout: 10_000, retry: pauses(8), logLevel: logLevel.NOTHING, ...connection });
}

/** Tries of a request while leaders change. */
const ADMIN_TRIES = 8;

/** An administrator's connection, made when it is first needed. */
export class AdminConnection {
  private connected: Promise<Admin> | undefined;
  private closed = false;

  constructor(private readonly kafka: Kafka) {}

  /**
   * Asks the brokers something that may be asked twice. Where kafkajs holds on to a leader that is none any more, or a connection that is
   * gone, a new connection learns who leads now.
   */
  async use<T>(work: (admin: Admin) => Promise<T>): Promise<T> {
    for (let attempt = 1; ; attempt++) {
      const connected = (this.connected ??= this.connect());
      try {
        return await work(await connected);
      } catch (error) {
        if (this.closed || attempt >= ADMIN_TRIES || !isPassing(error)) throw error;
        if (this.connected === connected) this.connected = undefined;
        void connected.then((admin) => atMost(3000, admin.disconnect())).catch(() => undefined);
        await sleep(Math.min(50 * 2 ** attempt, 500));
      }
    }
  }

  async close(): Promise<void> {
    this.closed = true;
    const admin = await this.connected?.catch(() => undefined);
    await atMost(3000, admin?.disconnect());
  }

  private async connect(): Promise<Admin> {
    if (this.closed) throw new Error('The transport is closed');
    const admin = this.kafka.admin({ retry: pauses(2) });
    try {
      await admin.connect();
      return admin;
    } catch (error) {
      await atMost(1000, admin.disconnect());
      throw error;
    }
  }
}

/** Does it pass by itself? A refusal by the brokers, of what is asked or of who asks, does not; a leader or a connection that is gone does. */
export function isPassing(error: unknown): boolean {
  const { name, retriable } = causeOf(error) as { name?: string; retriable?: boolean };
  return name !== 'KafkaJSSASLAuthenticationError' && (name !== 'KafkaJSProtocolError' || retriable === true);
}

/** Waits for something that may never end or fail, but not for ever. @returns whether it ended well */
export async function atMost(ms: number, work: Promise<unknown> | undefined): Promise<boolean> {
  return inTime(ms, work).then(
    () => true,
    () => false,
  );
}

/** The failure beneath those that kafkajs wraps around it. */
export function causeOf(error: unknown): unknown {
  let found = error;
  while (found instanceof Error && found.cause instanceof Error && found.cause !== found) found = found.cause;
  return found;
}

/** A failure in words that cannot hold what events hold: names and codes. */
export function inWords(error: unknown): string {
  const cause = causeOf(error);
  const { name, type, code } = cause as { name?: string; type?: string; code?: string | number };
  const words = [name ?? typeof cause, type ?? code].filter((word) => word !== undefined).join(' ');
  // kafkajs swallows what the brokers answered, and they refuse to name the coordinator of a group that is not the user's.
  return name === 'KafkaJSGroupCoordinatorNotFound' ? `${words}: there is none now, or this user has no right to the group` : words;
}
