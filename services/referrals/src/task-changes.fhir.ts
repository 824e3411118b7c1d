import { EXTENSIONS } from '@baton/contracts';
import type { Resource, Task } from '@baton/fhir';
import type { Violation } from '@baton/kernel';
import { sameJson } from './same-json.js';
import type { SetBy } from './transitions.js';
import { batonsOutputs } from './task.fhir.js';

/** Elements that say how the referral is handled, and who may change them with a status. Everything else stands as it was made. */
const CHANGEABLE: Readonly<Record<string, readonly SetBy[]>> = {
  status: ['referrer', 'receiver'],
  statusReason: ['referrer', 'receiver'],
  note: ['referrer', 'receiver'],
  text: ['referrer', 'receiver'],
  language: ['referrer', 'receiver'],
  lastModified: ['referrer', 'receiver'],
  output: ['receiver'],
  extension: ['receiver'],
  executionPeriod: ['receiver'],
  description: ['receiver'],
};

/** Stamped anew with every version, whatever is sent. */
const STAMPED = ['resourceType', 'id', 'meta'];

/**
 * What a partner may not change about a Task, and tries to: there is no second door beside the table of transitions.
 * @param roles what the partner is in this referral
 */
export function forbiddenChanges(before: Resource, after: Resource, roles: ReadonlySet<SetBy>): Violation[] {
  const elements = new Set([...Object.keys(before), ...Object.keys(after)].filter((name) => !STAMPED.includes(name)));
  const changed = [...elements].filter((name) => !sameJson(before[name], after[name]));
  return [...changed.filter((name) => !(CHANGEABLE[name] ?? []).some((role) => roles.has(role))).map(standsAsMade), ...batonsOwn(before, after), ...lostNotes(before, after)];
}

const standsAsMade = (name: string): Violation => ({
  rule: 'element-not-yours',
  says: `Task.${name} is not yours to change with a status.`,
  at: [`Task.${name}`],
  code: 'business-rule',
});

/** What Baton shows in elements that partners write too. */
function batonsOwn(before: Resource, after: Resource): Violation[] {
  const was = before as unknown as Task;
  const is = after as unknown as Task;
  const wait = (task: Task) => (task.extension ?? []).filter((each) => each.url === EXTENSIONS.expectedWait);
  return [
    ...(sameJson(batonsOutputs(was), batonsOutputs(is)) ? [] : [setByBaton('Task.output')]),
    ...(sameJson(wait(was), wait(is)) ? [] : [setByBaton('Task.extension')]),
  ];
}

const setByBaton = (at: string): Violation => ({ rule: 'set-by-baton', says: 'The episode and the expected wait are set by Baton alone; send them as they are.', at: [at], code: 'business-rule' });

/** Notes are added to, never rewritten: each is somebody's word. */
function lostNotes(before: Resource, after: Resource): Violation[] {
  const was = (before as unknown as Task).note ?? [];
  const is = (after as unknown as Task).note ?? [];
  return was.every((note, i) => sameJson(note, is[i])) ? [] : [{ rule: 'notes-only-added', says: 'Notes are added at the end; what was said stays.', at: ['Task.note'], code: 'business-rule' }];
}
