import { killedOver } from '../durability/points.js';
import { brokenIn, commit, headline, machine, row } from '../durability/report.js';
import type { Round } from '../durability/rounds.js';
import type { Fault, Outcome } from './fault.js';

/** What came of a fault. */
export interface Befallen extends Outcome {
  readonly fault: Fault;
}

export interface Results {
  readonly killed: readonly Round[];
  readonly befallen: readonly Befallen[];
}

const faultRow = ({ fault: { name, does }, figures, broken }: Befallen): string => `| ${name} | ${does} | ${figures.join('; ')} | ${broken.length === 0 ? 'all kept' : 'broken'} |`;

/** `docs/resilience.md`: what was killed, how often, what else happened, and what came of it. */
/** @param by what was passed to `npm run resilience` */
export function markdown({ killed, befallen }: Results, at: Date, by: readonly string[]): string {
  const points = killedOver('kafka');
  const broken = [...brokenIn(killed), ...befallen.flatMap((one) => one.broken.map((says) => `- ${one.fault.name}: ${says}`))];
  return [
    '# Resilience',
    '',
    `Written by \`npm run resilience -- ${by.join(' ')}\`: every service runs in two processes of its own, on Kafka. One process of each is armed; whichever comes to the`,
    'crash point first dies by SIGKILL, under load, and is started again by what watches over it; Baton as a whole is never started again. Then it is',
    'left to come to rest, and judged by what partners were answered, what the public API shows, what the audit holds, and what webhook receivers wrote down',
    '(`tests/src/durability/checker.ts`, itself tested by histories that were spoilt on purpose).',
    '',
    `Commit ${commit()}, ${at.toISOString().slice(0, 10)}, on ${machine()}.`,
    '',
    `**${headline(killed, broken.length, points.keys())}**`,
    ...(broken.length === 0 ? [] : ['', ...broken]),
    '',
    '## Killed at crash points',
    '',
    '| Point | Reached by | Killed | Result |',
    '|---|---|---|---|',
    ...[...points].map(([point, { scene }]) => row(point, scene, killed.filter((round) => round.point === point))),
    '',
    '## What happened besides',
    '',
    'The same checker judges, and the topics are read to their ends by a client that is none of Baton\'s: of each aggregate every version lies there once, in order,',
    'but for repeats.',
    '',
    '| Fault | What is done | What was seen | Result |',
    '|---|---|---|---|',
    ...befallen.map(faultRow),
    '',
  ].join('\n');
}
