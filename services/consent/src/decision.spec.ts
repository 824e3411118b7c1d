import { effectiveAccess } from './effective-access.js';
import { day, decision, facts, NOW, plainDeny, seen, sharing } from './spec/decision.fixture.js';
import { judgePerson, verdict } from './verdict.js';

const shown = (recipient: string, decisions: Parameters<typeof effectiveAccess>[0], at = NOW, items = facts().items): string[] => seen(effectiveAccess(decisions, [], facts({ items })), recipient, at);
const referred = (decisions: Parameters<typeof effectiveAccess>[0], more = {}) => judgePerson(decisions, [sharing(more)], facts());
const TRUST = ['Patient/p1', 'ServiceRequest/r1', 'Task/t1', 'ServiceRequest/r2', 'Flag/f1', 'Flag/f2', 'Observation/o1'];

describe('a decision', () => {
  it('opens only what its recorder owns, and only to whom it names', () => {
    expect(shown('charity', [decision()])).toEqual(TRUST);
    expect(shown('club', [decision()])).toEqual([]);
    expect(shown('trust', [decision()])).toEqual([]);
  });

  it('opens nothing of others to its own recorder', () => {
    expect(shown('charity', [decision({ recorder: 'charity', recipients: ['charity'] })])).toEqual([]);
  });

  it('opens what all own only for an override that has a reason and a person, and never to who recorded it', () => {
    const safeguarding = decision({ basis: 'safeguarding-public-interest', recipients: ['charity', 'trust'], justified: true });
    expect(new Set(shown('charity', [safeguarding, plainDeny()]))).toEqual(new Set([...TRUST, 'Flag/f3']));
    expect(shown('trust', [safeguarding])).toEqual([]);
    expect(shown('charity', [{ ...safeguarding, justified: false }])).toEqual([]);
    expect(shown('charity', [{ ...safeguarding, basis: 'break-glass', recorder: 'charity' }])).toContain('Flag/f3');
  });

  it('opens a category, an item, or one referral, and not what it withholds', () => {
    expect(shown('charity', [decision({ scope: { kind: 'categories', categories: ['alert'] } })])).toEqual(['Flag/f1', 'Flag/f2']);
    expect(shown('charity', [decision({ scope: { kind: 'items', items: ['Flag/f2'] } })])).toEqual(['Flag/f2']);
    expect(shown('charity', [decision({ context: 'r1' })])).toEqual(['ServiceRequest/r1', 'Task/t1']);
    expect(shown('charity', [decision({ withheld: [{ kind: 'categories', categories: ['measure', 'referral'] }, { kind: 'items', items: ['Flag/f1'] }] })])).toEqual(['Patient/p1', 'Flag/f2']);
  });

  it('holds from its first instant until its last, without anything happening in between', () => {
    const rows = effectiveAccess([decision({ from: day(1), until: day(3) })], [], facts());
    expect([0, 1, 2, 3].map((at) => seen(rows, 'charity', day(at)).length > 0)).toEqual([false, true, true, false]);
    const paused = effectiveAccess([decision(), decision({ id: 'no', effect: 'deny', from: day(1), until: day(2) })], [], facts());
    expect([0, 1, 2].map((at) => seen(paused, 'charity', day(at)).length > 0)).toEqual([true, false, true]);
  });
});

describe('between decisions', () => {
  it('the more specific wins: a recipient over everyone, a category over the record, an item over a category', () => {
    expect(shown('charity', [plainDeny(), decision({ dateTime: day(-5) })])).toEqual(TRUST);
    expect(shown('charity', [decision(), decision({ id: 'no', effect: 'deny', scope: { kind: 'categories', categories: ['measure'] } })])).not.toContain('Observation/o1');
    expect(shown('charity', [decision(), decision({ id: 'no', effect: 'deny', scope: { kind: 'items', items: ['Flag/f1'] } })])).toEqual(TRUST.filter((item) => item !== 'Flag/f1'));
  });

  it('an item that nobody knows yet stays shut where another of its category is refused', () => {
    expect(shown('charity', [decision(), decision({ id: 'no', effect: 'deny', scope: { kind: 'items', items: ['Flag/f1'] } })], NOW, [])).toEqual(TRUST.filter((item) => !item.startsWith('Flag')));
  });

  it('between equals the more restrictive wins, and so does the refusal where neither is more specific', () => {
    expect(shown('charity', [decision(), decision({ id: 'no', effect: 'deny' })])).toEqual([]);
    expect(shown('charity', [decision(), plainDeny({ scope: { kind: 'categories', categories: ['measure'] } })])).not.toContain('Observation/o1');
  });

  it('a refusal of everything is not outlived by an earlier, more specific permission', () => {
    expect(shown('charity', [decision({ scope: { kind: 'categories', categories: ['alert'] } }), plainDeny({ dateTime: day(-1) })])).toEqual([]);
  });

  it('a later one supersedes the earlier of the same recipient and scope, in both directions', () => {
    const no = decision({ id: 'no', effect: 'deny', recorder: 'camhs' });
    expect(shown('charity', [no, decision({ dateTime: day(-5) })])).toEqual(TRUST);
    expect(shown('charity', [decision({ dateTime: day(-5) }), { ...no, dateTime: day(-1) }])).toEqual([]);
  });

  it('a later permission lifts a refusal for what its recorder owns, and for nobody else', () => {
    const no = decision({ id: 'no', effect: 'deny' });
    const others = decision({ id: 'd2', recorder: 'camhs', dateTime: day(-1) });
    expect(shown('charity', [no, decision({ dateTime: day(-20) }), others])).toEqual(['Flag/f3']);
  });

  it('a refusal comes back when the permission that lifted it runs out', () => {
    const rows = effectiveAccess([decision({ id: 'no', effect: 'deny' }), decision({ dateTime: day(-5), until: day(2) })], [], facts());
    expect([seen(rows, 'charity', day(1)).length > 0, seen(rows, 'charity', day(2)).length > 0]).toEqual([true, false]);
  });

  it('a permission that was superseded does not come back when the refusal is taken back', () => {
    expect(shown('charity', [decision(), decision({ id: 'no', effect: 'deny', dateTime: day(-5), status: 'inactive', withdrawnAt: day(-1) })])).toEqual([]);
  });

  it('what was recorded in error never was', () => {
    expect(shown('charity', [decision(), plainDeny({ dateTime: day(-1), status: 'entered-in-error' })])).toEqual(TRUST);
  });
});

describe('a referral', () => {
  it('rests on implied consent where nobody refused: its own things, those it names, and no more', () => {
    const { sharings, rows, events } = referred([]);
    expect(sharings[0]).toMatchObject({ state: 'allowed', version: 1, allowed: ['charity', 'club'], basis: 'implied-direct-care', decision: 'i1' });
    expect(events.map(({ type, version }) => [type, version])).toEqual([['baton.consent.sharing-allowed.v1', 1]]);
    expect(seen(rows, 'charity')).toEqual(['Patient/p1', 'ServiceRequest/r1', 'Task/t1', 'Flag/f1']);
    expect(seen(rows, 'club')).toEqual(['Patient/p1', 'ServiceRequest/r1', 'Task/t1', 'Flag/f1', 'EpisodeOfCare/e1']);
    expect(seen(rows, 'camhs')).toEqual([]);
  });

  it('gives back to the referrer the episode and the plan, and neither contacts nor measures', () => {
    expect(seen(referred([]).rows, 'trust')).toEqual(['EpisodeOfCare/e1', 'CarePlan/cp1']);
  });

  it('opens of what it names only what the referrer owns', () => {
    expect(seen(referred([], { named: ['Flag/f3', 'Flag/f1'] }).rows, 'charity')).not.toContain('Flag/f3');
  });

  it('is refused where somebody refused, whatever implied consent would say, and opens nothing then', () => {
    const { sharings, rows, events } = referred([plainDeny({ recorder: 'camhs' })]);
    expect(sharings[0]).toMatchObject({ state: 'refused', allowed: [] });
    expect(events[0]).toMatchObject({ type: 'baton.consent.sharing-refused.v1', data: { recipients: [] } });
    expect(events[0]!.data).not.toHaveProperty('decision');
    expect(rows).toEqual([]);
  });

  it('goes to those alone whom nobody kept out', () => {
    const { sharings, rows } = referred([decision({ effect: 'deny', recipients: ['club'] })]);
    expect(sharings[0]).toMatchObject({ state: 'allowed', allowed: ['charity'] });
    expect(seen(rows, 'club')).toEqual([]);
  });

  it('may be refused by itself while another is shared', () => {
    const no = decision({ effect: 'deny', recipients: 'everyone-but-owner', context: 'r1' });
    const { sharings } = judgePerson([no], [sharing(), sharing({ referral: 'r2', implied: 'i2' })], facts());
    expect(sharings.map(({ state }) => state)).toEqual(['refused', 'allowed']);
  });

  it('is shared on an explicit permission where a refusal stood, and withdrawn when that permission is', () => {
    const no = plainDeny({ dateTime: day(-20) });
    const yes = decision();
    const first = judgePerson([no, yes], [sharing()], facts());
    expect(first.sharings[0]).toMatchObject({ state: 'allowed', allowed: ['charity'], decision: 'd1', basis: 'explicit' });
    const then = judgePerson([no, { ...yes, status: 'inactive', withdrawnAt: NOW }], first.sharings, facts());
    expect(then.events).toMatchObject([{ type: 'baton.consent.sharing-withdrawn.v1', version: 2, data: { recipients: [], lost: ['charity'] } }]);
    expect(seen(then.rows, 'charity')).toEqual([]);
  });

  it('is not shared on implied consent after an explicit one was withdrawn', () => {
    expect(verdict(sharing(), [decision({ recipients: ['charity', 'club'], status: 'inactive', withdrawnAt: NOW })], facts()).recipients).toEqual([]);
  });

  it('is not shared again once it was withdrawn: that ended it', () => {
    const withdrawn = judgePerson([plainDeny()], judgePerson([], [sharing()], facts()).sharings, facts()).sharings;
    expect(withdrawn[0]!.state).toBe('withdrawn');
    const again = judgePerson([], withdrawn, facts());
    expect([again.events, seen(again.rows, 'charity')]).toEqual([[], []]);
  });

  it('leaves who knew of it what it knew when it ends, and gives nobody more', () => {
    const only = judgePerson([decision({ effect: 'deny', recipients: ['club'] })], [sharing()], facts()).sharings;
    const after = judgePerson([], only.map((one) => ({ ...one, closed: true })), facts());
    expect(after.events).toEqual([]);
    expect([seen(after.rows, 'charity').length > 0, seen(after.rows, 'club').length > 0]).toEqual([true, false]);
  });

  it('within one partner needs nobody\'s leave', () => {
    expect(verdict(sharing({ recipients: ['trust'] }), [plainDeny()], facts()).recipients).toEqual(['trust']);
  });
});
