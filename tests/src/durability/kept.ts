import type { Violation } from './invariants.js';
import { acknowledgedChanges, isAcknowledged, type Answer, type Asked, type Change, type History, type Shown } from './history.js';

/** Invariants 1, 11 and 12: what was promised is there, once, and everybody was answered in the end. */
export function keptViolations({ asked, shown }: History): Violation[] {
  const found = new Map(shown.map((each) => [each.reference, each]));
  return [
    ...asked.flatMap((request) => [...unanswered(request), ...unequalAnswers(request), ...lost(request, found)]),
    ...shown.flatMap(brokenHistory),
    ...unasked(asked, shown),
    ...twiceBuilt(asked),
  ];
}

function unanswered({ key, what, sent, answers }: Asked): Violation[] {
  if (answers.some(isAcknowledged)) return [];
  const last = answers.at(-1);
  return [{ invariant: 12, says: `${what} (${key}) was sent ${sent} times and never succeeded; ${last ? `last answered ${last.status}` : 'no answer came'}` }];
}

const LATER = new Set([408, 425, 429]);

/** The same key gets the same answer, whoever was killed in between; "not now" is none. */
function unequalAnswers({ key, what, answers }: Asked): Violation[] {
  const heard = answers.filter(({ status }) => status < 500 && !LATER.has(status));
  const [first, ...later] = heard.slice(heard.findIndex(isAcknowledged)).map(saying);
  return later.filter((again) => again !== first).map((again) => ({ invariant: 11, says: `${what} (${key}) was answered with ${first} and, repeated, with ${again}` }));
}

const saying = (answer: Answer): string => (isAcknowledged(answer) ? answer.changes.map(nameOf).join(', ') : String(answer.status));

function lost(request: Asked, found: ReadonlyMap<string, Shown>): Violation[] {
  return acknowledgedChanges(request).flatMap((change): Violation[] => {
    const version = found.get(change.reference)?.versions.find((each) => each.version === change.version);
    if (!version) return [{ invariant: 1, says: `${nameOf(change)} was acknowledged (${request.what}, ${request.key}) and is not there` }];
    if (change.digest === undefined || change.digest === version.digest) return [];
    return [{ invariant: 1, says: `${nameOf(change)} was acknowledged (${request.what}, ${request.key}) and holds something else` }];
  });
}

/** Versions count from 1 without gaps. */
function brokenHistory({ reference, versions }: Shown): Violation[] {
  const numbers = versions.map(({ version }) => version);
  return numbers.every((version, place) => version === place + 1) ? [] : [{ invariant: 1, says: `${reference} has the versions ${numbers.join(', ')}` }];
}

/** Each version beyond what Baton makes itself goes back to a request that was acknowledged for it: a repeat stored nothing more. */
function unasked(asked: readonly Asked[], shown: readonly Shown[]): Violation[] {
  const promised = new Set(asked.flatMap(acknowledgedChanges).map(nameOf));
  return shown.flatMap(({ reference, versions, byBaton }) =>
    versions
      .filter(({ version }) => !promised.has(nameOf({ reference, version })) && !(byBaton && version === 1))
      .map(({ version }) => ({ invariant: 11 as const, says: `${nameOf({ reference, version })} is there, and nobody was told that their request stored it` })),
  );
}

/** Two requests are never told that both stored one version. */
function twiceBuilt(asked: readonly Asked[]): Violation[] {
  const by = new Map<string, string>();
  return asked.flatMap((request) =>
    acknowledgedChanges(request).flatMap((change): Violation[] => {
      const before = by.get(nameOf(change));
      by.set(nameOf(change), request.key);
      return before === undefined ? [] : [{ invariant: 1, says: `${nameOf(change)} was acknowledged to ${before} and to ${request.key}: one of them is lost` }];
    }),
  );
}

const nameOf = ({ reference, version }: Change): string => `${reference}/_history/${version}`;
