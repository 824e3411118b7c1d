import { killedOver } from '../durability/points.js';
import { brokenIn, commit, headline, machine, row } from '../durability/report.js';
import type { Round } from '../durability/rounds.js';
import type { Fault, Outcome } from './fault.js';

/** What came of a fault. */
export interface Befallen extends Outcome {
  readonly fault: Fault;
}

/** What came of a home whose services were killed back to back. */
export interface InOneGo {
  /** Where somebody died. */
  readonly points: readonly string[];
  /** Requests of partners, and events they were told. */
  readonly asked: number;
  readonly told: number;
  readonly broken: readonly string[];
}

export interface Results {
  readonly killed: readonly Round[];
  readonly together: readonly InOneGo[];
  readonly befallen: readonly Befallen[];
}

const faultRow = ({ fault: { name, does }, figures, broken }: Befallen): string => `| ${name} | ${does} | ${figures.join('; ')} | ${broken.length === 0 ? 'all kept' : 'broken'} |`;

/**
 * `docs/resilience.md`: what was killed, how often, what else happened, and what came of it.
 * @param by what was passed to `npm run resilience`
 */
export function markdown({ killed, together, befallen }: Results, at: Date, by: readonly string[]): string {
  const points = killedOver('kafka');
  const broken = [...brokenIn(killed), ...together.flatMap((one, home) => one.broken.map((says) => `- home ${home + 1}: ${says}`)), ...befallen.flatMap((one) => one.broken.map((says) => `- ${one.fault.name}: ${says}`))];
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
    `**${headline(killed, broken.length, points.keys())}** Back to back on ${together.length} homes: ${together.reduce((sum, { points: at }) => sum + at.length, 0)} kills.`,
    ...(broken.length === 0 ? [] : ['', ...broken]),
    '',
    '## Killed at crash points',
    '',
    '| Point | Reached by | Killed | Result |',
    '|---|---|---|---|',
    ...[...points].map(([point, { scene }]) => row(point, scene, killed.filter((round) => round.point === point))),
    '',
    '## Killed back to back',
    '',
    'Every process is armed with nine of the points that are reached under load; whatever dies comes back armed with the next that nobody has died at yet, so that recoveries',
    'overlap. In the end the broker is killed. Each line is a home of its own, judged once.',
    '',
    '| Home | Died at | Requests | Events told | Result |',
    '|---|---|---|---|---|',
    ...together.map(({ points: at, asked, told, broken: was }, home) => `| ${home + 1} | ${at.length} points | ${asked} | ${told} | ${was.length === 0 ? 'all kept' : 'broken'} |`),
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
