import { z } from 'zod';
import { CloudEvent } from './cloud-events.js';
import { EVENTS, type EventContract } from './events.js';

type Json = Record<string, unknown>;

/** `baton.referrals.referral-requested.v1` → `referral-requested.v1`, a key that reads well and is unique in the document. */
const nameOf = (event: EventContract): string => event.type.split('.').slice(1).join('.');

/**
 * The AsyncAPI 3 document of every event Baton publishes, made from the table of events.
 * @param examples an example per event type, as a structured CloudEvent
 */
export function asyncApi(examples: ReadonlyMap<string, CloudEvent>): Json {
  const topics = [...new Set(EVENTS.map((event) => event.topic))];
  return {
    asyncapi: '3.0.0',
    info: {
      title: 'Baton events',
      version: '1.0.0',
      description:
        "What Baton's services tell one another. CloudEvents 1.0 in binary mode; order per key, each event with its aggregate's version; at least once, with an id that never changes. Within a major version changes are additive: ignore what you do not know.",
      license: { name: 'Apache-2.0', url: 'https://www.apache.org/licenses/LICENSE-2.0' },
    },
    defaultContentType: 'application/json',
    channels: Object.fromEntries(topics.map((topic) => [topic, channel(topic)])),
    operations: Object.fromEntries(topics.map((topic) => [`publish-${topic}`, operation(topic)])),
    components: {
      messages: Object.fromEntries(EVENTS.map((event) => [nameOf(event), message(event, examples.get(event.type))])),
      schemas: schemas(),
    },
  };
}

const of = (topic: string): EventContract[] => EVENTS.filter((event) => event.topic === topic);

const channel = (topic: string): Json => ({
  address: topic,
  description: `Key: the aggregate's id. Events of one ${topic.split('.')[2]} arrive in version order.`,
  messages: Object.fromEntries(of(topic).map((event) => [nameOf(event), { $ref: `#/components/messages/${nameOf(event)}` }])),
});

const operation = (topic: string): Json => ({
  action: 'send',
  channel: { $ref: `#/channels/${topic}` },
  summary: `${topic.split('.')[1]} publishes what happened to a ${topic.split('.')[2]}.`,
  messages: of(topic).map((event) => ({ $ref: `#/channels/${topic}/messages/${nameOf(event)}` })),
});

function message(event: EventContract, example: CloudEvent | undefined): Json {
  const { id } = event.data.meta() ?? {};
  return {
    name: event.type,
    title: nameOf(event).replace(/\.v\d+$/, '').split('.').at(-1),
    summary: event.says,
    contentType: 'application/json',
    headers: { $ref: '#/components/schemas/Headers' },
    payload: { $ref: `#/components/schemas/${String(id)}` },
    correlationId: { location: '$message.header#/ce_correlationid' },
    bindings: { kafka: { key: { type: 'string', description: 'Aggregate id' } } },
    ...(example ? { examples: [{ name: 'example', headers: headersOf(example), payload: example.data }] } : {}),
  };
}

/** Attributes as headers of binary mode. */
const headersOf = ({ data: _data, datacontenttype, ...attributes }: CloudEvent): Json => ({
  'content-type': datacontenttype,
  ...Object.fromEntries(Object.entries(attributes).map(([name, value]) => [`ce_${name}`, value])),
});

/** A schema as a component: zod puts what has an id into `$defs`. None of these refers to another. */
function schemaOf(type: z.ZodType): Json {
  const { $defs, ...schema } = z.toJSONSchema(type, { io: 'output' }) as Json & { $defs?: Record<string, Json> };
  const { $schema: _schema, id: _id, ...plain } = $defs?.[String(type.meta()?.id)] ?? schema;
  return plain;
}

function schemas(): Json {
  const { properties, required } = schemaOf(CloudEvent) as { properties: Json; required: string[] };
  const header = (name: string) => (name === 'datacontenttype' ? 'content-type' : `ce_${name}`);
  const names = Object.keys(properties).filter((name) => name !== 'data');
  return {
    Headers: {
      type: 'object',
      properties: Object.fromEntries(names.map((name) => [header(name), properties[name]])),
      required: names.filter((name) => required.includes(name)).map(header),
    },
    ...Object.fromEntries([...new Set(EVENTS.map((event) => event.data))].map((data) => [String(data.meta()?.id), schemaOf(data)])),
  };
}
