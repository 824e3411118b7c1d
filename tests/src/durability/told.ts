import type { Violation } from './invariants.js';
import type { Announcement, Arrived, History, Listed } from './history.js';

/** Invariants 2, 3, 5 and the numbers of 9: each change told once to each subscription that may know, and nothing else. */
export function toldViolations(history: History): Violation[] {
  const announced = history.asked.flatMap(({ announces }) => announces);
  return history.subscribers.flatMap(({ name, total }) => {
    const listed = history.listed.filter(({ subscription }) => subscription === name);
    const arrived = history.arrived.filter(({ subscription }) => subscription === name);
    const expected = announced.filter(({ to }) => to.includes(name));
    return [...numbering(name, total, listed), ...counted(name, expected, listed), ...delivered(name, listed, arrived), ...onTheWire(name, listed, arrived)];
  });
}

/** Numbers begin at 1, have no gaps, and are as many as the subscription counts. */
function numbering(name: string, total: number, listed: readonly Listed[]): Violation[] {
  const numbers = listed.map(({ number }) => number).sort((one, other) => one - other);
  const wrong = numbers.findIndex((number, place) => number !== place + 1);
  if (wrong >= 0) return [{ invariant: 9, says: `${name} has no event ${wrong + 1}, or has it twice` }];
  return numbers.length === total ? [] : [{ invariant: 9, says: `${name} counts ${total} events and lists ${numbers.length}` }];
}

/** What time alone brings about where nobody does anything: of one thing each subscription may be told it once. */
const ALARMS: ReadonlySet<string> = new Set(['baton.referrals.referral-unacknowledged.v1']);

/** As many logical events about each thing as there were changes of it. */
function counted(name: string, expected: readonly Announcement[], listed: readonly Listed[]): Violation[] {
  const groups = new Map<string, { of: Announcement; count: number; told: Listed[] }>();
  for (const announcement of expected) {
    const key = groupOf(announcement);
    const group = groups.get(key) ?? { of: announcement, count: 0, told: [] };
    groups.set(key, { ...group, count: group.count + 1 });
  }
  const violations: Violation[] = [];
  const alarmed = new Set<string | undefined>();
  for (const event of listed) {
    const group = [...groups.values()].find(({ of }) => of.focus === event.focus && of.events.includes(event.event));
    if (group) group.told.push(event);
    else if (ALARMS.has(event.event) && !alarmed.has(event.focus)) alarmed.add(event.focus);
    else violations.push({ invariant: 2, says: `${name} was told event ${event.number}, ${event.event} of ${event.focus ?? 'something hidden'}: no such change was made` });
  }
  const known = new Set(listed.map(({ focus }) => focus));
  return [...violations, ...[...groups.values()].flatMap((group) => [...missing(name, group, known), ...surplus(name, group)])];
}

interface Group {
  readonly of: Announcement;
  readonly count: number;
  readonly told: readonly Listed[];
}

const groupOf = ({ focus, events }: Announcement): string => `${focus} ${events[0]}`;

function missing(name: string, { of, count, told }: Group, known: ReadonlySet<string | undefined>): Violation[] {
  if (told.length >= count || (of.introduces && known.has(of.focus))) return [];
  return [{ invariant: 2, says: `${name} was told ${told.length} of ${count} changes "${of.events[0]}" of ${of.focus}` }];
}

/** One event that took effect twice tells the same moment twice; two events of one change tell two. */
function surplus(name: string, { of, count, told }: Group): Violation[] {
  return of.events.flatMap((type): Violation[] => {
    const same = told.filter(({ event }) => event === type);
    if (same.length <= count) return [];
    const twice = new Set(same.map(({ occurred }) => occurred)).size < same.length;
    const says = `${name} was told "${type}" of ${of.focus} as events ${same.map(({ number }) => number).join(', ')}; the changes were ${count}`;
    return [{ invariant: twice ? 5 : 3, says }];
  });
}

function delivered(name: string, listed: readonly Listed[], arrived: readonly Arrived[]): Violation[] {
  const numbers = new Set(arrived.map(({ number }) => number));
  return listed.flatMap(({ number, event, focus, state }): Violation[] => [
    ...(numbers.has(number) ? [] : [{ invariant: 2 as const, says: `${name} never received event ${number}, ${event} of ${focus ?? 'something hidden'}` }]),
    ...(state === 'delivered' ? [] : [{ invariant: 9 as const, says: `${name}: event ${number} is still ${state}` }]),
  ]);
}

/** Repeats are allowed on the wire as long as the receiver can tell them by id and number. */
function onTheWire(name: string, listed: readonly Listed[], arrived: readonly Arrived[]): Violation[] {
  const byNumber = new Map(listed.map((event) => [event.number, event]));
  return arrived.flatMap(({ number, webhookId, focus, signed }): Violation[] => {
    const event = byNumber.get(number);
    if (!event) return [{ invariant: 2, says: `${name} received event ${number}, which its list does not have` }];
    if (event.webhookId !== webhookId) return [{ invariant: 5, says: `${name} received event ${number} as ${webhookId}, and it is ${event.webhookId}` }];
    if (event.focus !== focus) return [{ invariant: 2, says: `${name} received event ${number} about ${focus ?? 'nothing'}, and it is about ${event.focus ?? 'nothing'}` }];
    return signed ? [] : [{ invariant: 2, says: `${name} received event ${number} without a valid signature` }];
  });
}
