import { Refused } from '@baton/kernel';
import fc from 'fast-check';
import { parseStrict } from './json.js';

function refusalOf(text: string): { rule: string; at: string | undefined; says: string } {
  try {
    parseStrict(text);
  } catch (error) {
    if (!(error instanceof Refused)) throw error;
    const [violation] = error.violations;
    return { rule: violation.rule, at: violation.at?.[0], says: violation.says };
  }
  throw new Error('was not refused');
}

describe('parseStrict', () => {
  it('reads whatever JSON.stringify writes, as JSON.parse does', () => {
    const clean = fc.jsonValue({ maxDepth: 6, stringUnit: 'grapheme' }).filter((value) => !/__proto__|constructor|prototype/.test(JSON.stringify(value)));
    fc.assert(
      fc.property(clean, fc.constantFrom(0, 2), (value, indent) => {
        const text = JSON.stringify(value, null, indent);
        expect(parseStrict(text)).toEqual(JSON.parse(text));
      }),
    );
  });

  it.each([
    ['{"resourceType":"Task","status":"requested","status":"accepted"}', 'Task.status'],
    ['{"resourceType":"Task","input":[{},{"type":{"text":"a","te\\u0078t":"b"}}]}', 'Task.input[1].type.text'],
    ['{"a":{"b":{"c":1}},"a":1}', '$.a'],
    ['{"resourceType":"Task","note":[],"note":"\\u003a"}', 'Task.note'],
    ['{"a" : [ 1 , "}" , {"b":":", "b":"\\"" } ] }', '$.a[2].b'],
  ])('refuses a key that stands twice: %s', (text, at) => {
    expect(refusalOf(text)).toMatchObject({ rule: 'duplicate-key', at });
  });

  it('refuses any duplicated key, wherever it is put', () => {
    fc.assert(
      fc.property(fc.jsonValue({ maxDepth: 3 }), fc.stringMatching(/^[a-z":\\]{1,6}$/), fc.jsonValue({ maxDepth: 2 }), (value, key, twice) => {
        const member = `${JSON.stringify(key)}:${JSON.stringify(twice).replace(/__proto__|constructor|prototype/g, 'x')}`;
        expect(refusalOf(`[${JSON.stringify(value).replace(/__proto__|constructor|prototype/g, 'x')},{${member},${member}}]`).rule).toBe('duplicate-key');
      }),
    );
  });

  it('accepts 64 levels and refuses 65', () => {
    const nested = (levels: number) => '['.repeat(levels) + ']'.repeat(levels);
    expect(parseStrict(nested(64))).toBeDefined();
    expect(refusalOf(nested(65)).rule).toBe('json-too-deep');
  });

  it('refuses a depth bomb quickly, also one hidden behind a duplicate key', () => {
    const bomb = '{"a":'.repeat(100_000) + '1' + '}'.repeat(100_000);
    expect(refusalOf(bomb).rule).toBe('json-too-deep');
    expect(refusalOf(`{"x":${bomb},"x":1}`).rule).toBe('json-too-deep');
  });

  it.each(['{"resourceType":"Patient","name":[{"__proto__":{"admin":true}}]}', '{"resourceType":"Patient","name":[{"\\u005f_proto__":1}]}', '{"resourceType":"Patient","name":[{"constructor":{}}]}'])(
    'refuses a key that reaches for the prototype: %s',
    (text) => {
      expect(refusalOf(text)).toMatchObject({ rule: 'forbidden-key', at: 'Patient.name[0]' });
    },
  );

  it.each(['{"a":"\\ud800"}', '{"a":"\\uDC00x"}', '{"a":"\ud800"}'])('refuses half a character', (text) => {
    expect(refusalOf(text)).toMatchObject({ rule: 'lone-surrogate', at: '$.a' });
  });

  it('accepts characters beyond the basic plane, escaped or not', () => {
    expect(parseStrict('{"a":"\\ud83d\\ude00","b":"😀"}')).toEqual({ a: '😀', b: '😀' });
  });

  it('refuses a number no double can hold', () => {
    expect(refusalOf('{"a":[1,1e999]}')).toMatchObject({ rule: 'number-beyond-range', at: '$.a[1]' });
  });

  it('says where reading stopped and never quotes the text', () => {
    const refused = refusalOf('{"name": Secret}');
    expect(refused.rule).toBe('not-json');
    expect(refused.says).not.toContain('Secret');
  });

  it('does not repeat a key that is no element name', () => {
    expect(refusalOf('{"Jo Secret":1,"Jo Secret":2}').at).toBe('$.?');
  });
});
