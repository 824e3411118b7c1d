import { draftOf, SUBSCRIBERS, type Draft } from './history.fixture.js';
import type { Arrived, History, Listed } from './history.js';
import type { Invariant } from './invariants.js';

/** One way to break a promise. */
export interface Sabotage {
  readonly what: string;
  readonly breaks: Invariant;
  /** @param pick 0 … 1, which of those that may be spoilt @returns nothing where there is nothing of the kind */
  readonly spoil: (draft: Draft, pick: number) => true | undefined;
}

const chosen = <Item>(items: readonly Item[], pick: number): Item | undefined => items[Math.min(items.length - 1, Math.floor(pick * items.length))];

const replace = <Item>(items: Item[], old: Item, by: Item): void => void items.splice(items.indexOf(old), 1, by);

const without = (draft: Draft, { subscription, number }: Listed): void => {
  draft.listed = draft.listed.filter((event) => event.subscription !== subscription || event.number !== number);
  draft.arrived = draft.arrived.filter((event) => event.subscription !== subscription || event.number !== number);
};

/** Takes a number out as if it had never been given: later ones move up. */
function closeGap(draft: Draft, { subscription, number }: Listed): void {
  const up = <Item extends Listed | Arrived>(event: Item): Item => {
    if (event.subscription !== subscription || event.number < number) return event;
    return { ...event, number: event.number - 1 };
  };
  draft.listed = draft.listed.map(up);
  draft.arrived = draft.arrived.map(up);
  draft.subscribers = draft.subscribers.map((one) => (one.name === subscription ? { ...one, total: one.total - 1 } : one));
}

/** Gives the next number to an event, and delivers it. */
function append(draft: Draft, event: Listed, versions: Readonly<Record<string, number>>): void {
  const subscriber = draft.subscribers.find(({ name }) => name === event.subscription)!;
  replace(draft.subscribers, subscriber, { ...subscriber, total: subscriber.total + 1 });
  const added = { ...event, number: subscriber.total + 1, webhookId: `${event.webhookId}-again` };
  const { subscription, number, webhookId, focus } = added;
  draft.listed.push(added);
  draft.arrived.push({ subscription, number, webhookId, ...(focus === undefined ? {} : { focus }), at: 0, versions, signed: true });
}

const introduction = new Set(['requested', 'shared']);

const LOST: readonly Sabotage[] = [
  {
    what: 'the newest acknowledged version of a resource is gone',
    breaks: 1,
    spoil: (draft, pick) => {
      const one = chosen(draft.shown.filter(({ versions }) => versions.length > 1), pick);
      if (one) replace(draft.shown, one, { ...one, versions: one.versions.slice(0, -1) });
      return one && true;
    },
  },
  {
    what: 'a resource is gone',
    breaks: 1,
    spoil: (draft, pick) => {
      const one = chosen(draft.shown, pick);
      draft.shown = draft.shown.filter((each) => each !== one);
      return one && true;
    },
  },
  {
    what: 'an acknowledged version holds what somebody else wrote',
    breaks: 1,
    spoil: (draft, pick) => {
      const one = chosen(draft.shown, pick);
      if (one) replace(draft.shown, one, { ...one, versions: one.versions.map((version) => ({ ...version, digest: `other ${version.digest}` })) });
      return one && true;
    },
  },
  {
    what: 'two requests are told that they stored the same version',
    breaks: 1,
    spoil: (draft, pick) => {
      const one = chosen(draft.asked, pick);
      if (one) draft.asked.push({ ...one, key: `${one.key}-other` });
      return one && true;
    },
  },
  {
    what: 'a request is never answered',
    breaks: 12,
    spoil: (draft, pick) => {
      const one = chosen(draft.asked, pick);
      if (one) replace(draft.asked, one, { ...one, answers: [] });
      return one && true;
    },
  },
];

const TOLD: readonly Sabotage[] = [
  {
    what: 'a change is never announced',
    breaks: 2,
    spoil: (draft, pick) => {
      const one = chosen(draft.listed.filter(({ event }) => !introduction.has(event)), pick);
      if (!one) return undefined;
      without(draft, one);
      closeGap(draft, one);
      return true;
    },
  },
  {
    what: 'an event is numbered and never arrives',
    breaks: 2,
    spoil: (draft, pick) => {
      const one = chosen(draft.listed, pick);
      draft.arrived = draft.arrived.filter(({ subscription, number }) => subscription !== one?.subscription || number !== one.number);
      return one && true;
    },
  },
  {
    what: 'an event tells of something that nobody did',
    breaks: 2,
    spoil: (draft, pick) => {
      const one = chosen(draft.listed, pick);
      if (one) append(draft, { ...one, focus: 'ServiceRequest/nobody', occurred: 'never' }, {});
      return one && true;
    },
  },
  {
    what: 'an alarm is told twice',
    breaks: 2,
    spoil: (draft, pick) => {
      const one = chosen(draft.listed, pick);
      for (const occurred of ['due', 'due again']) if (one) append(draft, { ...one, event: 'baton.referrals.referral-unacknowledged.v1', occurred }, {});
      return one && true;
    },
  },
  {
    what: 'an event tells a step that was not taken',
    breaks: 2,
    spoil: (draft, pick) => {
      const one = chosen(draft.listed, pick);
      if (one) append(draft, { ...one, event: 'completed', occurred: 'never' }, {});
      return one && true;
    },
  },
  {
    what: 'one event takes effect twice',
    breaks: 5,
    spoil: (draft, pick) => {
      const one = chosen(draft.listed, pick);
      if (one) append(draft, one, {});
      return one && true;
    },
  },
  {
    what: 'a change makes two events',
    breaks: 3,
    spoil: (draft, pick) => {
      const one = chosen(draft.listed, pick);
      if (one) append(draft, { ...one, occurred: `${one.occurred} again` }, {});
      return one && true;
    },
  },
  {
    what: 'a repeat on the wire comes under another id',
    breaks: 5,
    spoil: (draft, pick) => {
      const one = chosen(draft.arrived, pick);
      if (one) draft.arrived.push({ ...one, webhookId: 'another', versions: {} });
      return one && true;
    },
  },
];

const ORDER: readonly Sabotage[] = [
  {
    what: 'two events of one young person arrive the other way round',
    breaks: 4,
    spoil: (draft, pick) => {
      const firsts = draft.arrived.filter((event, place, all) => event.subscription !== SUBSCRIBERS[2] && all.findIndex((other) => other.webhookId === event.webhookId) === place);
      const one = chosen(firsts, pick);
      const next = firsts.find(({ subscription, focus, number }) => one && subscription === one.subscription && focus === one.focus && number > one.number);
      if (!one || !next) return undefined;
      const [here, there] = [draft.arrived.indexOf(one), draft.arrived.indexOf(next)];
      draft.arrived[here] = next;
      draft.arrived[there] = one;
      return true;
    },
  },
  {
    what: 'an older version arrives after a newer',
    breaks: 4,
    spoil: (draft, pick) => {
      const one = chosen(draft.arrived.filter(({ versions }) => Object.values(versions).some((version) => version > 1)), pick);
      if (one) draft.arrived.splice(draft.arrived.indexOf(one) + 1, 0, { ...one, versions: Object.fromEntries(Object.keys(one.versions).map((reference) => [reference, 0])) });
      return one && true;
    },
  },
];

const REST: readonly Sabotage[] = [
  {
    what: 'a number is missing',
    breaks: 9,
    spoil: (draft, pick) => {
      const one = chosen(draft.listed, pick);
      if (one) without(draft, one);
      return one && true;
    },
  },
  {
    what: 'a delivery still waits',
    breaks: 9,
    spoil: (draft, pick) => {
      const one = chosen(draft.listed, pick);
      if (one) replace(draft.listed, one, { ...one, state: 'waiting' });
      return one && true;
    },
  },
  { what: 'a row of a projection is astray', breaks: 9, spoil: (draft) => ((draft.rest = { ...draft.rest, 'rows astray{consent}': 1 }), true) },
  { what: 'a consumer lags behind', breaks: 9, spoil: (draft) => ((draft.rest = { ...draft.rest, 'lag{consent}': 1 }), true) },
  {
    what: 'a repeated request gets another answer',
    breaks: 11,
    spoil: (draft, pick) => {
      const one = chosen(draft.asked, pick);
      if (one) replace(draft.asked, one, { ...one, answers: [...one.answers, { at: 1, status: 201, changes: [{ reference: 'ServiceRequest/second', version: 1 }] }] });
      return one && true;
    },
  },
  {
    what: 'a repeated request is refused as if it were another',
    breaks: 11,
    spoil: (draft, pick) => {
      const one = chosen(draft.asked, pick);
      if (one) replace(draft.asked, one, { ...one, answers: [...one.answers, { at: 1, status: 412, changes: [] }] });
      return one && true;
    },
  },
  {
    what: 'a repeated request stores a second resource',
    breaks: 11,
    spoil: (draft, pick) => {
      const one = chosen(draft.shown.filter(({ byBaton }) => !byBaton), pick);
      if (one) draft.shown.push({ ...one, reference: `${one.reference}-second` });
      return one && true;
    },
  },
];

const removeEntry = (draft: Draft, pick: number, interactions: readonly string[]): true | undefined => {
  const one = chosen(draft.audited.filter(({ interaction }) => interactions.includes(interaction)), pick);
  draft.audited = draft.audited.filter((entry) => entry !== one);
  return one && true;
};

const AUDIT: readonly Sabotage[] = [
  { what: 'a read leaves no audit entry', breaks: 8, spoil: (draft, pick) => removeEntry(draft, pick, ['search']) },
  { what: 'a delivery leaves no audit entry', breaks: 8, spoil: (draft, pick) => removeEntry(draft, pick, ['deliver']) },
  { what: 'a change leaves no audit entry', breaks: 8, spoil: (draft, pick) => removeEntry(draft, pick, ['patch']) },
  {
    what: 'something is audited twice',
    breaks: 8,
    spoil: (draft, pick) => {
      const one = chosen(draft.audited, pick);
      if (one) draft.audited.push(one);
      return one && true;
    },
  },
  {
    what: 'an audit entry names somebody else',
    breaks: 8,
    spoil: (draft, pick) => {
      const one = chosen(draft.audited.filter(({ interaction, patient }) => interaction === 'search' && patient !== undefined), pick);
      if (one) replace(draft.audited, one, { ...one, patient: 'Patient/somebody-else' });
      return one && true;
    },
  },
  {
    what: 'a webhook is sent once more than the audit tells',
    breaks: 8,
    spoil: (draft, pick) => {
      const one = chosen(draft.arrived, pick);
      const attempts = draft.attempted.find(({ webhookId }) => webhookId === one?.webhookId)?.attempts ?? 0;
      for (let copies = draft.arrived.filter(({ webhookId }) => webhookId === one?.webhookId).length; one && copies <= attempts; copies++) draft.arrived.push(one);
      return one && true;
    },
  },
];

export const SABOTAGES: readonly Sabotage[] = [...LOST, ...TOLD, ...ORDER, ...AUDIT, ...REST];

/** A spoilt copy of a history. @returns nothing where there is nothing of the kind to spoil */
export function spoilt(history: History, { spoil }: Sabotage, pick = 0.5): History | undefined {
  const draft = draftOf(history);
  return spoil(draft, pick) && draft;
}
