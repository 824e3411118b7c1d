import { cloudEvent, type BatonEvent, type RecordFacts } from '@baton/contracts';
import { newEventId, newId } from '@baton/kernel';
import { plainKafka } from './topic-log.js';

export const CONTACTS = 'baton.episodes.contact';

export interface Message {
  readonly key: string;
  readonly value: string | null;
  readonly headers: Readonly<Record<string, string>>;
}

/** An event about a contact, as episodes might publish it. */
export const contactEvent = (key: string, version: number, facts: Partial<RecordFacts> = {}, type = 'baton.episodes.contact-recorded.v1'): BatonEvent => ({
  id: newEventId(),
  topic: CONTACTS,
  key,
  version,
  type,
  time: new Date().toISOString(),
  correlationId: newId(),
  causationId: newId(),
  data: { resource: `Encounter/${key}`, patient: newId(), owner: 'safe-zones', dataref: `Encounter/${key}/_history/${version}`, ...facts },
});

/**
 * In the binary mode of CloudEvents' Kafka binding, by the contract alone: no code of Baton's messaging takes part.
 * @param type another than the event's: one that no contract knows
 */
export function messageOf(event: BatonEvent, type = event.type): Message {
  const { data, datacontenttype, ...known } = cloudEvent(event);
  const attributes = { ...known, type, dataschema: known.dataschema.replace(/v\d+\.json$/, `${type.split('.').at(-1)}.json`) };
  const headers = Object.fromEntries(Object.entries(attributes).map(([name, value]) => [`ce_${name}`, String(value)]));
  return { key: event.key, value: JSON.stringify(data), headers: { 'content-type': datacontenttype, ...headers } };
}

const AT_ONCE = 500;

/** Puts messages on the topic of contacts, in order, past Baton. */
export async function put(brokers: string, messages: readonly Message[]): Promise<void> {
  const producer = plainKafka(brokers).producer();
  await producer.connect();
  try {
    for (let from = 0; from < messages.length; from += AT_ONCE) await producer.send({ topic: CONTACTS, acks: -1, messages: messages.slice(from, from + AT_ONCE).map((one) => ({ ...one, headers: { ...one.headers } })) });
  } finally {
    await producer.disconnect();
  }
}
