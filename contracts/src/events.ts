import { z } from 'zod';

/**
 * The domain events: what Baton's services tell one another, and in what shape. Data holds ids, codes, versions and
 * references; never a name, an address, an NHS number or free text. Within one major version changes are additive.
 */

const id = z.string().min(1).max(64);
const partner = z.string().min(1).max(64).meta({ description: 'Partner id of the pathway file' });
const reference = z.string().regex(/^[A-Z][A-Za-z]+\/[A-Za-z0-9\-.]{1,64}$/);
const versionedReference = z.string().regex(/^[A-Z][A-Za-z]+\/[A-Za-z0-9\-.]{1,64}\/_history\/\d+$/);
const code = z.string().min(1).max(128);

/** What every event about a referral says: who, to which service, where it stands. Aggregate: ServiceRequest and Task together. */
export const ReferralFacts = z
  .looseObject({
    referral: id.meta({ description: 'ServiceRequest id; the aggregate id' }),
    task: id,
    patient: id.meta({ description: 'Patient id, as the referrer knows the young person' }),
    referrer: partner,
    service: id.meta({ description: 'HealthcareService id the young person is referred to' }),
    recipients: z.array(partner).meta({ description: 'Provider and delivery partners of the service in the pathway version in force' }),
    status: code.meta({ description: 'Task.status after the change' }),
    businessStatus: code.optional(),
    reason: code.optional().meta({ description: 'Coded Task.statusReason' }),
    priority: z.enum(['stat', 'asap', 'urgent', 'routine']),
    pathway: z.object({ id, version: z.string() }),
    named: z.array(reference).meta({ description: 'Flags, plans and other resources of the referrer that the referral names' }),
    episode: id.optional().meta({ description: 'EpisodeOfCare id, fixed at acceptance' }),
    dataref: versionedReference,
    taskref: versionedReference,
  })
  .meta({ id: 'ReferralFacts' });
export type ReferralFacts = z.infer<typeof ReferralFacts>;

/** A verdict of consent on one referral. Aggregate: one `sharing` per referral, key = referral id, its own versions. */
export const SharingFacts = z
  .looseObject({
    referral: id,
    patient: id,
    referrer: partner,
    recipients: z.array(partner).meta({ description: 'Who may know of the referral after this verdict' }),
    gained: z.array(partner),
    lost: z.array(partner),
    decision: id.optional().meta({ description: 'The decision that settled it' }),
    basis: code.optional(),
  })
  .meta({ id: 'SharingFacts' });
export type SharingFacts = z.infer<typeof SharingFacts>;

/** A decision about who may see what, beyond a single referral. Aggregate: the Consent resource. */
export const DecisionFacts = z
  .looseObject({
    decision: id.meta({ description: 'Consent id' }),
    patient: id,
    owner: partner,
    recipients: z.array(partner),
    status: z.enum(['active', 'inactive', 'entered-in-error']),
    effect: z.enum(['permit', 'deny']),
    basis: code,
    dataref: versionedReference,
  })
  .meta({ id: 'DecisionFacts' });
export type DecisionFacts = z.infer<typeof DecisionFacts>;

/** One resource about a young person was recorded or amended. Aggregate: the resource. */
export const RecordFacts = z
  .looseObject({
    resource: reference,
    patient: id,
    owner: partner,
    referral: id.optional().meta({ description: 'The referral it belongs to, if any' }),
    status: code.optional(),
    dataref: versionedReference,
  })
  .meta({ id: 'RecordFacts' });
export type RecordFacts = z.infer<typeof RecordFacts>;

export interface EventContract {
  /** CloudEvents type. */
  readonly type: string;
  /** Kafka topic; the aggregate's name. */
  readonly topic: string;
  readonly says: string;
  readonly data: z.ZodType;
}

const about = (service: string, aggregate: string, data: z.ZodType, events: Record<string, string>): EventContract[] =>
  Object.entries(events).map(([name, says]) => ({ type: `baton.${service}.${name}.v1`, topic: `baton.${service}.${aggregate}`, says, data }));

/** Every event Baton publishes; AsyncAPI is generated from this table. */
export const EVENTS: readonly EventContract[] = [
  ...about('referrals', 'referral', ReferralFacts, {
    'referral-requested': 'A referrer asked a service to take on a young person; the referral is valid and eligible.',
    'referral-amended': 'The referrer changed what the referral says.',
    'referral-held': 'There is no basis to share the referral with its receiver; it waits.',
    'referral-released': 'A basis to share was found for a held referral.',
    'referral-received': "The receiver's system has it.",
    'referral-accepted': 'The receiver takes the young person on.',
    'referral-rejected': 'The receiver does not take the young person on; with a reason.',
    'referral-started': 'Work with the young person has begun (Task in-progress).',
    'referral-put-on-hold': 'Work pauses; with a reason and a review date.',
    'referral-resumed': 'Work goes on after a pause.',
    'referral-completed': 'Work is done; with outcome and, where demanded, an aftercare plan.',
    'referral-failed': 'Work ended without its aim; with a reason.',
    'referral-cancelled': 'The referrer, or Baton when sharing was withdrawn, took the referral back.',
    'referral-marked-in-error': 'The referral should never have been recorded.',
    'referral-unacknowledged': "Nobody received the referral within the pathway's acknowledgement allowance.",
  }),
  ...about('consent', 'sharing', SharingFacts, {
    'sharing-allowed': 'There is a lawful basis for these recipients to know of the referral.',
    'sharing-refused': 'There is no basis to share the referral with its receiver.',
    'sharing-withdrawn': 'Recipients lost their basis to know of the referral.',
  }),
  ...about('consent', 'decision', DecisionFacts, {
    'decision-recorded': 'A consent decision was recorded.',
    'decision-amended': 'A consent decision was changed or withdrawn.',
  }),
  ...about('episodes', 'episode', RecordFacts, {
    'episode-opened': 'A service took responsibility for a young person.',
    'episode-amended': 'The receiver changed the episode.',
    'episode-closed': "A service's responsibility ended.",
  }),
  ...about('episodes', 'contact', RecordFacts, { 'contact-recorded': 'A contact or session was recorded, attended or not.', 'contact-amended': 'A contact was changed.' }),
  ...about('episodes', 'care-plan', RecordFacts, { 'care-plan-recorded': 'A crisis, safety, aftercare or transition plan was recorded.', 'care-plan-amended': 'A plan was changed.' }),
  ...about('episodes', 'alert', RecordFacts, { 'alert-recorded': 'Something all who help must know was recorded.', 'alert-amended': 'An alert was changed.' }),
  ...about('episodes', 'measure', RecordFacts, { 'measure-recorded': 'An outcome measure was recorded.', 'measure-amended': 'An outcome measure was changed.' }),
  ...about('directory', 'patient', RecordFacts, { 'patient-recorded': 'A partner recorded a young person.', 'patient-amended': 'A partner changed what it recorded of a young person.' }),
];

const byType = new Map(EVENTS.map((event) => [event.type, event]));

/** The contract of an event type. @throws if Baton publishes no such event */
export function eventContract(type: string): EventContract {
  const found = byType.get(type);
  if (!found) throw new Error(`No event of type ${type} in contracts/src/events.ts`);
  return found;
}

/** A new event as a command returns it; id, time and sequence are added when it is written to the outbox. */
export interface NewEvent {
  /** `baton.<service>.<what-happened>.v<major>`. */
  readonly type: string;
  /** Aggregate id: partition key and unit of order. */
  readonly key: string;
  /** The aggregate's own version: 1, 2, 3 … without gaps. */
  readonly version: number;
  readonly data: Record<string, unknown>;
}

/** An event as consumers get it, from whichever transport. */
export interface BatonEvent extends NewEvent {
  /** UUID v7, the same over every retry and replay. */
  readonly id: string;
  readonly topic: string;
  /** Instant it was written to the outbox, ISO 8601. */
  readonly time: string;
  readonly correlationId: string;
  /** Id of the request or event that caused it. */
  readonly causationId: string;
  readonly traceparent?: string | undefined;
}
