import { Parking, type Discarded, type Parked, type ParkedFilter, type ParkedGroup, type Redriven, type Where } from '@baton/messaging';
import { Database, type Schema } from '@baton/postgres';
import type { Host, Service } from '@baton/service-host';
import { SERVICES } from '@baton/gateway';

/** What is said of a service's. */
export type Of<T> = T & { readonly consumer: string };

/** What services could not apply, for whoever is on call. It works beside a running Baton: the keys are locked in the database. */
export interface ParkedEvents {
  /** Everything that is parked, oldest first within a service. */
  list(): Promise<Parked[]>;
  /** The same, counted by topic and error class. */
  groups(): Promise<Of<ParkedGroup>[]>;
  /** What was given up, newest first within a service. */
  discarded(): Promise<Of<Discarded>[]>;
  /** Applies what is parked in order until something fails again; all of a service's, or what fits. */
  retry(service: string, filter?: ParkedFilter): Promise<Redriven[]>;
  /** Gives one event up; it is kept with the reason. What waits behind it waits for a retry. */
  discard(service: string, where: Where, event: string, reason: string): Promise<void>;
  /** Takes a discarded event back to its place; its key is shut until it is retried. */
  restore(service: string, event: string): Promise<Where>;
  close(): Promise<void>;
}

/** Services that listen to events. */
export const LISTENING: readonly Service[] = SERVICES.filter(({ handlers }) => handlers !== undefined);

/** Who discarded, where nobody has shown who they are. */
const BY_COMMAND = 'command';

/**
 * @param dsnOf DSN of a schema's own role
 * @throws in each call that names a service that listens to nothing
 */
export async function openParked(dsnOf: (schema: Schema) => string | Promise<string>): Promise<ParkedEvents> {
  const opened = await Promise.all(LISTENING.map(async (service) => ({ name: service.name, ...(await open(service, await dsnOf(service.name))) })));
  const parkingOf = (service: string): Parking => {
    const found = opened.find(({ name }) => name === service);
    if (!found) throw new Error(`${service} listens to no events; these do: ${opened.map(({ name }) => name).join(', ')}.`);
    return found.parking;
  };
  const ofAll = async <T>(ask: (parking: Parking) => Promise<readonly T[]>): Promise<Of<T>[]> =>
    (await Promise.all(opened.map(async ({ name, parking }) => (await ask(parking)).map((one) => ({ ...one, consumer: name }))))).flat();
  return {
    list: () => ofAll(async (parking) => (await parking.list()).items),
    groups: () => ofAll((parking) => parking.groups()),
    discarded: () => ofAll(async (parking) => (await parking.discarded()).items),
    retry: async (service, filter) => parkingOf(service).retryAll(filter),
    discard: async (service, where, event, reason) => parkingOf(service).discard(where, event, { reason, by: BY_COMMAND }),
    restore: async (service, event) => parkingOf(service).restore(event),
    close: async () => void (await Promise.all(opened.map(({ database }) => database.close()))),
  };
}

async function open({ name, handlers }: Service, dsn: string): Promise<{ database: Database; parking: Parking }> {
  const database = await Database.open({ dsn, schema: name, poolSize: 2 });
  // A handler takes all it needs from its transaction.
  return { database, parking: new Parking({ database, schema: name, group: name, handlers: handlers!({} as Host) }) };
}
