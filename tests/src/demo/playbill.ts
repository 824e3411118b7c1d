import type { Ledger } from './ledger.js';
import type { Who } from './story.js';
import { coloured, row, rule, wrap, WIDTH, type Colour } from './terminal.js';

const COLOURS: Readonly<Record<Who, Colour>> = { trust: 'cyan', charity: 'magenta', council: 'yellow', baton: 'blue', forger: 'red' };

/** What is said before the story begins. @param says how the Baton came about */
export function opening(says: string, partners: { readonly trust: string; readonly charity: string; readonly council: string }): string {
  const who = (role: Who, partner: string, what: string): string => row([{ text: role, width: 8, colour: COLOURS[role] }, { text: partner, width: 20 }, { text: what }], 4);
  return [
    '',
    coloured('bold', 'Baton: a referral goes from a trust to a charity, and the answer comes back'),
    '',
    ...wrap(says, WIDTH - 2).map((line) => `  ${line}`),
    '  Three partners, each a process of its own, that know its public interface and nothing else:',
    '',
    who('trust', partners.trust, 'Rapid Response Team of a mental health trust: refers'),
    who('charity', partners.charity, "The Children's Society, for Safe Zones: receives"),
    who('council', partners.council, 'a council’s children’s services: has nothing to do with it, and tries to see it'),
    '',
    coloured('dim', row([{ text: 'ms', width: 6, right: true }, { text: 'who', width: 7 }, { text: 'what happens' }])),
    rule(),
  ].join('\n');
}

/** A line of the story. @param ms since it began @param ok shown as a mark, where the line is itself a finding */
export function lineOf(ms: number, who: Who, what: string, ok?: boolean): string {
  const mark = ok === undefined ? '' : ok ? '✓ ' : '✗ ';
  return row([{ text: String(ms), width: 6, right: true, colour: 'dim' }, { text: who, width: 7, colour: COLOURS[who] }, { text: `${mark}${what}`, ...(ok === false ? { colour: 'red' as const } : {}) }]);
}

/** The table at the end: what should be so, and how it was. */
export function summary(ledger: Ledger, ms: number): string {
  const all = ledger.all();
  const good = all.filter(({ finding }) => finding?.ok).length;
  const lines = all.map(({ says, finding }) => {
    const colour: Colour = finding === undefined ? 'dim' : finding.ok ? 'green' : 'red';
    return row([{ text: finding === undefined ? '–' : finding.ok ? '✓' : '✗', width: 1, colour }, { text: says, width: 52 }, { text: finding?.was ?? 'not reached', colour: finding?.ok ? 'dim' : colour }]);
  });
  const verdict = ledger.good() ? coloured('green', `All ${all.length} as they should be`) : coloured('red', `${good} of ${all.length} as they should be`);
  return ['', coloured('dim', row([{ text: '', width: 1 }, { text: 'What should be so', width: 52 }, { text: 'How it was' }])), rule(), ...lines, rule(), `  ${verdict}, after ${(ms / 1000).toFixed(1)} s.`, ''].join('\n');
}
