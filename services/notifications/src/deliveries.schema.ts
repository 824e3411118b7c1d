import { z } from 'zod';

export const SecretShown = z
  .object({
    id: z.uuid(),
    secret: z.string().meta({ description: '`whsec_…`; shown this once' }),
    createdAt: z.iso.datetime(),
    othersUntil: z.iso.datetime().optional().meta({ description: 'Until when earlier secrets sign as well' }),
  })
  .meta({ id: 'SigningSecret' });
export type SecretShown = z.infer<typeof SecretShown>;

const State = z.enum(['queued', 'waiting', 'parked', 'delivered', 'abandoned']);

const DeliveryFields = z.object({
  id: z.uuid().meta({ description: 'Never changes; the webhook-id is `msg_` and this' }),
  subscription: z.string(),
  number: z.number().int().meta({ description: 'The event number within the subscription' }),
  kind: z.string(),
  event: z.string().meta({ description: 'CloudEvents type of what happened' }),
  focus: z.string().optional().meta({ description: 'As long as you may know of it' }),
  occurred: z.iso.datetime(),
  state: z.string().meta({ description: State.options.join(', ') }),
  attempts: z.number().int().meta({ description: 'Failed and successful ones since it was queued or sent again' }),
  nextAt: z.iso.datetime().optional(),
});

export const DeliveryPage = z.object({ deliveries: z.array(DeliveryFields) }).meta({ id: 'DeliveryPage' });

const Attempt = z.object({
  startedAt: z.iso.datetime(),
  endedAt: z.iso.datetime().optional(),
  outcome: z.string(),
  status: z.number().int().optional().meta({ description: 'HTTP status of the answer' }),
  failure: z.string().optional().meta({ description: 'Why there was no answer' }),
});

export const DeliveryView = DeliveryFields.extend({ history: z.array(Attempt).readonly() }).meta({ id: 'Delivery' });
export type DeliveryView = z.infer<typeof DeliveryView>;

export const Redriven = z.object({ events: z.number().int(), keys: z.number().int() }).meta({ id: 'Redriven' });
export type Redriven = z.infer<typeof Redriven>;

export const PageQuery = z.object({
  state: State.optional(),
  subscription: z.string().max(64).optional(),
  after: z.uuid().optional(),
  limit: z.coerce.number().int().min(1).max(200).default(50),
});
