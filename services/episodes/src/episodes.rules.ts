import type { Resource } from '@baton/fhir';
import type { Amendment, Draft, Ruling, TypeRules } from '@baton/fhir-store';
import { refuse, refuseIfAny, type Caller } from '@baton/kernel';
import type { Tx } from '@baton/postgres';
import { namedReferral, promisedEpisode, type NamedReferral } from './accepted-referral.js';
import { episodeOf, patientOfEpisode, referralOfEpisode, withStatus } from './episode.fhir.js';
import { change, open, type EpisodeStatus } from './episode.js';
import { changed, episodeOfReferral, lockOpening, opened } from './episode.store.js';
import { amendmentFaults, recordEvent, type RecordType } from './record.js';
import { formFaults, referralOf, subjectOf, withEpisode } from './record.fhir.js';

/** EpisodeOfCare: Baton opens it when a referral was accepted; the receiver, its owner, says how it goes on. */
export const episodeRules: TypeRules = {
  type: 'EpisodeOfCare',
  schema: 'episodes',
  patientOf: patientOfEpisode,
  contextOf: referralOfEpisode,
  async update(tx, _caller, { current, before, resource }) {
    const episode = episodeOf(current, before);
    if (referralOfEpisode(resource) !== episode.referral) {
      throw refuse('rule-broken', 'referral-never-changes', 'An episode stays with the referral that led to it.', { at: ['EpisodeOfCare.referralRequest'], code: 'business-rule' });
    }
    const decided = change(episode, resource['status'] as EpisodeStatus);
    if (!decided.ok) refuseIfAny('rule-broken', decided.violations);
    else return { resource: withStatus(resource, decided.value.episode.status, tx.now), rows: { episode: changed(decided.value.episode) }, events: [decided.value.event] };
    return {};
  },
};

/** A record about a young person, owned by who makes it. */
function recordRules(type: RecordType): TypeRules {
  return {
    type,
    schema: 'episodes',
    patientOf: subjectOf,
    contextOf: referralOf,
    create: (tx, caller, draft) => recorded(tx, caller, type, draft),
    update: (tx, caller, amendment) => amended(tx, caller, type, amendment),
    async remove(_tx, _caller, { id, version, patient, owner, context }) {
      return { events: [recordEvent({ type, id, version: version + 1, patient: patient!, owner, referral: context ?? undefined, status: 'deleted' })] };
    },
  };
}

export const encounterRules = recordRules('Encounter');
export const carePlanRules = recordRules('CarePlan');
export const flagRules = recordRules('Flag');
export const observationRules = recordRules('Observation');

async function recorded(tx: Tx, caller: Caller, type: RecordType, { id, resource }: Draft): Promise<Ruling> {
  refuseIfAny('rule-broken', formFaults(resource));
  const [referral, known] = await Promise.all([referralFor(tx, caller, resource), type === 'Encounter' ? knownEpisode(tx, resource) : undefined]);
  const episode = type === 'Encounter' && referral ? await episodeFor(tx, referral, known) : undefined;
  return ruling(type, { id, version: 1, owner: caller.partner }, resource, episode);
}

async function amended(tx: Tx, caller: Caller, type: RecordType, { current, before, resource }: Amendment): Promise<Ruling> {
  const referral = referralOf(resource);
  refuseIfAny('rule-broken', [...formFaults(resource), ...amendmentFaults(type, { status: before['status'], referral: current.context ?? undefined }, { status: resource['status'], referral })]);
  const what = { id: current.id, version: current.version + 1, owner: current.owner };
  if (type !== 'Encounter' || referral === undefined) return ruling(type, what, resource, undefined);
  // The referral was there before: who sees it may have changed, and is not asked again.
  if (current.context === referral) return ruling(type, what, resource, await openEpisode(tx, referral));
  const [named, known] = await Promise.all([referralFor(tx, caller, resource), openEpisode(tx, referral)]);
  return ruling(type, what, resource, named && (await episodeFor(tx, named, known)));
}

async function referralFor(tx: Tx, caller: Caller, resource: Resource): Promise<NamedReferral | undefined> {
  const referral = referralOf(resource);
  return referral === undefined ? undefined : namedReferral(tx, caller, referral, subjectOf(resource)!, `${resource.resourceType}.subject`);
}

/** The episode a contact belongs to, and what opens it if the contact comes before the event of the acceptance. */
interface EpisodeOfContact {
  readonly id: string;
  readonly opening?: Pick<Ruling, 'also' | 'rows' | 'audit' | 'events'>;
}

async function openEpisode(tx: Tx, referral: string): Promise<EpisodeOfContact | undefined> {
  const id = await episodeOfReferral(tx, referral);
  return id === undefined ? undefined : { id };
}

/** Asked before it is known whether the caller sees the referral: to be forgotten if it does not. */
async function knownEpisode(tx: Tx, resource: Resource): Promise<EpisodeOfContact | undefined> {
  const referral = referralOf(resource);
  return referral === undefined ? undefined : openEpisode(tx, referral);
}

/** @param known the episode, if it was open when last looked at */
async function episodeFor(tx: Tx, referral: NamedReferral, known: EpisodeOfContact | undefined): Promise<EpisodeOfContact | undefined> {
  if (known) return known;
  const promised = await promisedEpisode(tx, referral);
  if (!promised) return undefined;
  const meanwhile = await lockOpening(tx, referral.id);
  if (meanwhile !== undefined) return { id: meanwhile };
  const decision = open(promised.episode);
  const { row, put, audited } = opened(decision, promised.since, tx.now);
  return { id: decision.episode.id, opening: { also: [put], rows: { episode: row }, audit: [audited], events: [decision.event] } };
}

function ruling(type: RecordType, what: { id: string; version: number; owner: string }, resource: Resource, episode: EpisodeOfContact | undefined): Ruling {
  const status = resource['status'];
  const fact = { type, ...what, patient: subjectOf(resource)!, referral: referralOf(resource), status: typeof status === 'string' ? status : undefined };
  return {
    resource: episode ? withEpisode(resource, episode.id) : resource,
    ...episode?.opening,
    events: [...(episode?.opening?.events ?? []), recordEvent(fact)],
    ...(episode ? { ownReferences: [`EpisodeOfCare/${episode.id}`] } : {}),
  };
}
