import { eventContract, type DischargeContent } from '@baton/contracts';
import { BATON, type Result } from '@baton/kernel';
import fc from 'fast-check';
import { businessStatus, type Circumstances, type Grounds, type Referral } from './referral-state.js';
import { amend, decide, hold, raiseUnacknowledged, release, request, type Decision } from './referral.js';
import { TRANSITIONS, TRANSITION_NAMES, isOpen, serviceRequestStatus, type TaskStatus, type TransitionName } from './transitions.js';

const NOW = new Date('2026-11-25T12:00:00Z');
const asked = {
  id: 'r1', task: 't1', patient: 'p1', referrer: 'trust', service: 'area.charity', recipients: ['charity', 'youth-club'], priority: 'urgent', pathway: { id: 'area', version: '1' }, named: ['Flag/f1'],
} as const;
const requested = request({ ...asked }).referral;
const at = (status: TaskStatus, more: Partial<Referral> = {}): Referral => ({ ...requested, status, ...more });
const by = (partner: string, more: Partial<Circumstances> = {}): Circumstances => ({ by: partner, now: NOW, ...more });

const rules = (result: Result<Decision>): string[] => (result.ok ? [] : result.violations.map((violation) => violation.rule));
function decided(result: Result<Decision>): Decision {
  if (!result.ok) throw new Error(result.violations.map((violation) => violation.says).join(' '));
  return result.value;
}

describe('a referral', () => {
  it('begins requested, at version 1, and says so', () => {
    const { referral, event } = request({ ...asked, waiting: { ahead: 2 } });
    expect(referral).toMatchObject({ status: 'requested', held: false, version: 1, serviceRequestVersion: 1, taskVersion: 1 });
    expect(event).toMatchObject({ type: 'baton.referrals.referral-requested.v1', key: 'r1', version: 1 });
    expect(event.data).toMatchObject({ businessStatus: 'waiting', dataref: 'ServiceRequest/r1/_history/1', taskref: 'Task/t1/_history/1' });
  });

  it('is accepted by the provider or a delivery partner, and fixes the episode then', () => {
    for (const partner of ['charity', 'youth-club']) {
      const { referral, event } = decided(decide(at('received'), 'accept', {}, by(partner, { episode: 'e1' })));
      expect(referral).toMatchObject({ status: 'accepted', episode: 'e1', version: 2, taskVersion: 2, serviceRequestVersion: 1 });
      expect(event.data).toMatchObject({ status: 'accepted', episode: 'e1', taskref: 'Task/t1/_history/2', dataref: 'ServiceRequest/r1/_history/1' });
    }
  });

  it('names the present state and what is allowed when a change is not', () => {
    const result = decide(at('accepted'), 'receive', {}, by('charity'));
    expect(result).toEqual({
      ok: false,
      violations: [
        {
          rule: 'transition-not-allowed',
          says: 'The referral is accepted and cannot become received. From accepted, the receiver may set in-progress, on-hold; the referrer may set cancelled, entered-in-error.',
          at: ['Task.status'],
          code: 'business-rule',
        },
      ],
    });
  });

  it('names all that a change lacks at once', () => {
    expect(rules(decide(at('in-progress'), 'put-on-hold', {}, by('trust')))).toEqual(['not-yours-to-set', 'reason-missing', 'review-date-missing']);
    expect(rules(decide(at('in-progress'), 'complete', {}, by('charity', { demanded: ['outcome', 'aftercare-plan'] })))).toEqual(['outcome-missing', 'aftercare-plan-missing']);
  });

  it('starts with a contact, pauses until a day that is not past, ends with what the pathway demands', () => {
    expect(rules(decide(at('accepted'), 'start', {}, by('charity')))).toEqual(['contact-missing']);
    expect(rules(decide(at('accepted'), 'put-on-hold', { reason: 'in-hospital', reviewDate: '2026-11-24' }, by('charity')))).toEqual(['review-date-past']);
    const demanded: DischargeContent[] = ['outcome', 'aftercare-plan'];
    expect(decide(at('in-progress'), 'complete', { outcome: 'goals-met' }, by('charity', { demanded, present: ['aftercare-plan'] })).ok).toBe(true);
    expect(decide(at('in-progress'), 'complete', { outcome: 'goals-met' }, by('charity')).ok).toBe(true);
  });

  it('tells with a rejection where to go instead', () => {
    expect(decided(decide(requested, 'reject', { reason: '02', instead: 'area.other' }, by('charity'))).referral).toMatchObject({ status: 'rejected', reason: '02', instead: 'area.other' });
  });

  it('drops the reason of a pause when work goes on', () => {
    const paused = decided(decide(at('in-progress'), 'put-on-hold', { reason: 'in-hospital', reviewDate: '2026-12-01' }, by('charity'))).referral;
    const { referral, event } = decided(decide(paused, 'resume', {}, by('charity')));
    expect([referral.reason, referral.reviewDate, event.data['reason']]).toEqual([undefined, undefined, undefined]);
  });

  it('keeps the reason consent-withdrawn for Baton', () => {
    expect(rules(decide(requested, 'cancel', { reason: 'consent-withdrawn' }, by('trust')))).toEqual(['reason-reserved']);
    expect(decided(decide(at('on-hold'), 'cancel-by-baton', {}, by(BATON))).event.data).toMatchObject({ status: 'cancelled', reason: 'consent-withdrawn' });
    expect(rules(decide(requested, 'cancel-by-baton', {}, by('charity')))).toEqual(['not-yours-to-set']);
  });

  it('lets somebody who is no party set nothing', () => {
    for (const line of TRANSITIONS) expect(rules(decide(at(line.from[0]!), line.name, {}, by('stranger')))).toContain('not-yours-to-set');
  });

  it('lets a partner that refers to itself act as both', () => {
    const own = { ...requested, recipients: ['trust'] };
    expect(decide(own, 'receive', {}, by('trust')).ok).toBe(true);
    expect(decide(own, 'cancel', { reason: 'other' }, by('trust')).ok).toBe(true);
  });
});

describe('a referral held for want of consent', () => {
  const held = decided(hold(requested, by(BATON))).referral;

  it('stays requested and moves no further until it is released', () => {
    expect([held.status, businessStatus(held), held.taskVersion, held.serviceRequestVersion]).toEqual(['requested', 'held-for-consent', 2, 1]);
    for (const name of ['receive', 'accept', 'reject'] as const) expect(rules(decide(held, name, { reason: '02' }, by('charity')))).toEqual(['referral-held']);
    const released = decided(release(held, by(BATON))).referral;
    expect(decide(released, 'receive', {}, by('charity')).ok).toBe(true);
  });

  it('can be cancelled by its referrer', () => {
    expect(decided(decide(held, 'cancel', { reason: 'other' }, by('trust'))).event.data).not.toHaveProperty('businessStatus');
  });

  it('is held, and released, once and by Baton only', () => {
    expect(rules(hold(held, by(BATON)))).toEqual(['transition-not-allowed']);
    expect(rules(release(requested, by(BATON)))).toEqual(['transition-not-allowed']);
    expect(rules(hold(requested, by('charity')))).toEqual(['not-yours-to-set']);
    expect(rules(hold(at('received'), by(BATON)))).toEqual(['transition-not-allowed']);
  });

  it('waits again for room once it is released', () => {
    const full = request({ ...asked, waiting: { ahead: 2 } }).referral;
    const again = decided(release(decided(hold(full, by(BATON))).referral, by(BATON))).referral;
    expect(businessStatus(again)).toBe('waiting');
  });
});

describe('a referral that nobody receives', () => {
  it('is raised once, and its resources stay as they are', () => {
    const { referral, event } = decided(raiseUnacknowledged(requested, false, by(BATON)));
    expect(event).toMatchObject({ type: 'baton.referrals.referral-unacknowledged.v1', version: 2 });
    expect(event.data).toMatchObject({ dataref: 'ServiceRequest/r1/_history/1', taskref: 'Task/t1/_history/1' });
    expect(rules(raiseUnacknowledged(referral, false, by(BATON)))).toEqual(['transition-not-allowed']);
  });

  it('is not raised when it was received, or is held', () => {
    expect(rules(raiseUnacknowledged(at('received'), false, by(BATON)))).toEqual(['transition-not-allowed']);
    expect(rules(raiseUnacknowledged(at('requested', { held: true }), false, by(BATON)))).toEqual(['transition-not-allowed']);
  });

  it('says when consent gave no verdict', () => {
    expect(decided(raiseUnacknowledged(requested, true, by(BATON))).event.data).toMatchObject({ reason: 'undecided' });
  });
});

describe('an amendment', () => {
  it('is the referrer’s, while the referral is open', () => {
    expect(decided(amend(at('accepted'), { priority: 'stat' }, by('trust'))).referral).toMatchObject({ priority: 'stat', serviceRequestVersion: 2, taskVersion: 1 });
    expect(rules(amend(at('completed'), { priority: 'stat' }, by('charity')))).toEqual(['referral-closed', 'not-yours-to-amend']);
  });
});

type Step = { name: TransitionName | 'amend' | 'hold' | 'release' | 'unacknowledged'; by: string; grounds: Grounds; hasContact: boolean; present: DischargeContent[] };

const grounds = fc.record({ reason: fc.constantFrom('other', 'consent-withdrawn'), reviewDate: fc.constantFrom('2026-12-01', '2020-01-01'), outcome: fc.constant('goals-met') }, { requiredKeys: [] });
const step: fc.Arbitrary<Step> = fc.record({
  name: fc.constantFrom(...TRANSITION_NAMES, 'amend' as const, 'hold' as const, 'release' as const, 'unacknowledged' as const),
  by: fc.constantFrom('trust', 'charity', 'youth-club', BATON, 'stranger'),
  grounds,
  hasContact: fc.boolean(),
  present: fc.subarray<DischargeContent>(['aftercare-plan']),
});

/** A step that succeeds wherever the table has it: without these, few sequences get beyond the first state. */
const able = (name: TransitionName): Step => {
  const line = TRANSITIONS.find((each) => each.name === name)!;
  const who = { referrer: 'trust', creator: 'trust', receiver: 'charity', baton: BATON }[line.by];
  return { name, by: who, grounds: { reason: 'other', reviewDate: '2026-12-01', outcome: 'goals-met' }, hasContact: true, present: ['aftercare-plan'] };
};
const sequence = fc.array(fc.oneof({ weight: 2, arbitrary: fc.constantFrom(...TRANSITION_NAMES).map(able) }, { weight: 1, arbitrary: step }), { maxLength: 30 });

function take(referral: Referral, { name, by: partner, ...rest }: Step): Result<Decision> {
  const circumstances = by(partner, { episode: 'e1', hasContact: rest.hasContact, present: rest.present, demanded: ['outcome', 'aftercare-plan'] });
  if (name === 'amend') return amend(referral, { priority: 'stat' }, circumstances);
  if (name === 'hold') return hold(referral, circumstances);
  if (name === 'release') return release(referral, circumstances);
  if (name === 'unacknowledged') return raiseUnacknowledged(referral, false, circumstances);
  return decide(referral, name, rest.grounds, circumstances);
}

/** Runs the steps and hands each that was carried out to the check. */
function run(steps: readonly Step[], check: (before: Referral, step: Step, after: Decision) => void): Referral {
  return steps.reduce((before, each) => {
    const result = take(before, each);
    if (!result.ok) {
      expect(result.violations.map((violation) => violation.says).join()).not.toBe('');
      return before;
    }
    check(before, each, result.value);
    return result.value.referral;
  }, requested);
}

const partiesOf: Record<string, readonly string[]> = { referrer: ['trust'], creator: ['trust'], receiver: ['charity', 'youth-club'], baton: [BATON] };

describe('over all sequences of commands', () => {
  const always = (check: (before: Referral, step: Step, after: Decision) => void) => fc.assert(fc.property(sequence, (steps) => void run(steps, check)), { numRuns: 500 });

  it('no state is reached but by a line of the table, set by who may set it', () => {
    always((before, { by: partner }, { referral }) => {
      if (before.status === referral.status) return;
      const lines = TRANSITIONS.filter((line) => line.from.includes(before.status) && line.to === referral.status && partiesOf[line.by]!.includes(partner));
      expect(lines).not.toEqual([]);
    });
  });

  it('a closed referral stays closed, and an error stays an error', () => {
    always((before, _step, { referral }) => {
      if (isOpen(before.status)) return;
      expect([before.status, referral.status]).toEqual([expect.not.stringMatching('entered-in-error'), 'entered-in-error']);
    });
  });

  it('the version grows by one with each event, and the event names the versions stored with it', () => {
    always((before, _step, { referral, event }) => {
      expect([referral.version, event.version]).toEqual([before.version + 1, before.version + 1]);
      expect(event.data['dataref']).toBe(`ServiceRequest/r1/_history/${referral.serviceRequestVersion}`);
      expect(event.data['taskref']).toBe(`Task/t1/_history/${referral.taskVersion}`);
    });
  });

  it('a resource has a new version when, and only when, what it shows changes', () => {
    always((before, { name }, { referral }) => {
      const requestShows = serviceRequestStatus(before.status) !== serviceRequestStatus(referral.status) || name === 'amend';
      const taskShows = before.status !== referral.status || businessStatus(before) !== businessStatus(referral);
      expect([referral.serviceRequestVersion - before.serviceRequestVersion, referral.taskVersion - before.taskVersion]).toEqual([requestShows ? 1 : 0, taskShows ? 1 : 0]);
    });
  });

  it('a held referral is requested, and whoever takes it up was allowed to know', () => {
    always((before, { by: partner }, { referral }) => {
      if (referral.held) expect(referral.status).toBe('requested');
      if (before.held) expect(['trust', BATON]).toContain(partner);
    });
  });

  it('every event is one that is published, with data its schema allows', () => {
    always((_before, _step, { event }) => {
      expect(eventContract(event.type).data.safeParse(event.data).error).toBeUndefined();
    });
  });

  it('every state of the table is reached by some sequence', () => {
    const reached = new Set<TaskStatus>();
    fc.assert(fc.property(sequence, (steps) => void run(steps, (_before, _step, { referral }) => reached.add(referral.status))), { numRuns: 20_000 });
    expect(reached.size).toBe(new Set(TRANSITIONS.map((line) => line.to)).size + 1);
  });
});
