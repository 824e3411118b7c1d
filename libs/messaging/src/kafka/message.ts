import { cloudEvent, type BatonEvent } from '@baton/contracts';
import type { IHeaders, KafkaMessage } from 'kafkajs';
import { createHash } from 'node:crypto';
import type { Received } from '../transport.js';

/** An event as kafkajs takes it. */
export interface OutgoingMessage {
  readonly key: string;
  readonly value: string;
  readonly headers: Record<string, string>;
}

/** Why what was found at a place is no event. */
type UnreadableBecause = 'no value' | 'value is too large' | 'value is no JSON object' | 'attribute is missing or malformed';

/** What topics of ours take at most; a topic that takes more is not made by us, and nothing bigger is made an object of. */
const VALUE_AT_MOST = 1_048_576;

/** The event in the binary mode of CloudEvents' Kafka binding: attributes as headers, the data alone as value. */
export function messageOf(event: BatonEvent): OutgoingMessage {
  const { data, datacontenttype, ...attributes } = cloudEvent(event);
  const headers: Record<string, string> = { 'content-type': datacontenttype };
  for (const [name, value] of Object.entries(attributes)) headers[`ce_${name}`] = String(value);
  return { key: event.key, value: JSON.stringify(data), headers };
}

/** Bytes of a message, roughly. */
export const sizeOf = ({ key, value, headers }: OutgoingMessage): number =>
  Buffer.byteLength(value) + Buffer.byteLength(key) + Object.entries(headers).reduce((sum, [name, text]) => sum + name.length + text.length + 4, 32);

type Place = Pick<Received, 'partition' | 'offset'> & { readonly topic: string };

/** Reads a message, in binary or structured mode. Never throws: what cannot be read comes back as such. */
export function receivedOf(topic: string, partition: number, message: KafkaMessage): Received {
  const place: Place = { topic, partition, offset: message.offset };
  if (message.value === null) return unreadable(place, message, 'no value');
  if (message.value.length > VALUE_AT_MOST) return unreadable(place, message, 'value is too large');
  const value = jsonObject(message.value.toString());
  if (value === undefined) return unreadable(place, message, 'value is no JSON object');
  const structured = header(message.headers, 'content-type')?.startsWith('application/cloudevents+json') ?? false;
  const event = structured ? eventIn(topic, message, value, value['data']) : eventIn(topic, message, attributesOf(message.headers), value);
  return event ? { event, partition, offset: message.offset } : unreadable(place, message, 'attribute is missing or malformed');
}

/** The event of these attributes; undefined if one that is needed lacks or is misspelt. Others may be unknown to us. */
function eventIn(topic: string, message: KafkaMessage, attributes: Readonly<Record<string, unknown>>, data: unknown): BatonEvent | undefined {
  const text = (name: string): string => (isStorable(attributes[name]) ? attributes[name] : '');
  const [id, type, time, sequence, traceparent] = [text('id'), text('type'), text('time'), text('sequence'), text('traceparent')];
  const key = message.key?.toString() ?? text('subject');
  if (!UUID.test(id) || type === '' || !isKey(key) || !isTime(time) || !isVersion(sequence) || text('specversion') !== '1.0') return undefined;
  if (typeof data !== 'object' || data === null || Array.isArray(data)) return undefined;
  return {
    id,
    topic,
    key,
    version: Number(sequence),
    type,
    time,
    correlationId: text('correlationid') || id,
    causationId: text('causationid') || id,
    ...(traceparent === '' ? {} : { traceparent }),
    data: data as Record<string, unknown>,
  };
}

/** What cannot be stored would keep its partition from going on: it could be neither handled nor parked. */
const TEXT_AT_MOST = 1_000;
const isStorable = (value: unknown): value is string => typeof value === 'string' && value.length <= TEXT_AT_MOST && !value.includes('\0');
const isKey = (key: string | undefined): key is string => isStorable(key) && key !== '' && key.length <= 200;
const isVersion = (sequence: string): boolean => /^\d{1,10}$/.test(sequence) && Number(sequence) < 2 ** 31;
const isTime = (time: string): boolean => /^\d{4}-\d{2}-\d{2}T/.test(time) && !Number.isNaN(Date.parse(time));

/** As much of an unreadable value as is kept. */
const KEPT_BYTES = 65_536;

function unreadable({ topic, partition, offset }: Place, message: KafkaMessage, because: UnreadableBecause): Received {
  const text = (name: string): string | undefined => [header(message.headers, name)].find(isStorable);
  const key = message.key?.toString();
  const { value, timestamp } = message;
  const traceparent = text('ce_traceparent');
  const event: BatonEvent = {
    // Never the id that it claims: a whole event of that id may come yet, and must not be taken for handled.
    id: placeId(topic, partition, offset, timestamp),
    topic,
    key: isKey(key) ? key : `${partition}-${offset}`,
    version: 0,
    type: text('ce_type') || `${topic.split('.').slice(0, 2).join('.')}.unreadable.v1`,
    time: new Date(Number(timestamp)).toISOString(),
    correlationId: text('ce_correlationid') || 'unknown',
    causationId: text('ce_causationid') || 'unknown',
    ...(traceparent === undefined ? {} : { traceparent }),
    data: { unreadable: because, id: text('ce_id') ?? null, bytes: value?.length ?? 0, base64: value?.subarray(0, KEPT_BYTES).toString('base64') ?? null },
  };
  return { event, partition, offset, unreadable: because };
}

const UUID = /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/i;

/** An id for what has none, the same whenever it is read. */
function placeId(topic: string, partition: number, offset: string, timestamp: string): string {
  const hex = createHash('sha256').update(`${topic}/${partition}/${offset}/${timestamp}`).digest('hex');
  return `${hex.slice(0, 8)}-${hex.slice(8, 12)}-8${hex.slice(13, 16)}-a${hex.slice(17, 20)}-${hex.slice(20, 32)}`;
}

function jsonObject(text: string): Record<string, unknown> | undefined {
  try {
    const value: unknown = JSON.parse(text);
    return typeof value === 'object' && value !== null && !Array.isArray(value) ? (value as Record<string, unknown>) : undefined;
  } catch {
    return undefined;
  }
}

/** kafkajs gives an array where a name occurs more than once: the last one counts, as with other clients. */
function header(headers: IHeaders | undefined, name: string): string | undefined {
  const value = headers?.[name];
  const last = Array.isArray(value) ? value.at(-1) : value;
  return last?.toString();
}

function attributesOf(headers: IHeaders | undefined): Record<string, string> {
  const attributes: Record<string, string> = {};
  for (const name of Object.keys(headers ?? {})) {
    const value = header(headers, name);
    if (value === undefined) continue;
    if (name.startsWith('ce_')) attributes[name.slice(3)] = value;
    else if (name === 'content-type') attributes['datacontenttype'] = value;
  }
  return attributes;
}
