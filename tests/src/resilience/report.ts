import { killedOver } from '../durability/points.js';
import { brokenIn, commit, headline, machine, row } from '../durability/report.js';
import type { Round } from '../durability/rounds.js';

/** `docs/resilience.md`: what was killed, how often, and what came of it. */
export function markdown(rounds: readonly Round[], at: Date): string {
  const points = killedOver('kafka');
  const broken = brokenIn(rounds);
  return [
    '# Resilience',
    '',
    'Written by `npm run resilience -- --long`: every service runs in two processes of its own, on Kafka. One process of each is armed; whichever comes to the',
    'crash point first dies by SIGKILL, under load, and is started again by what watches over it; Baton as a whole is never started again. Then it is',
    'left to come to rest, and judged by what partners were answered, what the public API shows, what the audit holds, and what webhook receivers wrote down',
    '(`tests/src/durability/checker.ts`, itself tested by histories that were spoilt on purpose).',
    '',
    `Commit ${commit()}, ${at.toISOString().slice(0, 10)}, on ${machine()}.`,
    '',
    `**${headline(rounds, broken.length, points.keys())}**`,
    ...(broken.length === 0 ? [] : ['', ...broken]),
    '',
    '| Point | Reached by | Killed | Result |',
    '|---|---|---|---|',
    ...[...points].map(([point, { scene }]) => row(point, scene, rounds.filter((round) => round.point === point))),
    '',
  ].join('\n');
}
