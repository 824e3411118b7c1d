import { cloudEvent, type BatonEvent } from '@baton/contracts';
import type { IHeaders, KafkaMessage } from 'kafkajs';
import { messageOf, receivedOf } from './message.js';
import { event } from './spec-broker.fixture.js';

const TOPIC = 'baton.referrals.referral';
const sent: BatonEvent = { ...event(TOPIC, 'r-1', 7), traceparent: '00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01' };

const arriving = (value: string | null, headers: IHeaders, key: string | null = 'r-1'): KafkaMessage => ({
  key: key === null ? null : Buffer.from(key),
  value: value === null ? null : Buffer.from(value),
  headers: Object.fromEntries(Object.entries(headers).map(([name, text]) => [name, Array.isArray(text) ? text.map((one) => Buffer.from(one)) : Buffer.from(text!)])),
  timestamp: '1795595000000',
  offset: '12',
  attributes: 0,
});

describe('An event on Kafka', () => {
  it('is a CloudEvent in binary mode: attributes as headers, data as value', () => {
    const { headers, value, key } = messageOf(sent);
    expect(key).toBe('r-1');
    expect(JSON.parse(value)).toEqual(sent.data);
    expect(headers).toEqual({
      'content-type': 'application/json',
      ce_specversion: '1.0',
      ce_id: sent.id,
      ce_source: '/baton/referrals',
      ce_type: sent.type,
      ce_subject: 'r-1',
      ce_time: sent.time,
      ce_dataschema: 'https://baton.example/schemas/events/ReferralFacts.v1.json',
      ce_sequence: '0000000007',
      ce_correlationid: sent.correlationId,
      ce_causationid: sent.causationId,
      ce_traceparent: sent.traceparent,
      ce_dataclassification: 'pseudonymous',
    });
  });

  it('comes back unchanged', () => {
    const { headers, value } = messageOf(sent);
    expect(receivedOf(TOPIC, 3, arriving(value, headers))).toEqual({ event: sent, partition: 3, offset: '12' });
  });

  it('is understood in structured mode as well', () => {
    const structured = arriving(JSON.stringify(cloudEvent(sent)), { 'content-type': 'application/cloudevents+json; charset=utf-8' });
    expect(receivedOf(TOPIC, 3, structured).event).toEqual(sent);
  });

  it('has the last of several headers of one name', () => {
    const { headers, value } = messageOf(sent);
    expect(receivedOf(TOPIC, 0, arriving(value, { ...headers, ce_type: ['baton.referrals.referral-failed.v1', sent.type] })).event).toEqual(sent);
  });

  it('may have attributes that nobody here knows', () => {
    const { headers, value } = messageOf(sent);
    expect(receivedOf(TOPIC, 0, arriving(value, { ...headers, ce_invented: 'later' })).event).toEqual(sent);
  });

  const good = messageOf(sent);
  it.each([
    ['no value', null, good.headers],
    ['value is no JSON object', '{"broken', good.headers],
    ['value is no JSON object', '[1]', good.headers],
    ['value is no JSON object', 'null', good.headers],
    ['attribute is missing or malformed', good.value, {}],
    ['attribute is missing or malformed', good.value, { ...good.headers, ce_id: 'seven' }],
    ['attribute is missing or malformed', good.value, { ...good.headers, ce_sequence: '-1' }],
    ['attribute is missing or malformed', good.value, { ...good.headers, ce_time: 'yesterday' }],
    ['attribute is missing or malformed', good.value, { ...good.headers, ce_specversion: '0.3' }],
    ['attribute is missing or malformed', good.value, { ...good.headers, ce_sequence: '9999999999' }],
    ['attribute is missing or malformed', good.value, { ...good.headers, ce_type: 'baton\0' }],
    ['value is too large', `{"a":"${'x'.repeat(1_048_576)}"}`, good.headers],
  ])('that is none says so, keeps its key, and has the same id whenever it is read: %s', (because, value, headers) => {
    const first = receivedOf(TOPIC, 3, arriving(value, headers));
    expect(first).toMatchObject({ unreadable: because, partition: 3, offset: '12', event: { key: 'r-1', version: 0, data: { unreadable: because } } });
    expect(first.event.id).toMatch(/^[0-9a-f-]{36}$/);
    // The whole event may come yet, and is not to be taken for handled.
    expect(first.event.id).not.toBe(sent.id);
    expect((first.event.data['base64'] as string | null)?.length ?? 0).toBeLessThan(90_000);
    expect(receivedOf(TOPIC, 3, arriving(value, headers))).toEqual(first);
  });

  it.each([['none', null], ['empty', ''], ['one that cannot be stored', 'r\0'], ['an endless one', 'r'.repeat(201)]])('that is none and whose key is %s stands under its place', (_, key) => {
    expect(receivedOf(TOPIC, 3, arriving('{"broken', good.headers, key)).event).toMatchObject({ key: '3-12', type: sent.type, correlationId: sent.correlationId, traceparent: sent.traceparent });
  });
});
