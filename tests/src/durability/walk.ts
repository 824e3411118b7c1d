import { exampleReferral } from '@baton/standalone';
import type { Answer as HttpAnswer } from '../partner-system.js';
import type { CarefulPartner, Resource } from './careful-partner.js';
import type { Announcement } from './history.js';

/** Who plays. */
export interface Partners {
  readonly referrer: CarefulPartner;
  readonly receiver: CarefulPartner;
}

/** Names of the subscriptions: who is told what. */
export const SUBSCRIPTIONS = ['referrer-referrals', 'receiver-referrals', 'referrer-episodes', 'receiver-episodes'] as const;

const ABOUT_REFERRALS = ['referrer-referrals', 'receiver-referrals'];
const ABOUT_EPISODES = ['referrer-episodes', 'receiver-episodes'];
/** Contacts are told to nobody else without a decision. */
const ABOUT_CONTACTS = ['receiver-episodes'];

const referralEvent = (name: string): string => `baton.referrals.referral-${name}.v1`;

/** A young person who was referred. */
export interface Known {
  /** Names the young person in keys of this run. */
  readonly name: string;
  readonly patient: string;
  readonly request: string;
}

/**
 * One young person's way: referred, seen by the receiver, received, accepted, contacts, started, while the referrer amends the referral.
 * Returns when the last step was acknowledged.
 * @throws NotGranted if Baton did not let somebody go on
 */
export async function walk(partners: Partners, index: number): Promise<void> {
  const known = await refer(partners.referrer, index);
  const task = await partners.receiver.find(`Task?focus=${known.request}`, (answer) => answer.body.entry?.[0]?.resource as Resource | undefined);
  await Promise.all([amendments(partners.referrer, known, 1 + (index % 2)), handling(partners.receiver, known, task)]);
}

/** Refers a young person, another one for each index. @throws NotGranted */
export async function refer(referrer: CarefulPartner, index: number): Promise<Known> {
  const name = `p${index}`;
  const bundle = exampleReferral({ index, seed: 11, today: new Date() });
  const referred = await referrer.ask({
    key: `${name}-refer`,
    what: 'refer',
    method: 'POST',
    path: '',
    body: bundle,
    announces: (answer) => {
      const events = [referralEvent('requested'), 'baton.consent.sharing-allowed.v1'];
      return [{ focus: madeBy(answer, 'ServiceRequest'), events, person: madeBy(answer, 'Patient'), to: ABOUT_REFERRALS, introduces: true }];
    },
  });
  return { name, patient: madeBy(referred, 'Patient'), request: madeBy(referred, 'ServiceRequest') };
}

async function amendments(referrer: CarefulPartner, known: Known, times: number): Promise<void> {
  for (let time = 1; time <= times; time++) await amend(referrer, known, time);
}

/** Changes what a referral says. @param time the first, the second … of this referral @throws NotGranted */
export function amend(referrer: CarefulPartner, { name, patient, request }: Known, time: number): Promise<HttpAnswer> {
  return referrer.ask({
    key: `${name}-amend-${time}`,
    what: 'amend',
    method: 'PATCH',
    path: request,
    headers: { 'if-match': `W/"${time}"` },
    body: [{ op: 'add', path: '/patientInstruction', value: `Ring the bell ${time} times.` }],
    announces: () => [{ focus: request, events: [referralEvent('amended')], person: patient, to: ABOUT_REFERRALS, introduces: false }],
  });
}

async function handling(receiver: CarefulPartner, known: Known, task: Resource): Promise<void> {
  const from = Number(task.meta.versionId);
  const reference = `Task/${task.id}`;
  await move(receiver, known, reference, from, 'received');
  await move(receiver, known, reference, from + 1, 'accepted');
  await contact(receiver, known, 1);
  await move(receiver, known, reference, from + 2, 'in-progress');
  await contact(receiver, known, 2);
}

const EVENT_OF: Readonly<Record<string, string>> = { received: 'received', accepted: 'accepted', 'in-progress': 'started' };

function move(receiver: CarefulPartner, { name, patient, request }: Known, task: string, version: number, status: string): Promise<HttpAnswer> {
  return receiver.ask({
    key: `${name}-${status}`,
    what: status,
    method: 'PATCH',
    path: task,
    headers: { 'if-match': `W/"${version}"` },
    body: [{ op: 'replace', path: '/status', value: status }],
    announces: (answer) => [
      { focus: request, events: [referralEvent(EVENT_OF[status]!)], person: patient, to: ABOUT_REFERRALS, introduces: false },
      ...(status === 'accepted' ? [opened(patient, answer)] : []),
    ],
  });
}

const opened = (person: string, answer: HttpAnswer): Announcement => ({
  focus: answer.body.output[0].valueReference.reference as string,
  events: ['baton.episodes.episode-opened.v1'],
  person,
  to: ABOUT_EPISODES,
  introduces: false,
});

function contact(receiver: CarefulPartner, { name, patient, request }: Known, time: number): Promise<HttpAnswer> {
  return receiver.ask({
    key: `${name}-contact-${time}`,
    what: 'contact',
    method: 'POST',
    path: 'Encounter',
    body: {
      resourceType: 'Encounter',
      status: 'finished',
      class: { system: 'http://terminology.hl7.org/CodeSystem/v3-ActCode', code: 'AMB' },
      subject: { reference: patient },
      basedOn: [{ reference: request }],
      period: { start: '2026-01-05T10:00:00Z', end: '2026-01-05T11:00:00Z' },
    },
    announces: (answer) => [{ focus: madeBy(answer, 'Encounter'), events: ['baton.episodes.contact-recorded.v1'], person: patient, to: ABOUT_CONTACTS, introduces: false }],
  });
}

/** Reference of the resource of a type that an answer says was made. */
function madeBy({ body }: HttpAnswer, type: string): string {
  const resources: Resource[] = body.resourceType === 'Bundle' ? body.entry.map(({ resource }: { resource: Resource }) => resource) : [body];
  return `${type}/${resources.find(({ resourceType }) => resourceType === type)!.id}`;
}
