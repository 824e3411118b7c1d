import type { LawfulBasis, NewEvent, SharingFacts } from '@baton/contracts';
import { standsOf, type Decision, type Stand } from './decision.js';
import { effectiveAccess, type AccessRow } from './effective-access.js';
import { candidatesOf, mayKnow, type Facts, type Sharing } from './sharing.js';

export interface SharingVerdict {
  /** Who may know of the referral; nobody: there is no basis to share it. */
  readonly recipients: readonly string[];
  /** The decision that settled it, and its basis; left out of a refusal, of which the referrer learns that there is no basis and no more. */
  readonly decision?: string;
  readonly basis?: LawfulBasis;
}

/** Is there a lawful basis for those a referral goes to, at `facts.now`? The referrer's own services need none. */
export function verdict(sharing: Sharing, decisions: readonly Decision[], facts: Facts): SharingVerdict {
  return verdictOf(sharing, standsFor(decisions, facts), facts.now);
}

const standsFor = (decisions: readonly Decision[], facts: Facts): Stand[] => decisions.flatMap((decision) => standsOf(decision, new Set(facts.patients)));

function verdictOf(sharing: Sharing, stands: readonly Stand[], at: Date): SharingVerdict {
  const known = candidatesOf(sharing).map((recipient) => ({ recipient, by: recipient === sharing.referrer ? undefined : mayKnow(sharing, recipient, stands, at).by }));
  const allowed = known.filter(({ recipient, by }) => by !== undefined || recipient === sharing.referrer);
  const by = allowed.find((each) => each.by)?.by;
  return { recipients: allowed.map(({ recipient }) => recipient), ...(allowed.length > 0 ? { decision: by?.decision ?? sharing.implied, basis: by?.basis ?? 'implied-direct-care' } : {}) };
}

export interface Judgement {
  readonly sharings: readonly Sharing[];
  readonly rows: readonly AccessRow[];
  readonly events: readonly NewEvent[];
}

/** Decides every referral of a person anew and says what may be seen then: the whole of what consent holds on this person. */
export function judgePerson(decisions: readonly Decision[], sharings: readonly Sharing[], facts: Facts): Judgement {
  const stands = standsFor(decisions, facts);
  const decided = sharings.map((sharing) => decide(sharing, verdictOf(sharing, stands, facts.now)));
  const after = decided.map(({ sharing }) => sharing);
  return { sharings: after, rows: effectiveAccess(decisions, after, facts), events: decided.flatMap(({ events }) => events) };
}

/**
 * The next state of a sharing after a verdict, with what is to be announced; nothing where nobody gains or loses.
 * Who lost access is told before who gained it. A withdrawal from everybody is final: it ends the referral.
 */
export function decide(sharing: Sharing, { recipients, decision, basis }: SharingVerdict): { sharing: Sharing; events: NewEvent[] } {
  const gained = recipients.filter((partner) => !sharing.allowed.includes(partner));
  const lost = sharing.allowed.filter((partner) => !recipients.includes(partner));
  const { decision: _decision, basis: _basis, ...rest } = sharing;
  let next: Sharing = { ...rest, allowed: [...recipients], ...(decision === undefined ? {} : { decision }), ...(basis === undefined ? {} : { basis }) };
  const events: NewEvent[] = [];
  const announce = (name: string, state: Sharing['state'], facts: Pick<SharingFacts, 'recipients' | 'gained' | 'lost'>): void => {
    next = { ...next, state, version: next.version + 1 };
    events.push(eventOf(name, next, facts));
  };
  if (lost.length > 0) announce('sharing-withdrawn', recipients.length > 0 ? 'allowed' : 'withdrawn', { recipients: [...recipients], gained: [], lost });
  if (gained.length > 0) announce('sharing-allowed', 'allowed', { recipients: [...recipients], gained, lost: [] });
  if (events.length === 0 && sharing.state === 'undecided') announce('sharing-refused', 'refused', { recipients: [], gained: [], lost: [] });
  return { sharing: next, events };
}

const eventOf = (name: string, { referral, patient, referrer, version, decision, basis }: Sharing, facts: Pick<SharingFacts, 'recipients' | 'gained' | 'lost'>): NewEvent => ({
  type: `baton.consent.${name}.v1`,
  key: referral,
  version,
  data: { referral, patient, referrer, ...facts, ...(decision === undefined ? {} : { decision }), ...(basis === undefined ? {} : { basis }) } satisfies SharingFacts,
});
