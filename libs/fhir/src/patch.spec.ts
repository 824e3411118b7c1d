import { Refused } from '@baton/kernel';
import fc from 'fast-check';
import { createPatch } from 'rfc6902';
import { applyPatch } from './patch.js';
import type { Resource } from './types.js';

const task: Resource = { resourceType: 'Task', id: 't1', status: 'requested', note: [{ text: 'one' }, { text: 'two' }], 'a/b~c': 1 };

function refusalOf(operations: unknown): { kind: string; rule: string; at: readonly string[] | undefined; says: string } {
  try {
    applyPatch(task, operations);
  } catch (error) {
    if (!(error instanceof Refused)) throw error;
    const [violation] = error.violations;
    return { kind: error.kind, rule: violation.rule, at: violation.at, says: violation.says };
  }
  throw new Error('was not refused');
}

describe('applyPatch', () => {
  it('leads from any content to any other by the patch between them', () => {
    const key = fc.constantFrom('a', 'b', 'status', 'x/y', '~0', 'toString');
    const content = fc.dictionary(key, fc.jsonValue({ maxDepth: 3 }), { noNullPrototype: true });
    const safe = (value: unknown) => !/__proto__|constructor|prototype/.test(JSON.stringify(value));
    fc.assert(
      fc.property(content.filter(safe), content.filter(safe), (before, after) => {
        const from: Resource = { resourceType: 'Task', id: 't1', ...before };
        const to: Resource = { resourceType: 'Task', id: 't1', ...after };
        expect(applyPatch(from, createPatch(structuredClone(from), to))).toEqual(to);
      }),
    );
  });

  it('adds, inserts, replaces, moves, copies and removes', () => {
    const patched = applyPatch(task, [
      { op: 'test', path: '/status', value: 'requested' },
      { op: 'test', path: '/id', value: 't1' },
      { op: 'replace', path: '/status', value: 'received' },
      { op: 'add', path: '/note/0', value: { text: 'zero' } },
      { op: 'copy', from: '/note/2', path: '/note/-' },
      { op: 'move', from: '/a~1b~0c', path: '/priority' },
      { op: 'remove', path: '/note/1' },
    ]);
    expect(patched).toEqual({ resourceType: 'Task', id: 't1', status: 'received', note: [{ text: 'zero' }, { text: 'two' }, { text: 'two' }], priority: 1 });
  });

  it('leaves the resource alone, also when a later operation does not apply', () => {
    const before = structuredClone(task);
    expect(() => applyPatch(task, [{ op: 'replace', path: '/status', value: 'x' }, { op: 'remove', path: '/note/7' }])).toThrow(Refused);
    applyPatch(task, [{ op: 'add', path: '/note/0/text', value: 'other' }]);
    expect(task).toEqual(before);
  });

  it.each([
    [{ op: 'add' }],
    [[{ op: 'add', path: '/status' }]],
    [[{ op: 'update', path: '/status', value: 1 }]],
    [[{ op: 'toString', path: '/status', value: 1 }]],
    [[{ op: 'remove', path: 'status' }]],
    [[{ op: 'remove', path: '/a~2b' }]],
    [[{ op: 'remove', path: ['/status'] }]],
    [[{ op: 'move', path: '/status' }]],
    [[null]],
    [Array.from({ length: 1_001 }, () => ({ op: 'test', path: '/status', value: 'requested' }))],
  ])('refuses what is no JSON Patch: %j', (document) => {
    expect(refusalOf(document)).toMatchObject({ kind: 'malformed', rule: 'not-a-patch' });
  });

  it.each([
    [[{ op: 'add', path: '/__proto__/admin', value: true }]],
    [[{ op: 'add', path: '/note/0/constructor/prototype/admin', value: true }]],
    [[{ op: 'copy', from: '/__proto__', path: '/note/-' }]],
    [[{ op: 'add', path: '/note/-', value: JSON.parse('{"deep":[{"__proto__":{"admin":true}}]}') as unknown }]],
  ])('refuses to reach for a prototype: %j', (document) => {
    expect(refusalOf(document)).toMatchObject({ kind: 'malformed', rule: 'not-a-patch' });
    expect(({} as Record<string, unknown>)['admin']).toBeUndefined();
  });

  it.each([
    [{ op: 'remove', path: '/note/2' }, 'Task.note[2]'],
    [{ op: 'replace', path: '/intent', value: 'order' }, 'Task.intent'],
    [{ op: 'replace', path: '/note/-', value: {} }, 'Task.note'],
    [{ op: 'add', path: '/note/3', value: {} }, 'Task.note[3]'],
    [{ op: 'add', path: '/note/01', value: {} }, 'Task.note'],
    [{ op: 'add', path: '/note/first', value: {} }, 'Task.note.first'],
    [{ op: 'add', path: '/for/reference', value: 'Patient/p' }, 'Task.for.reference'],
    [{ op: 'replace', path: '/status/length', value: 1 }, 'Task.status.length'],
    [{ op: 'remove', path: '/toString' }, 'Task.toString'],
    [{ op: 'replace', path: '/note/length', value: 0 }, 'Task.note.length'],
    [{ op: 'copy', from: '/hasOwnProperty', path: '/note/-' }, 'Task.hasOwnProperty'],
    [{ op: 'move', from: '/note', path: '/note/0' }, 'Task.note[0]'],
    [{ op: 'remove', path: '/Jo Secret' }, 'Task'],
  ])('refuses an operation whose place is not there: %j', (operation, at) => {
    expect(refusalOf([operation])).toMatchObject({ kind: 'rule-broken', rule: 'patch-path-missing', at: [at] });
  });

  it('refuses everything when a test fails, and says so without either value', () => {
    const refused = refusalOf([{ op: 'test', path: '/note/0/text', value: 'Secret' }]);
    expect(refused).toMatchObject({ kind: 'rule-broken', rule: 'patch-test-failed', at: ['Task.note[0].text'] });
    expect(refused.says).not.toMatch(/Secret|one/);
    expect(refusalOf([{ op: 'test', path: '/absent', value: null }])).toMatchObject({ rule: 'patch-test-failed' });
  });

  it.each([
    { op: 'replace', path: '/resourceType', value: 'Patient' },
    { op: 'remove', path: '/id' },
    { op: 'add', path: '/id', value: 'other' },
    { op: 'move', from: '/id', path: '/note/0/id' },
    { op: 'copy', from: '/status', path: '/resourceType' },
    { op: 'add', path: '', value: { resourceType: 'Patient' } },
    { op: 'replace', path: '', value: null },
    { op: 'remove', path: '' },
  ])('never changes which resource it is: %j', (operation) => {
    expect(refusalOf([operation])).toMatchObject({ kind: 'rule-broken', rule: 'patch-fixed-element' });
  });

  it('lets ids inside be changed', () => {
    expect(applyPatch(task, [{ op: 'add', path: '/note/0/id', value: 'n1' }])['note']).toEqual([{ text: 'one', id: 'n1' }, { text: 'two' }]);
  });

  it('tests for equal values: members in any order, lists in theirs, numbers by value', () => {
    const before: Resource = { resourceType: 'Task', id: 't1', input: { a: [1, { b: null, c: '' }], d: 0 } };
    const test = (value: unknown) => applyPatch(before, [{ op: 'test', path: '/input', value }]);
    expect(test({ d: -0, a: [1, { c: '', b: null }] })).toEqual(before);
    for (const other of [{ a: [1, { b: null, c: '' }] }, { a: [{ b: null, c: '' }, 1], d: 0 }, { a: [1, { b: null, c: '', e: 1 }], d: 0 }, { a: { 0: 1 }, d: 0 }, null, []]) {
      expect(() => test(other)).toThrow(Refused);
    }
  });

  it('tests long lists quickly', () => {
    const list = (family: string) => Array.from({ length: 20_000 }, (_, i) => ({ family: family + String(i) }));
    const start = performance.now();
    expect(() => applyPatch({ resourceType: 'Patient', name: list('a') }, [{ op: 'test', path: '/name', value: list('b') }])).toThrow(Refused);
    expect(performance.now() - start).toBeLessThan(1_000);
  });

  it('refuses to nest deeper than a body may be', () => {
    const nested = (levels: number): unknown => JSON.parse('['.repeat(levels) + ']'.repeat(levels));
    const put = (levels: number) => [{ op: 'add', path: '/input', value: nested(levels) }];
    expect(applyPatch(task, put(63))).toHaveProperty('input');
    expect(refusalOf(put(64))).toMatchObject({ kind: 'malformed', rule: 'json-too-deep' });
    const deepen = Array.from({ length: 999 }, (_, i) => ({ op: 'copy', from: '/note/0', path: `/note/0${'/extension'.repeat(i)}` }));
    expect(refusalOf(deepen)).toMatchObject({ kind: 'malformed' });
  });

  it('refuses copies that double until memory is full', () => {
    expect(refusalOf(Array.from({ length: 60 }, () => ({ op: 'copy', from: '/note', path: '/note/-' })))).toMatchObject({ kind: 'too-large', rule: 'patch-copies-too-much' });
  });
});
