import { setTimeout as sleep } from 'node:timers/promises';
import { BatonProcess, removed } from './baton-process.js';
import type { Settings } from './bench-run.js';
import { median, rounded, type Section } from './figures.js';
import type { Memory } from './processes.js';

const COLD_MS = 5_000;
const AGAIN_MS = 3_000;
const IDLE_MB = 350;

/** How long until Baton is ready with nothing there, and with its data there; what it takes when nobody asks anything. */
export async function startUp(settings: Settings, say: (line: string) => void): Promise<Section> {
  const [cold, again]: [number[], number[]] = [[], []];
  let idle: Memory | undefined;
  for (let repeat = 1; repeat <= settings.repeats; repeat++) {
    const first = await BatonProcess.start();
    cold.push(first.startedAfterMs);
    await first.stop({ keep: true });
    const second = await BatonProcess.start({ home: first.home });
    again.push(second.startedAfterMs);
    if (repeat === settings.repeats) {
      await sleep(settings.idle * 1000);
      idle = await second.memory();
    }
    await second.stop({ keep: true });
    await removed(first.home);
    say(`start ${repeat}/${settings.repeats}: cold ${Math.round(cold.at(-1)!)} ms, again ${Math.round(again.at(-1)!)} ms`);
  }
  const { processes, rss, pss, nodeRss } = idle!;
  const inAll = pss ?? rss;
  const seconds = (times: readonly number[]): number => rounded(median(times) / 1000);
  return {
    name: 'start',
    title: 'Start and memory',
    head: ['', 'Median', 'Range'],
    rows: [
      ['cold start, empty home → ready, s', seconds(cold), rangeOf(cold)],
      ['start again on its data → ready, s', seconds(again), rangeOf(again)],
      [`idle memory, ${processes} processes: shared pages once (PSS), MB`, pss ?? 'not readable', ''],
      ['idle memory, shared pages in each process (RSS), MB', rss, ''],
      ['of which Node (RSS), MB', nodeRss, ''],
    ],
    notes: ['Ready: `/health/ready` answers 200. A cold start makes the database cluster, roles, schemas, tables and keys, and loads the pathway.'],
    goals: [
      { goal: 'cold start', wanted: '≤ 5 s', measured: `${seconds(cold)} s`, met: median(cold) <= COLD_MS },
      { goal: 'start again', wanted: '≤ 3 s', measured: `${seconds(again)} s`, met: median(again) <= AGAIN_MS },
      { goal: 'idle memory in all', wanted: `≤ ${IDLE_MB} MB`, measured: `${inAll} MB (${pss === undefined ? 'RSS' : 'PSS'})`, met: inAll <= IDLE_MB },
    ],
    data: { coldMs: cold, againMs: again, idle },
  };
}

const rangeOf = (times: readonly number[]): string => `${rounded(Math.min(...times) / 1000)}–${rounded(Math.max(...times) / 1000)}`;
