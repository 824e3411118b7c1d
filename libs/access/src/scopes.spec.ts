import fc from 'fast-check';
import type { Caller, Refused } from '@baton/kernel';
import { grantsOf, intersect, mayOperate, OPERATE, OPERATE_CONTENT, parseScope, permits, requireOperator, requirePartner, requirePermission, scopesOf, type Interaction } from './scopes.js';

const callerWith = (...scopes: string[]): Caller => ({ partner: 'safe-zones', client: 'safe-zones', scopes, requestId: 'r', correlationId: 'c' });

const INTERACTIONS: Interaction[] = ['create', 'read', 'vread', 'history-instance', 'update', 'patch', 'delete', 'search', 'history-type'];
const TYPES = ['Patient', 'ServiceRequest', 'Task', 'Flag'];

const letters = fc.subarray([...'cruds'], { minLength: 1 }).map((some) => some.join(''));
const scope = fc.oneof(
  fc.tuple(fc.constantFrom('*', ...TYPES), letters).map(([type, some]) => `system/${type}.${some}`),
  fc.constantFrom(OPERATE, OPERATE_CONTENT),
);
const scopes = fc.array(scope, { maxLength: 6 });

describe('scopes', () => {
  it.each([
    ['create', 'c'],
    ['read', 'r'],
    ['vread', 'r'],
    ['history-instance', 'r'],
    ['update', 'u'],
    ['patch', 'u'],
    ['delete', 'd'],
    ['search', 's'],
    ['history-type', 's'],
  ] as const)('%s needs exactly the letter %s', (interaction, letter) => {
    for (const one of 'cruds') expect(permits(callerWith(`system/Task.${one}`), 'Task', interaction)).toBe(one === letter);
  });

  it('a wildcard holds for every type, a type for itself only', () => {
    expect(permits(callerWith('system/*.rs'), 'Flag', 'search')).toBe(true);
    expect(permits(callerWith('system/*.rs'), 'Flag', 'create')).toBe(false);
    expect(permits(callerWith('system/Flag.rs'), 'Task', 'read')).toBe(false);
  });

  it.each([
    'system/Task.sr',
    'system/Task.rr',
    'system/Task.',
    'system/Task',
    'system/Task.read',
    'system/Task.*',
    'system/*.*',
    'system/task.r',
    'patient/Task.r',
    'user/Task.r',
    'system/Task.r?status=requested',
    'system/Task.r\n',
    ' system/Task.r',
    'SYSTEM/Task.r',
    '*',
    '',
  ])('%j grants nothing', (text) => {
    expect(parseScope(text)).toBeUndefined();
    expect(scopesOf(grantsOf([text]))).toEqual([]);
  });

  it('several scopes of a type become one, in the order of SMART', () => {
    expect(scopesOf(grantsOf(['system/Task.u', OPERATE, 'system/Flag.s', 'system/Task.cr']))).toEqual(['system/Flag.s', 'system/Task.cru', OPERATE]);
  });

  it('whoever may open messages may operate, not the other way round; neither is a partner by that', () => {
    expect(scopesOf(grantsOf([OPERATE_CONTENT]))).toEqual([OPERATE, OPERATE_CONTENT]);
    expect(() => requireOperator(callerWith(OPERATE_CONTENT), 'content')).not.toThrow();
    expect(refusal(() => requireOperator(callerWith(OPERATE), 'content'))).toMatchObject({ kind: 'forbidden', violations: [{ rule: 'scope-missing' }] });
    expect(refusal(() => requirePartner(callerWith(OPERATE, OPERATE_CONTENT)))).toMatchObject({ kind: 'forbidden', violations: [{ rule: 'scope-missing' }] });
    expect(() => requirePartner(callerWith('system/Task.r'))).not.toThrow();
  });

  it('Baton itself may do everything', () => {
    for (const interaction of INTERACTIONS) expect(permits(callerWith('*'), 'Anything', interaction)).toBe(true);
    expect(mayOperate(callerWith('*'))).toBe(true);
  });

  it('the canonical form means the same as what it was made of, and is its own canonical form', () => {
    fc.assert(
      fc.property(scopes, (some) => {
        const canonical = scopesOf(grantsOf(some));
        expect(scopesOf(grantsOf(canonical))).toEqual(canonical);
        expect(allowed(canonical)).toEqual(allowed(some));
      }),
    );
  });

  it('an intersection allows what both allow, and nothing else', () => {
    fc.assert(
      fc.property(scopes, scopes, (a, b) => {
        const both = new Set(allowed(scopesOf(intersect(grantsOf(a), grantsOf(b)))));
        expect([...both]).toEqual(allowed(a).filter((one) => allowed(b).includes(one)));
      }),
    );
  });

  it('a missing scope is refused by name', () => {
    const caller = callerWith('system/Task.rs');
    expect(() => requirePermission(caller, 'Task', 'read')).not.toThrow();
    expect(refusal(() => requirePermission(caller, 'Task', 'patch'))).toMatchObject({ kind: 'forbidden', violations: [{ rule: 'scope-missing', says: 'The access token lacks the scope system/Task.u.' }] });
    expect(refusal(() => requireOperator(caller))).toMatchObject({ kind: 'forbidden', violations: [{ rule: 'scope-missing' }] });
  });
});

function allowed(some: readonly string[]): string[] {
  const caller = callerWith(...some);
  const pairs = [...TYPES, 'Unheard'].flatMap((type) => INTERACTIONS.filter((interaction) => permits(caller, type, interaction)).map((interaction) => `${type} ${interaction}`));
  return [...pairs, ...(mayOperate(caller) ? [OPERATE] : []), ...(mayOperate(caller, 'content') ? [OPERATE_CONTENT] : [])];
}

function refusal(act: () => void): Refused {
  try {
    act();
  } catch (error) {
    return error as Refused;
  }
  throw new Error('was not refused');
}
