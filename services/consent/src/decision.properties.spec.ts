import fc from 'fast-check';
import { OPENABLE, overrides, type Decision, type Scope } from './decision.js';
import type { AccessRow } from './effective-access.js';
import { day, facts, NOW, opens, plainDeny, sharing, THINGS, type Thing } from './spec/decision.fixture.js';
import { judgePerson } from './verdict.js';

const PARTNERS = ['trust', 'charity', 'club', 'camhs'];
const scope: fc.Arbitrary<Scope> = fc.oneof(
  fc.constant<Scope>({ kind: 'record' }),
  fc.subarray([...OPENABLE], { minLength: 1, maxLength: 3 }).map((categories): Scope => ({ kind: 'categories', categories })),
  fc.subarray(THINGS.map(({ item }) => item), { minLength: 1, maxLength: 2 }).map((items): Scope => ({ kind: 'items', items })),
);
const instant = fc.option(fc.integer({ min: -3, max: 3 }).map(day), { nil: undefined });

const someDecision = (patients: readonly string[]): fc.Arbitrary<Decision> =>
  fc
    .record({
      patient: fc.constantFrom(...patients),
      recorder: fc.constantFrom(...PARTNERS),
      effect: fc.constantFrom('permit' as const, 'deny' as const),
      recipients: fc.oneof(fc.subarray(PARTNERS, { minLength: 1, maxLength: 2 }), fc.constant('everyone-but-owner' as const)),
      scope,
      context: fc.option(fc.constantFrom('r1', 'r2'), { nil: undefined, freq: 5 }),
      withheld: fc.array(scope.filter(({ kind }) => kind !== 'record'), { maxLength: 1 }),
      basis: fc.constantFrom('explicit', 'explicit', 'explicit', 'gillick', 'implied-direct-care', 'safeguarding-public-interest'),
      justified: fc.boolean(),
      dateTime: fc.integer({ min: -9, max: 0 }).map(day),
      from: instant,
      until: instant,
      status: fc.constantFrom('active' as const, 'active' as const, 'inactive' as const, 'entered-in-error' as const),
    })
    .map(({ context, from, until, ...rest }): Decision => ({
      id: '', purpose: 'TREAT', reach: [], ...rest,
      ...(context && rest.scope.kind !== 'items' ? { context } : {}), ...(from ? { from } : {}), ...(until ? { until } : {}),
      ...(rest.status === 'inactive' ? { withdrawnAt: NOW } : {}),
    }));

const several = (patients: readonly string[] = ['p1'], prefix = 'd'): fc.Arbitrary<Decision[]> =>
  fc.array(someDecision(patients), { maxLength: 6 }).map((all) => all.map((each, i) => ({ ...each, id: `${prefix}${i}` })));

const INSTANTS = [0, 0.5, 1.5, 2.5, 3.5].map(day);
const judged = (decisions: readonly Decision[], patients = ['p1']): AccessRow[] => judgePerson(decisions, patients.includes('p1') ? [sharing()] : [], facts({ patients })).rows.slice();
const sees = (rows: readonly AccessRow[]): Set<string> =>
  new Set(INSTANTS.flatMap((at) => PARTNERS.flatMap((partner) => THINGS.filter((thing) => opens(rows, thing, partner, at)).map(({ item }) => `${partner} ${item} ${at.getTime()}`))));
const within = (less: ReadonlySet<string>, more: ReadonlySet<string>): string[] => [...less].filter((each) => !more.has(each));
const holds = (each: Decision, at: Date): boolean => each.status === 'active' && (!each.from || each.from <= at) && (!each.until || at < each.until);

/** What implied consent reaches in the referral, whatever is decided. */
const implied = (thing: Thing, recipient: string): boolean =>
  ['charity', 'club'].includes(recipient)
    ? thing.owner === 'trust' ? thing.context === 'r1' || ['Patient/p1', 'Flag/f1'].includes(thing.item) : thing.item === 'EpisodeOfCare/e1'
    : recipient === 'trust' && ['EpisodeOfCare/e1', 'CarePlan/cp1'].includes(thing.item);

const reaches = ({ scope: what, context }: Pick<Decision, 'scope' | 'context'>, thing: Thing): boolean =>
  (what.kind === 'record' || (what.kind === 'categories' ? what.categories.includes(thing.category) : what.items.includes(thing.item))) && (context === undefined || context === thing.context);

describe('whatever was decided', () => {
  it('nothing is open that no permission of its owner, no justified override and no implied consent reaches', () => {
    fc.assert(fc.property(several(), (decisions) => {
      const rows = judged(decisions);
      for (const at of INSTANTS) for (const recipient of PARTNERS) for (const thing of THINGS) {
        if (!opens(rows, thing, recipient, at) || implied(thing, recipient)) continue;
        const grants = decisions.filter((each) => each.effect === 'permit' && holds(each, at) && each.basis !== 'implied-direct-care' && reaches(each, thing) && each.recipients.includes(recipient)
          && !each.withheld.some((except) => reaches({ scope: except }, thing)) && (each.recorder === thing.owner || (overrides(each.basis) && each.justified && each.recorder !== recipient)));
        expect(grants.length).toBeGreaterThan(0);
      }
    }), { numRuns: 300 });
  });

  it('nothing is open to whom a refusal keeps out, unless something later, more specific, or an override opens it', () => {
    fc.assert(fc.property(several(), (decisions) => {
      const rows = judged(decisions);
      for (const at of INSTANTS) for (const recipient of PARTNERS) for (const thing of THINGS) {
        if (!opens(rows, thing, recipient, at)) continue;
        const permits = decisions.filter((each) => each.effect === 'permit' && holds(each, at) && each.recipients.includes(recipient) && reaches(each, thing));
        const stands = decisions.filter((each) => each.effect === 'deny' && holds(each, at) && each.scope.kind === 'record' && (each.recipients === 'everyone-but-owner' || each.recipients.includes(recipient)) && reaches(each, thing));
        for (const no of stands) expect(permits.some((yes) => overrides(yes.basis) || yes.dateTime > no.dateTime || no.context !== undefined)).toBe(true);
      }
    }), { numRuns: 300 });
  });

  it('the order in which it became known makes no difference', () => {
    fc.assert(fc.property(several().chain((decisions) => fc.tuple(fc.constant(decisions), fc.shuffledSubarray(decisions, { minLength: decisions.length }))), ([one, other]) => {
      expect(judged(other)).toEqual(judged(one));
    }));
  });

  it('withdrawing a permission opens nothing', () => {
    fc.assert(fc.property(several(), fc.nat(5), (decisions, which) => {
      const after = decisions.map((each, i): Decision => (i === which && each.effect === 'permit' && each.status === 'active' ? { ...each, status: 'inactive', withdrawnAt: NOW } : each));
      expect(within(sees(judged(after)), sees(judged(decisions)))).toEqual([]);
    }), { numRuns: 300 });
  });

  it('one more refusal opens nothing', () => {
    fc.assert(fc.property(several(), someDecision(['p1']), (decisions, more) => {
      const no: Decision = { ...more, id: 'more', effect: 'deny', withheld: [], status: 'active' };
      expect(within(sees(judged([...decisions, no])), sees(judged(decisions)))).toEqual([]);
    }), { numRuns: 300 });
  });

  it('a plain refusal that comes last leaves only what an override opens', () => {
    fc.assert(fc.property(several(), (decisions) => {
      const by = new Set(judged([...decisions, plainDeny({ dateTime: day(1) })]).map((row) => row.decision));
      expect(decisions.filter(({ id, basis }) => by.has(id) && !overrides(basis))).toEqual([]);
      expect(by.has('i1')).toBe(false);
    }));
  });

  it('a decision gives no row for what another owns, none to its recorder, none to the owner', () => {
    fc.assert(fc.property(several(), (decisions) => {
      for (const row of judged(decisions)) {
        const of = decisions.find(({ id }) => id === row.decision);
        expect(row.recipient).not.toBe(row.owner);
        if (!of) continue;
        expect(row.recipient).not.toBe(of.recorder);
        // One that overrides opens what all own; where implied consent opens the same, it may stand for that narrower row too.
        if (!overrides(of.basis)) expect(row.owner).toBe(of.recorder);
        expect(row.patient).toBe(of.patient);
      }
    }));
  });

  it('linking two persons makes nothing visible', () => {
    fc.assert(fc.property(several(['p1'], 'a'), several(['p2'], 'b'), (ofOne, ofOther) => {
      const apart = new Set([...sees(judged(ofOne, ['p1'])), ...sees(judged(ofOther, ['p2']))]);
      expect(within(sees(judged([...ofOne, ...ofOther], ['p1', 'p2'])), apart)).toEqual([]);
    }), { numRuns: 300 });
  });

  it('after an unlink a permission that the other side had refused stays shut', () => {
    fc.assert(fc.property(several(['p1'], 'a'), several(['p2'], 'b'), (ofOne, ofOther) => {
      const linked = judged([...ofOne, ...ofOther], ['p1', 'p2']).filter((row) => row.decision !== 'i1');
      const bound = ofOther.map((each): Decision => ({ ...each, reach: ['p1'] }));
      const apart = judged([...ofOne, ...bound], ['p1']).filter((row) => row.decision !== 'i1');
      expect(within(sees(apart), sees(linked))).toEqual([]);
    }), { numRuns: 300 });
  });
});
