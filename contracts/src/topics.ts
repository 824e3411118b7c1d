import { EVENTS } from './events.js';

/**
 * The subscription topics partners may ask for (FHIR R5 Backport 1.1.0 on R4): which events they carry, what the
 * notification is about, and what a subscription may narrow it to.
 */
export interface TopicFilter {
  /** Name as written in the filter criteria: `patient=…`, `ServiceRequest?patient=…` or `ServiceRequest.patient=…`. */
  readonly name: string;
  /** `reference`: `Type/id` or the id alone · `token`: the code. */
  readonly kind: 'reference' | 'token';
  /** Type the reference points to. */
  readonly target?: string;
  /** Field of the event's data the filter is compared with; where an event lacks it, the present version of the focus tells. */
  readonly field: string;
}

export interface Topic {
  readonly name: 'referral' | 'episode' | 'care-plan' | 'alert' | 'access';
  /** What a Subscription's `criteria` says. */
  readonly canonical: string;
  readonly title: string;
  readonly says: string;
  /** Types that `notification-event.focus` may be of. */
  readonly focusTypes: readonly string[];
  /** CloudEvents types that raise a notification. */
  readonly events: readonly string[];
  readonly filters: readonly TopicFilter[];
}

const BASE = 'https://baton.example/fhir/SubscriptionTopic';

/** All event types of one aggregate's topic, e.g. `baton.episodes.alert`. */
const eventsOf = (...topics: string[]): string[] => EVENTS.filter((event) => topics.includes(event.topic)).map((event) => event.type);

const PATIENT: TopicFilter = { name: 'patient', kind: 'reference', target: 'Patient', field: 'patient' };
const STATUS: TopicFilter = { name: 'status', kind: 'token', field: 'status' };
const REFERRAL: TopicFilter = { name: 'based-on', kind: 'reference', target: 'ServiceRequest', field: 'referral' };

export const TOPICS: readonly Topic[] = [
  {
    name: 'referral',
    canonical: `${BASE}/referral`,
    title: 'Referrals',
    says: 'A referral you made or may see was requested, amended, held, released, or moved on; or nobody received it in time. Status is that of the Task.',
    focusTypes: ['ServiceRequest'],
    events: [...eventsOf('baton.referrals.referral'), 'baton.consent.sharing-allowed.v1'],
    filters: [
      PATIENT,
      STATUS,
      { name: 'business-status', kind: 'token', field: 'businessStatus' },
      { name: 'priority', kind: 'token', field: 'priority' },
      { name: 'performer', kind: 'reference', target: 'HealthcareService', field: 'service' },
    ],
  },
  {
    name: 'episode',
    canonical: `${BASE}/episode`,
    title: 'Episodes',
    says: 'A service took responsibility, saw the young person, measured an outcome, or ended its responsibility.',
    focusTypes: ['EpisodeOfCare', 'Encounter', 'Observation'],
    events: eventsOf('baton.episodes.episode', 'baton.episodes.contact', 'baton.episodes.measure'),
    filters: [PATIENT, STATUS, REFERRAL],
  },
  {
    name: 'care-plan',
    canonical: `${BASE}/care-plan`,
    title: 'Care plans',
    says: 'A crisis, safety, aftercare or transition plan was recorded or amended.',
    focusTypes: ['CarePlan'],
    events: eventsOf('baton.episodes.care-plan'),
    filters: [PATIENT, STATUS, REFERRAL],
  },
  {
    name: 'alert',
    canonical: `${BASE}/alert`,
    title: 'Alerts',
    says: 'Something all who help must know was recorded or amended.',
    focusTypes: ['Flag'],
    events: eventsOf('baton.episodes.alert'),
    filters: [PATIENT, STATUS, REFERRAL],
  },
  {
    name: 'access',
    canonical: `${BASE}/access`,
    title: 'Access',
    says: 'You gained or lost access to what others recorded; a loss is told by id, without content.',
    focusTypes: ['ServiceRequest', 'Patient', 'Consent'],
    events: eventsOf('baton.consent.sharing', 'baton.consent.decision'),
    filters: [PATIENT],
  },
];

/** The topic of a canonical (a version after `|` is ignored), or nothing when Baton has no such topic. */
export function topicOf(canonical: string): Topic | undefined {
  const [url] = canonical.split('|');
  return TOPICS.find((topic) => topic.canonical === url);
}
