import { Ledger, EXPECTED, type Expected } from './ledger.js';
import { lineOf, summary } from './playbill.js';
import { row, wrap } from './terminal.js';

const everything = Object.keys(EXPECTED) as Expected[];

describe('the ledger of a demonstration', () => {
  it('is good only when everything was looked at and was as it should be', () => {
    const ledger = new Ledger();
    for (const expected of everything.slice(1)) ledger.note(expected, true, 'so');
    expect(ledger.good()).toBe(false);
    ledger.note(everything[0]!, true, 'so');
    expect(ledger.good()).toBe(true);
  });

  it('keeps the first finding against something, whatever is found of it later', () => {
    const ledger = new Ledger();
    for (const expected of everything) ledger.note(expected, true, 'so');
    ledger.note('refused', false, 'reads 200');
    ledger.note('refused', true, 'reads 404');
    expect(ledger.good()).toBe(false);
    expect(ledger.all().find(({ expected }) => expected === 'refused')?.finding?.was).toBe('reads 200');
  });

  it('is shown with what was, what was not, and what was not reached', () => {
    const ledger = new Ledger();
    ledger.note('stored', true, '201');
    ledger.note('notified', false, 'nothing came');
    const shown = summary(ledger, 1_234);
    expect(shown).toMatch(/✓ .*stored together +201/);
    expect(shown).toMatch(/✗ .*notified.* +nothing came/);
    expect(shown.match(/not reached/g)).toHaveLength(everything.length - 2);
    expect(shown).toContain(`1 of ${everything.length} as they should be, after 1.2 s`);
  });
});

describe('a line of the story', () => {
  it('goes on below itself where it is longer than the terminal is wide', () => {
    const lines = lineOf(12, 'charity', 'word '.repeat(60).trim()).split('\n');
    expect(lines.length).toBeGreaterThan(2);
    expect(Math.max(...lines.map((line) => line.length))).toBeLessThanOrEqual(100);
    expect(lines.slice(1).every((line) => line.startsWith(' '.repeat(19) + 'word'))).toBe(true);
  });

  it('loses no word in wrapping, however long', () => {
    expect(wrap(`a ${'b'.repeat(20)} c`, 5)).toEqual(['a', 'b'.repeat(20), 'c']);
    expect(row([{ text: 'x', width: 3, right: true }, { text: 'y' }], 0)).toBe('  x  y');
  });
});
