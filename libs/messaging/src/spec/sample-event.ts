import type { BatonEvent } from '@baton/contracts';
import { newEventId, newId } from '@baton/kernel';

/** An event as it travels, for what carries events and never looks into them. */
export const sampleEvent = (topic: string, key: string, version: number, data: Record<string, unknown> = { referral: key }): BatonEvent => ({
  id: newEventId(),
  topic,
  key,
  version,
  type: 'baton.referrals.referral-accepted.v1',
  time: new Date().toISOString(),
  correlationId: newId(),
  causationId: newId(),
  data,
});
