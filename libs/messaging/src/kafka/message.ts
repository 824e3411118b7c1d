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

/**
 * What was found at a place and is no event of ours. It stands for itself under its key, so that the key waits for it: its data holds what
 * was there, and no handler can make sense of it.
 */
export type UnreadableBecause = 'no value' | 'value is no JSON object' | 'attribute is missing or malformed';

/** An event and where it was found; with `unreadable` when what was found there is no event. */
export interface KafkaReceived extends Received {
  readonly unreadable?: UnreadableBecause;
}

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
export function receivedOf(topic: string, partition: number, message: KafkaMessage): KafkaReceived {
  const place: Place = { topic, partition, offset: message.offset };
  if (message.value === null) return unreadable(place, message, 'no value');
  const value = jsonObject(message.value.toString());
  if (value === undefined) return unreadable(place, message, 'value is no JSON object');
  const structured = header(message.headers, 'content-type')?.startsWith('application/cloudevents+json') ?? false;
  const event = structured ? eventIn(topic, message, value, value['data']) : eventIn(topic, message, attributesOf(message.headers), value);
  return event ? { event, partition, offset: message.offset } : unreadable(place, message, 'attribute is missing or malformed');
}

/** The event of these attributes; undefined if one that is needed lacks or is misspelt. Others may be unknown to us. */
function eventIn(topic: string, message: KafkaMessage, attributes: Readonly<Record<string, unknown>>, data: unknown): BatonEvent | undefined {
  const text = (name: string): string => (typeof attributes[name] === 'string' ? attributes[name] : '');
  const [id, type, time, sequence, traceparent] = [text('id'), text('type'), text('time'), text('sequence'), text('traceparent')];
  const key = message.key?.toString() ?? text('subject');
  if (!UUID.test(id) || type === '' || key === '' || Number.isNaN(Date.parse(time)) || !/^\d{1,10}$/.test(sequence) || text('specversion') !== '1.0') return undefined;
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

/** As much of an unreadable value as is kept. */
const KEPT_BYTES = 65_536;

function unreadable({ topic, partition, offset }: Place, message: KafkaMessage, because: UnreadableBecause): KafkaReceived {
  const id = header(message.headers, 'ce_id');
  const value = message.value;
  const event: BatonEvent = {
    id: id !== undefined && UUID.test(id) ? id : placeId(topic, partition, offset),
    topic,
    key: message.key?.toString() ?? `${partition}-${offset}`,
    version: 0,
    type: header(message.headers, 'ce_type') ?? `${topic.split('.').slice(0, 2).join('.')}.unreadable.v1`,
    time: new Date(Number(message.timestamp)).toISOString(),
    correlationId: header(message.headers, 'ce_correlationid') ?? 'unknown',
    causationId: header(message.headers, 'ce_causationid') ?? 'unknown',
    data: { unreadable: because, at: `${topic}/${partition}/${offset}`, bytes: value?.length ?? 0, base64: value?.subarray(0, KEPT_BYTES).toString('base64') ?? null },
  };
  return { event, partition, offset, unreadable: because };
}

const UUID = /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/i;

/** An id for what has none, the same whenever it is read. */
function placeId(topic: string, partition: number, offset: string): string {
  const hex = createHash('sha256').update(`${topic}/${partition}/${offset}`).digest('hex');
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
