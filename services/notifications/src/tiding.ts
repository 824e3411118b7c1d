import type { BatonEvent, DecisionFacts, RecordFacts, ReferralFacts, SharingFacts, Topic } from '@baton/contracts';
import type { EventKind } from './disclosure.js';

/**
 * What a domain event means for subscriptions: which topics, about what, as of which versions, for whom. Whether a partner may
 * know is not decided here but in the statement that queues it.
 */
export interface Tiding {
  readonly topics: readonly Topic['name'][];
  readonly kind: EventKind;
  /** References, the focus first, then its context. */
  readonly refs: readonly string[];
  /** Version of each as of the event; null where none is meant. */
  readonly versions: readonly (number | null)[];
  /** What filters are compared with. */
  readonly facts: Readonly<Record<string, unknown>>;
  readonly patient: string;
  readonly referral?: string;
  /** Referrals with priority stat or asap: told every 15 s until received. */
  readonly urgent: boolean;
  /** Partners that are told; everybody who sees the focus, if left out. */
  readonly only?: readonly string[];
  /** It says no more than "this exists": needless where the same or a newer version was told. */
  readonly introduces: boolean;
}

const URGENT = new Set(['stat', 'asap']);

/** `ServiceRequest/1/_history/3` → 3. */
const versionOf = (dataref: string): number => Number(dataref.slice(dataref.lastIndexOf('/') + 1));

/** A referral moved on: told to everybody who sees it, whoever moved it. */
export function referralTiding(event: BatonEvent): Tiding {
  const facts = event.data as ReferralFacts;
  // Nobody received it: whom to telephone is part of what is told.
  const service = event.type.includes('.referral-unacknowledged.') ? [`HealthcareService/${facts.service}`] : [];
  return {
    topics: ['referral'],
    kind: 'transition',
    refs: [`ServiceRequest/${facts.referral}`, `Task/${facts.task}`, ...service],
    versions: [versionOf(facts.dataref), versionOf(facts.taskref), ...service.map(() => null)],
    facts,
    patient: facts.patient,
    referral: facts.referral,
    urgent: URGENT.has(facts.priority),
    introduces: event.type.includes('.referral-requested.'),
  };
}

/** A resource was recorded or amended. */
export function recordTiding(topic: Topic['name'], event: BatonEvent): Tiding {
  const facts = event.data as RecordFacts;
  return {
    topics: [topic],
    kind: 'transition',
    refs: [facts.resource],
    versions: [versionOf(facts.dataref)],
    facts,
    patient: facts.patient,
    ...(facts.referral === undefined ? {} : { referral: facts.referral }),
    urgent: false,
    introduces: false,
  };
}

/** What is known of a referral at present, for those who are about to hear of it. */
export interface PresentReferral {
  readonly versions: readonly [number, number | null];
  readonly task?: string;
  readonly facts: Readonly<Record<string, unknown>>;
}

/** Some may see a referral now: its present version is told to those who gained. */
export function sharedTiding(event: BatonEvent, present: PresentReferral): Tiding {
  const { referral, patient, gained } = event.data as SharingFacts;
  const task = present.task === undefined ? [] : [`Task/${present.task}`];
  return {
    topics: ['referral', 'access'],
    kind: 'shared',
    refs: [`ServiceRequest/${referral}`, ...task],
    versions: present.versions.slice(0, 1 + task.length),
    facts: { ...present.facts, patient },
    patient,
    referral,
    urgent: URGENT.has(String(present.facts['priority'])),
    only: gained,
    introduces: true,
  };
}

/** Sharing was refused: told on the topic of access to who sees the referral all the same, its referrer. */
export function refusedTiding(event: BatonEvent, present: PresentReferral): Tiding {
  const { only: _gained, ...tiding } = sharedTiding(event, present);
  return { ...tiding, topics: ['access'], kind: 'transition', introduces: false };
}

/**
 * A decision was recorded or changed, beyond a single referral: its owner is told of the Consent, recipients that see the young
 * person of the Patient.
 */
export function decisionTidings(event: BatonEvent): Tiding[] {
  const { decision, patient, owner, recipients, dataref, effect, ...facts } = event.data as DecisionFacts;
  const common = { topics: ['access'] as const, kind: 'transition' as const, facts: { ...facts, patient }, patient, urgent: false, introduces: false };
  const others = recipients.filter((partner) => partner !== owner);
  return [
    { ...common, refs: [`Consent/${decision}`], versions: [versionOf(dataref)], only: [owner] },
    ...(effect === 'permit' && others.length > 0 ? [{ ...common, refs: [`Patient/${patient}`], versions: [null], only: others }] : []),
  ];
}
