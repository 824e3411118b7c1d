import type { Announcement, Arrived, Asked, Audited, Change, History, Listed, Seen, Shown } from './history.js';

/** What a clean history is made of: per young person how often the referral was amended, and by which chances things interleave. */
export interface Plan {
  readonly amendments: readonly number[];
  /** 0 … 1, asked for again and again. */
  readonly chance: () => number;
}

/** A mutable copy is what sabotage works on. */
export type Draft = { -readonly [Part in keyof History]: History[Part] extends readonly (infer Item)[] ? Item[] : History[Part] };

export const SUBSCRIBERS = ['referrer', 'receiver', 'receiver-episodes'] as const;

interface Happening {
  readonly asked: Asked;
  readonly focus: string;
  readonly versions: Record<string, number>;
}

/** A history in which every promise was kept: persons at once, events repeated on the wire, requests repeated under their key. */
export function cleanHistory({ amendments, chance }: Plan): History {
  const lives = amendments.map((count, person) => lifeOf(`p${person}`, count));
  const asked = lives.flat().map(({ asked: one }) => (chance() < 0.2 ? { ...one, sent: 3, answers: [...one.answers, ...one.answers] } : one));
  const order = interleaved(lives, chance);
  const listed = SUBSCRIBERS.flatMap((name) => listOf(name, order));
  const arrived = SUBSCRIBERS.flatMap((name) => arrivalsAt(name, listed, order, chance));
  const subscribers = SUBSCRIBERS.map((name) => ({ name, partner: name.split('-')[0]!, total: listed.filter(({ subscription }) => subscription === name).length }));
  const seen = lives.map((_, person) => ({ requestId: `look-${person}`, partner: 'receiver', patients: chance() < 0.3 ? [] : [`Patient/p${person}`] }));
  return { asked, seen, readsAtMost: 1, ...auditAfter(asked, seen, arrived, chance), shown: shownAfter(asked), subscribers, listed, arrived, rest: { 'outbox_age{consent}': 0, 'lag{consent}': 0 } };
}

/** Refer, amend as often as said, receive, accept, see. */
function lifeOf(person: string, amendments: number): Happening[] {
  const [request, task, contact] = [`ServiceRequest/${person}`, `Task/${person}`, `Encounter/${person}`];
  const both = ['referrer', 'receiver'];
  const versions: Record<string, number> = { [request]: 1, [task]: 1 };
  const step = (what: string, changes: readonly string[], focus: string, event: string, to: readonly string[], introduces = false): Happening => {
    for (const reference of changes) if (what !== 'refer') versions[reference] = (versions[reference] ?? 0) + 1;
    const answered = changes.map((reference): Change => ({ reference, version: versions[reference]!, digest: `${reference}#${versions[reference]}` }));
    const announces: Announcement[] = [{ focus, events: introduces ? [event, 'shared'] : [event], person: `Patient/${person}`, to, introduces }];
    const asked: Asked = { key: `${person}-${what}-${versions[request]}`, partner: 'referrer', method: 'POST', what, sent: 1, answers: [{ at: 0, status: 200, changes: answered }], announces };
    return { asked, focus, versions: { ...versions } };
  };
  const amended = Array.from({ length: amendments }, () => () => step('amend', [request], request, 'amended', both));
  const steps = [
    () => step('refer', [request], request, 'requested', both, true),
    ...amended,
    () => step('receive', [task], request, 'received', both),
    () => step('accept', [task], request, 'accepted', both),
    () => step('see', [contact], contact, 'contact', ['receiver-episodes']),
  ];
  return steps.map((make) => make());
}

/** Persons go on side by side, each in order. */
function interleaved(lives: readonly (readonly Happening[])[], chance: () => number): Happening[] {
  const left = lives.map((life) => [...life]);
  const order: Happening[] = [];
  for (;;) {
    const going = left.filter(({ length }) => length > 0);
    if (going.length === 0) return order;
    order.push(going[Math.floor(chance() * going.length)]!.shift()!);
  }
}

function listOf(subscription: string, order: readonly Happening[]): Listed[] {
  return order
    .filter(({ asked }) => asked.announces.some(({ to }) => to.includes(subscription)))
    .map(({ asked, focus }, place) => {
      const { introduces, events } = asked.announces[0]!;
      const event = introduces && subscription === 'receiver' ? events.at(-1)! : events[0]!;
      return { subscription, number: place + 1, webhookId: `${subscription}-${place + 1}`, focus, event, kind: 'transition', occurred: asked.key, state: 'delivered' };
    });
}

/** Other persons' events may overtake; what is repeated may show newer versions. */
function arrivalsAt(subscription: string, listed: readonly Listed[], order: readonly Happening[], chance: () => number): Arrived[] {
  const arrived: Arrived[] = [];
  for (const { number, webhookId, focus, subscription: of, occurred } of listed) {
    if (of !== subscription) continue;
    const { versions } = order.find(({ asked }) => asked.key === occurred)!;
    const one: Arrived = { subscription, at: arrived.length, webhookId, number, focus: focus!, versions, signed: true };
    arrived.push(one);
    if (chance() < 0.2) arrived.push(one);
  }
  return arrived;
}

/** An entry for each change, each read, and each webhook; some were attempted once more, in vain. */
function auditAfter(asked: readonly Asked[], seen: readonly Seen[], arrived: readonly Arrived[], chance: () => number): Pick<History, 'audited' | 'attempted'> {
  const changes = asked.flatMap(({ key, partner, answers }) =>
    answers[0]!.changes.map(({ reference, version }): Audited => ({ partner, interaction: 'patch', patient: patientOf(reference), resources: [`${reference}/_history/${version}`], requestId: key })),
  );
  const reads = seen.flatMap(({ requestId, partner, patients }): Audited[] => {
    const entry = { partner, interaction: 'search', resources: [], requestId };
    return patients.length === 0 ? [entry] : patients.map((patient) => ({ ...entry, patient }));
  });
  const tried = arrived.flatMap((one) => (chance() < 0.1 ? [one, one] : [one]));
  const deliveries = tried.map(({ subscription, webhookId, focus }): Audited => ({ partner: subscription.split('-')[0]!, interaction: 'deliver', patient: patientOf(focus!), resources: [focus!], requestId: webhookId }));
  const attempted = [...Map.groupBy(tried, ({ webhookId }) => webhookId)].map(([webhookId, all]) => ({ webhookId, attempts: all.length }));
  return { audited: [...changes, ...reads, ...deliveries], attempted };
}

const patientOf = (reference: string): string => `Patient/${reference.split('/')[1]}`;

function shownAfter(asked: readonly Asked[]): Shown[] {
  const found = new Map<string, { version: number; digest: string }[]>();
  for (const { answers } of asked) for (const { reference, version, digest } of answers[0]!.changes) found.set(reference, [...(found.get(reference) ?? []), { version, digest: digest! }]);
  return [...found].map(([reference, versions]) => {
    const byBaton = reference.startsWith('Task/');
    return { reference, byBaton, versions: byBaton ? [{ version: 1, digest: `${reference}#1` }, ...versions] : versions };
  });
}

/** A copy that may be spoilt. */
export const draftOf = (history: History): Draft => structuredClone(history) as Draft;
