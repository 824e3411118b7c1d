import { execFileSync } from 'node:child_process';
import { cpus, loadavg, release, totalmem } from 'node:os';
import type { Settings } from './bench-run.js';
import type { Goal, Section } from './figures.js';

/** Where and when the figures were taken. */
export interface Circumstances {
  readonly date: string;
  readonly commit: string;
  readonly machine: string;
  readonly node: string;
  readonly postgres: string;
  /** Load averages of one and five minutes as the run began: what else was going on. */
  readonly loadAtStart: readonly number[];
  readonly settings: Settings;
  readonly remark?: string;
}

export function circumstances(settings: Settings, remark: string | undefined): Omit<Circumstances, 'postgres'> {
  return {
    date: new Date().toISOString().slice(0, 16).replace('T', ' ') + ' UTC',
    commit: commit(),
    machine: `${cpus().length} × ${cpus()[0]?.model.trim() ?? 'unknown processor'}, ${Math.round(totalmem() / 2 ** 30)} GB, Linux ${release()}`,
    node: process.versions.node,
    loadAtStart: loadavg().slice(0, 2).map((load) => Number(load.toFixed(2))),
    settings,
    ...(remark === undefined ? {} : { remark }),
  };
}

function commit(): string {
  const git = (...args: string[]): string => execFileSync('git', args, { encoding: 'utf8', stdio: ['ignore', 'pipe', 'ignore'] }).trim();
  try {
    return `${git('rev-parse', '--short', 'HEAD')}${git('status', '--porcelain', '--untracked-files=no', '--', '*.ts', 'package-lock.json') === '' ? '' : ', with changes not committed'}`;
  } catch {
    return 'unknown (not a Git checkout)';
  }
}

/** The page for people. */
export function markdown(where: Circumstances, sections: readonly Section[]): string {
  const goals = sections.flatMap((section) => section.goals);
  return [
    '# Benchmarks',
    '',
    'Written by `npm run bench`; the same figures, and those behind them, are in `benchmarks.json`. How they are taken, and what they can and cannot',
    'tell, is in `tests/src/bench/README.md`. On a shared machine only the ratios mean something: each was taken turn by turn within this run.',
    '',
    ...table(['', ''], [
      ['Date', where.date],
      ['Commit', where.commit],
      ['Machine', where.machine],
      ['Node, PostgreSQL', `${where.node}, ${where.postgres}; fsync and synchronous_commit on`],
      ['Repeats, window', `${where.settings.repeats}, ${where.settings.seconds} s; medians`],
      ['Load average at the start', where.loadAtStart.join(', ')],
      ...(where.remark === undefined ? [] : [['Beside it ran', where.remark]]),
    ]),
    '',
    ...(goals.length === 0 ? [] : ['## Goals of the first stage', '', ...goalTable(goals), '']),
    ...sections.flatMap(sectionText),
  ].join('\n');
}

const goalTable = (goals: readonly Goal[]): string[] => table(['Goal', 'Wanted', 'Measured', ''], goals.map(({ goal, wanted, measured, met }) => [goal, wanted, measured, met ? 'met' : '**not met**']));

const sectionText = ({ title, head, rows, notes }: Section): string[] => [`## ${title}`, '', ...table(head, rows), '', ...notes.flatMap((note) => [`- ${note}`]), ''];

function table(head: readonly string[], rows: readonly (readonly (string | number)[])[]): string[] {
  const line = (cells: readonly (string | number)[]): string => `| ${cells.map((cell) => String(cell).replaceAll('|', '\\|')).join(' | ')} |`;
  return [line(head), line(head.map(() => '---')), ...rows.map(line)];
}
