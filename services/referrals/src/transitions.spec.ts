import { EVENTS } from '@baton/contracts';
import { TASK_STATUSES, TRANSITIONS, isOpen, serviceRequestStatus, tableFaults, transitionTo, type TaskStatus, type Transition } from './transitions.js';

describe('the table of transitions', () => {
  it('has no faults', () => {
    expect(tableFaults(TRANSITIONS)).toEqual([]);
  });

  it.each<[string, readonly Transition[]]>([
    ['accepted: nothing leads there', TRANSITIONS.filter((line) => line.to !== 'accepted')],
    ['on-hold: it never ends', TRANSITIONS.map((line) => ({ ...line, from: line.from.filter((status) => status !== 'on-hold') }))],
    ['completed: it is closed, yet goes on', [...TRANSITIONS, { ...TRANSITIONS[0]!, from: ['completed'] }]],
    ['receive: unknown state lost', [...TRANSITIONS, { ...TRANSITIONS[0]!, from: ['lost' as TaskStatus] }]],
    ['receive: requested to received by receiver is there twice', [...TRANSITIONS, TRANSITIONS[0]!]],
  ])('names the fault "%s"', (fault, table) => {
    expect(tableFaults(table)).toContain(fault);
  });

  it('announces each line by an event that is published', () => {
    const published = EVENTS.map((event) => event.type);
    expect(TRANSITIONS.map((line) => `baton.referrals.${line.event}.v1`).filter((type) => !published.includes(type))).toEqual([]);
  });

  it.each([
    ['requested', 'active'],
    ['received', 'active'],
    ['accepted', 'active'],
    ['in-progress', 'active'],
    ['on-hold', 'on-hold'],
    ['completed', 'completed'],
    ['rejected', 'revoked'],
    ['failed', 'revoked'],
    ['cancelled', 'revoked'],
    ['entered-in-error', 'entered-in-error'],
  ] as const)('a Task that is %s has a ServiceRequest that is %s', (task, serviceRequest) => {
    expect(serviceRequestStatus(task)).toBe(serviceRequest);
  });

  it('reads what a partner means from the present status and the new one', () => {
    expect(transitionTo('accepted', 'in-progress')?.name).toBe('start');
    expect(transitionTo('on-hold', 'in-progress')?.name).toBe('resume');
    expect(transitionTo('requested', 'cancelled')?.name).toBe('cancel');
    expect(transitionTo('completed', 'in-progress')).toBeUndefined();
    expect(transitionTo('requested', 'constructor')).toBeUndefined();
  });

  it('leaves five states open', () => {
    expect(TASK_STATUSES.filter(isOpen)).toEqual(['requested', 'received', 'accepted', 'in-progress', 'on-hold']);
  });
});
