import { readdirSync, readFileSync } from 'node:fs';
import { asyncApi } from './async-api.js';
import { CloudEvent, cloudEvent, dataSchemaOf } from './cloud-events.js';
import { EVENTS, eventContract } from './events.js';

const folder = new URL('../examples/events/', import.meta.url);
const files = readdirSync(folder);
const example = (name: string): unknown => JSON.parse(readFileSync(new URL(name, folder), 'utf8'));
const examples = new Map(files.map((name) => [CloudEvent.parse(example(name)).type, CloudEvent.parse(example(name))]));

describe('examples of events', () => {
  // Never edit an example to make this pass: it stands for what was sent once. Add another, or a new major version.
  it.each(files)('%s is what the schema of its event still allows', (name) => {
    const event = CloudEvent.parse(example(name));
    expect(name.startsWith(event.type)).toBe(true);
    expect(event.dataschema).toBe(dataSchemaOf(event.type));
    expect(eventContract(event.type).data.safeParse(event.data).error).toBeUndefined();
  });

  it('there is one of every event', () => {
    expect(EVENTS.map((event) => event.type).filter((type) => !examples.has(type))).toEqual([]);
  });

  it('an event becomes the CloudEvent of its example', () => {
    const { data, ...sent } = examples.get('baton.referrals.referral-accepted.v1')!;
    const event = { id: sent.id, topic: 'baton.referrals.referral', type: sent.type, key: sent.subject, version: 3, time: sent.time, correlationId: sent.correlationid, causationId: sent.causationid, data };
    expect(cloudEvent(event)).toEqual({ ...sent, data });
    expect(cloudEvent({ ...event, traceparent: '00-1-2-01' })).toMatchObject({ traceparent: '00-1-2-01' });
  });

  it('a name, an address or free text has no place in an event', () => {
    const words = /"(name|family|given|address|telecom|phone|email|birthDate|nhsNumber|text|note|display)"/;
    expect([...examples.values()].filter((event) => words.test(JSON.stringify(event.data)))).toEqual([]);
  });
});

describe('the AsyncAPI document', () => {
  const document = asyncApi(examples);

  it('refers to nothing it does not have', () => {
    const references = [...JSON.stringify(document).matchAll(/"\$ref":"#\/([^"]+)"/g)].map((match) => match[1]!);
    const at = (path: string) => path.split('/').reduce<unknown>((node, key) => (node as Record<string, unknown> | undefined)?.[key], document);
    expect(references.length).toBeGreaterThan(EVENTS.length);
    expect(references.filter((path) => at(path) === undefined)).toEqual([]);
  });

  it('has each event once, on the topic it is published to', () => {
    const channels = document['channels'] as Record<string, { address: string; messages: Record<string, unknown> }>;
    const listed = Object.values(channels).flatMap((channel) => Object.keys(channel.messages).map((name) => `${channel.address} baton.${name}`));
    expect(listed.toSorted()).toEqual(EVENTS.map((event) => `${event.topic} ${event.type}`).toSorted());
  });
});
