import { z } from 'zod';
import { eventContract, type BatonEvent } from './events.js';

/**
 * A Baton event as CloudEvents 1.0. Structured mode is this object as JSON; in binary mode, as on Kafka, each attribute
 * is a header `ce_<name>`, `content-type` stands for `datacontenttype`, and the value is the data alone.
 */
export const CloudEvent = z
  .looseObject({
    specversion: z.literal('1.0'),
    id: z.uuid().meta({ description: 'UUID v7; the same over every retry and replay' }),
    source: z.string().regex(/^\/baton\/[a-z]+$/).meta({ description: 'The service that publishes it: `/baton/referrals`' }),
    type: z.string().regex(/^baton\.[a-z]+\.[a-z-]+\.v\d+$/),
    subject: z.string().min(1).meta({ description: 'Aggregate id; the partition key' }),
    time: z.iso.datetime().meta({ description: 'Instant it was written to the outbox' }),
    datacontenttype: z.literal('application/json'),
    dataschema: z.url().meta({ description: 'Schema of the data' }),
    sequence: z.string().regex(/^\d{10}$/).meta({ description: "The aggregate's own version, zero-padded: 1, 2, 3 … without gaps" }),
    correlationid: z.string().min(1).meta({ description: 'X-Correlation-Id of the request everything follows from' }),
    causationid: z.string().min(1).meta({ description: 'Id of the request or event that caused it' }),
    traceparent: z.string().optional().meta({ description: 'W3C trace context' }),
    dataclassification: z.literal('pseudonymous').meta({ description: 'Ids, codes and references only: no name, address, NHS number or free text' }),
    data: z.record(z.string(), z.unknown()),
  })
  .meta({ id: 'CloudEvent' });
export type CloudEvent = z.infer<typeof CloudEvent>;

/** Where the schema of an event's data is found; the major version of the type is part of it. */
export function dataSchemaOf(type: string): string {
  const { id } = eventContract(type).data.meta() ?? {};
  return `https://baton.example/schemas/events/${String(id)}.${type.split('.').at(-1)}.json`;
}

/** The event as a CloudEvent. @throws if Baton publishes no event of its type */
export const cloudEvent = (event: BatonEvent): CloudEvent => ({
  specversion: '1.0',
  id: event.id,
  source: `/baton/${event.type.split('.')[1]}`,
  type: event.type,
  subject: event.key,
  time: event.time,
  datacontenttype: 'application/json',
  dataschema: dataSchemaOf(event.type),
  sequence: String(event.version).padStart(10, '0'),
  correlationid: event.correlationId,
  causationid: event.causationId,
  ...(event.traceparent === undefined ? {} : { traceparent: event.traceparent }),
  dataclassification: 'pseudonymous',
  data: event.data,
});
