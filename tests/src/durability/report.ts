import { execFileSync } from 'node:child_process';
import { cpus, release, totalmem, type } from 'node:os';
import { EXEMPT, killedOver, type Kill } from './points.js';
import type { Round } from './rounds.js';

const git = (...args: string[]): string => execFileSync('git', args, { encoding: 'utf8' }).trim();

/** `abc1234`, and whether what ran is more than that. */
export function commit(): string {
  const changed = git('status', '--porcelain', '--', 'services', 'libs', 'contracts', 'infra', 'tests') !== '';
  return `${git('rev-parse', '--short', 'HEAD')}${changed ? ' with uncommitted changes' : ''}`;
}

export const machine = (): string => `${cpus().length} × ${cpus()[0]?.model ?? 'processor'}, ${Math.round(totalmem() / 2 ** 30)} GiB, ${type()} ${release()}, Node ${process.versions.node}`;

const timesOf = (count: number): string => (count === 1 ? 'once' : `${count} times`);

/** A line of the table, of all rounds of one point. */
export function row(point: string, reachedBy: string, rounds: readonly Round[]): string {
  const reached = rounds.filter(({ reached: was }) => was);
  const broken = rounds.filter(({ broken: was }) => was.length > 0).length;
  const result = rounds.length === 0 ? 'not run' : reached.length === 0 ? 'not reached' : reached.length < rounds.length ? `not reached ${timesOf(rounds.length - reached.length)}` : broken === 0 ? 'all kept' : `broken ${timesOf(broken)}`;
  return `| \`${point}\` | ${reachedBy} | ${reached.length} | ${result} |`;
}

/** How many kills, what they broke, and how many points nobody came to: what was not reached has kept no promise. */
export function headline(rounds: readonly Round[], broken: number, meant: Iterable<string>): string {
  const kills = rounds.filter(({ reached }) => reached);
  const points = new Set(meant);
  for (const { point } of kills) points.delete(point);
  const kept = broken === 0 ? 'no promise broken' : broken === 1 ? 'one promise broken' : `${broken} promises broken`;
  const missed = points.size === 0 ? 'every point was reached' : points.size === 1 ? 'one point was not reached' : `${points.size} points were not reached`;
  return `${kills.length} kills, ${kept}; ${missed}.`;
}

/** What was broken, a line each. */
export const brokenIn = (rounds: readonly Round[]): string[] => rounds.flatMap(({ point, times, broken }) => broken.map((one) => `- \`${point}\`, the ${times}. time: ${one}`));

/** `docs/durability.md`: what was killed, how often, and what came of it. */
export function markdown(rounds: readonly Round[], at: Date): string {
  const of = (point: string): Round[] => rounds.filter((round) => round.point === point);
  const broken = brokenIn(rounds);
  const points: ReadonlyMap<string, Kill> = killedOver('log');
  return [
    '# Durability',
    '',
    'Written by `npm run durability -- --long`: the real process (`services/standalone`, embedded engines) is killed by SIGKILL at every crash',
    'point that it reaches (those of Kafka are in resilience.md), started again, left to come to rest, and judged by what partners were answered, what the public API shows, and what',
    'webhook receivers wrote down. `tests/src/durability/checker.ts` judges, and is itself tested by histories that were spoilt on purpose.',
    'CI kills at each point once (`durability.slow.ts`). Tried on a Baton broken on purpose (commits that do not wait for the disk, positions stored before their',
    'effects, Idempotency-Keys forgotten), the same runs named what was lost or doubled.',
    '',
    `Commit ${commit()}, ${at.toISOString().slice(0, 10)}, on ${machine()}.`,
    '',
    `**${headline(rounds, broken.length, [...points.keys(), 'PostgreSQL'])}**`,
    ...(broken.length === 0 ? [] : ['', ...broken]),
    '',
    '## Where it was killed',
    '',
    'Reached by: *walk* several young persons at once referred, amended, received, accepted and seen, every request repeated under its',
    'Idempotency-Key until it was answered · *start*, *first-start*, *stop* what the words say, under the same load · the others are errands',
    '(`errands.ts`) that must come to their end in spite of the kill.',
    '',
    '| Point | Reached by | Killed | Result |',
    '|---|---|---|---|',
    ...[...points].map(([point, { scene }]) => row(point, scene, of(point))),
    row('PostgreSQL', 'walk', of('PostgreSQL')).replaceAll('`', ''),
    '',
    '## Where it was not',
    '',
    '| Point | Why |',
    '|---|---|',
    ...Object.entries(EXEMPT).map(([point, why]) => `| \`${point}\` | ${why} |`),
    '',
  ].join('\n');
}
