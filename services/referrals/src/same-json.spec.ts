import fc from 'fast-check';
import { sameJson } from './same-json.js';

describe('two JSON values', () => {
  it('are the same when one is a copy of the other, whatever the order of its members', () => {
    const turned = (value: unknown): unknown =>
      Array.isArray(value) ? value.map(turned) : typeof value === 'object' && value !== null ? Object.fromEntries(Object.entries(value).reverse().map(([name, each]) => [name, turned(each)])) : value;
    fc.assert(fc.property(fc.jsonValue(), (value) => sameJson(value, turned(JSON.parse(JSON.stringify(value))))));
  });

  it('differ when anything in them does', () => {
    fc.assert(fc.property(fc.jsonValue(), fc.jsonValue(), (one, other) => sameJson({ a: [one] }, { a: [one, other] }) === false && sameJson({ a: one }, { a: one, b: other }) === false));
    expect(sameJson({ a: undefined }, {})).toBe(false);
    expect(sameJson([1, 2], [2, 1])).toBe(false);
    expect(sameJson({}, [])).toBe(false);
  });
});
