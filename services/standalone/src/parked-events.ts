import { Consumer, PostgresTransport, type Parked, type ParkedKey, type Redriven } from '@baton/messaging';
import { Database, type Schema } from '@baton/postgres';
import type { Host, Service } from '@baton/service-host';
import { SERVICES } from '@baton/gateway';

/** Which aggregate a service cannot go on with. */
export type Where = Omit<ParkedKey, 'consumer'>;

/** What services could not apply, for whoever is on call. It works beside a running Baton: the keys are locked in the database. */
export interface ParkedEvents {
  /** Everything that is parked, oldest first within a service. */
  list(): Promise<Parked[]>;
  /** Applies what is parked in order until something fails again; all of a service's, or one aggregate's. */
  retry(service: string, where?: Where): Promise<Redriven[]>;
  /** Gives one event up; it is kept with the reason. What waits behind it waits for a retry. */
  discard(service: string, where: Where, event: string, reason: string): Promise<void>;
  close(): Promise<void>;
}

/** Services that listen to events. */
export const LISTENING: readonly Service[] = SERVICES.filter(({ handlers }) => handlers !== undefined);

/**
 * @param dsnOf DSN of a schema's own role
 * @throws in each call that names a service that listens to nothing
 */
export async function openParked(dsnOf: (schema: Schema) => string | Promise<string>): Promise<ParkedEvents> {
  const opened = await Promise.all(LISTENING.map(async (service) => ({ name: service.name, ...(await open(service, await dsnOf(service.name))) })));
  const consumerOf = (service: string): Consumer => {
    const found = opened.find(({ name }) => name === service);
    if (!found) throw new Error(`${service} listens to no events; these do: ${opened.map(({ name }) => name).join(', ')}.`);
    return found.consumer;
  };
  return {
    list: async () => (await Promise.all(opened.map(({ consumer }) => consumer.parked()))).flat(),
    retry: async (service, where) => consumerOf(service).retryParked(where),
    discard: async (service, where, event, reason) => consumerOf(service).discardParked(where, event, reason),
    close: async () => void (await Promise.all(opened.map(({ database }) => database.close()))),
  };
}

async function open({ name, handlers }: Service, dsn: string): Promise<{ database: Database; consumer: Consumer }> {
  const database = await Database.open({ dsn, schema: name, poolSize: 2 });
  // It never joins the group: it applies what is parked and nothing else. A handler takes all it needs from its transaction.
  return { database, consumer: new Consumer({ database, schema: name, transport: new PostgresTransport({ database, schema: name }), group: name, handlers: handlers!({} as Host) }) };
}
