import type { BenchRun } from './bench-run.js';
import { median, perSecond, ratioOf, rounded, summaryOf, type Goal, type Section, type Window } from './figures.js';
import type { Prepared, RequestsDone } from './job.js';
import { since, type Cpu } from './processes.js';

/** Load on Baton, and what it cost the server. */
interface Costed {
  readonly window: Window;
  /** CPU within the window. */
  readonly cpu: Cpu;
  /** CPU until everything that follows was done: sharing decided, access opened, referral released. */
  readonly cpuInAll: Cpu;
  /** Seconds from the end of the window until then. */
  readonly settledAfter: number;
}

interface Level {
  readonly connections: number;
  readonly floor: Window[];
  readonly floorCpu: Cpu[];
  readonly sameRows: Window[];
  readonly creates: Costed[];
  readonly bundles: Costed[];
}

const CREATE_GOAL = 0.35;
const CPU_GOAL = 1.3;
const FIRST_GUESS = 800;

/** `POST ServiceRequest` and the transaction Bundle against what PostgreSQL alone could do, turn by turn. */
export async function creates(run: BenchRun): Promise<Section> {
  const levels: Level[] = run.settings.levels.map((connections) => ({ connections, floor: [], floorCpu: [], sameRows: [], creates: [], bundles: [] }));
  for (let repeat = 1; repeat <= run.settings.repeats; repeat++) {
    for (const level of levels) {
      await once(run, level);
      const rate = (windows: readonly Window[]): number => Math.round(perSecond(windows.at(-1)!));
      run.say(`creates ${repeat}/${run.settings.repeats} at ${level.connections}: floor ${rate(level.floor)}/s, same rows ${rate(level.sameRows)}/s, ServiceRequest ${rate(windowsOf(level.creates))}/s, Bundle ${rate(windowsOf(level.bundles))}/s`);
    }
  }
  return {
    name: 'creates',
    title: 'Creates',
    head: ['Connections', 'Floor /s', 'Same rows /s', 'ServiceRequest /s', 'p50 ms', 'p99 ms', '÷ floor', '÷ same rows', 'Bundle of 3 /s', 'p50 ms', 'p99 ms'],
    rows: levels.map(rowOf),
    notes: notesOn(run, levels),
    goals: goalsOf(levels),
    data: { rowsOfOneCreate: run.floors.rows, levels: levels.map(dataOf) },
  };
}

async function once(run: BenchRun, level: Level): Promise<void> {
  const before = await run.baton.cpu();
  level.floor.push(await run.floor(run.floors.write, level.connections));
  level.floorCpu.push(since(before, await run.baton.cpu()));
  level.sameRows.push(await run.floor(run.floors.sameRows, level.connections));
  level.creates.push(await underLoad(run, level.connections, await run.people.referrals(enough(run, level.creates))));
  level.bundles.push(await underLoad(run, level.connections, run.people.bundles(enough(run, level.bundles))));
}

/** More than a window takes; what is left over is used in the next. */
const enough = (run: BenchRun, before: readonly Costed[]): number => Math.ceil(1.4 * run.settings.seconds * Math.max(FIRST_GUESS, ...windowsOf(before).map(perSecond)));

async function underLoad(run: BenchRun, connections: number, requests: readonly Prepared[]): Promise<Costed> {
  const { baton, load, settings } = run;
  const token = await run.referrer.accessToken();
  const before = await baton.cpu();
  const done: RequestsDone = await load.requests({ address: baton.address, token, connections, seconds: settings.seconds, requests });
  const [ended, cpu] = [performance.now(), since(before, await baton.cpu())];
  await baton.atRest();
  const { locations, ...window } = done;
  if (requests[0]?.path.endsWith('ServiceRequest')) run.people.giveBack(requests.slice(locations.length));
  return { window, cpu, cpuInAll: since(before, await baton.cpu()), settledAfter: (performance.now() - ended) / 1000 };
}

const windowsOf = (costed: readonly Costed[]): Window[] => costed.map(({ window }) => window);

function rowOf({ connections, floor, sameRows, creates: own, bundles }: Level): (string | number)[] {
  const [create, bundle] = [summaryOf(windowsOf(own)), summaryOf(windowsOf(bundles))];
  return [
    connections, summaryOf(floor).perSecond, summaryOf(sameRows).perSecond,
    create.perSecond, create.p50, create.p99, ratioOf(windowsOf(own), floor), ratioOf(windowsOf(own), sameRows),
    bundle.perSecond, bundle.p50, bundle.p99,
  ];
}

/** Microseconds of CPU per operation, median of the repeats. */
const micros = (costed: readonly Costed[], of: (one: Costed) => number): number => rounded(median(costed.map((one) => (of(one) * 1_000_000) / one.window.done)));

function costs(costed: readonly Costed[]): { node: number; postgres: number; nodeInAll: number; postgresInAll: number; settledAfter: number } {
  return {
    node: micros(costed, ({ cpu }) => cpu.node),
    postgres: micros(costed, ({ cpu }) => cpu.postgres),
    nodeInAll: micros(costed, ({ cpuInAll }) => cpuInAll.node),
    postgresInAll: micros(costed, ({ cpuInAll }) => cpuInAll.postgres),
    settledAfter: rounded(median(costed.map(({ settledAfter }) => settledAfter))),
  };
}

/** CPU of the floor per operation: PostgreSQL's, and that of the process that asks. */
function floorCosts({ floor, floorCpu }: Level): { client: number; postgres: number } {
  const each = (of: (place: number) => number): number => rounded(median(floor.map((window, place) => (of(place) * 1_000_000) / window.done)));
  return { client: each((place) => floor[place]!.loadCpuSeconds), postgres: each((place) => floorCpu[place]!.postgres) };
}

function notesOn({ floors }: BenchRun, levels: readonly Level[]): string[] {
  const at = middle(levels);
  const [create, bundle, floor] = [costs(at.creates), costs(at.bundles), floorCosts(at)];
  const failures = levels.flatMap((level) => [...level.creates, ...level.bundles]).flatMap(({ window }) => Object.entries(window.failed));
  return [
    `One create leaves ${Object.entries(floors.rows).map(([table, count]) => `${count} × ${table}`).join(', ')}; “same rows” writes just these, with all their indexes, in one prepared statement.`,
    `CPU per create at ${at.connections} connections: Node ${create.node} µs + PostgreSQL ${create.postgres} µs within the window; Node ${create.nodeInAll} µs + PostgreSQL ${create.postgresInAll} µs with everything that follows (relay, log, consent's decision, access rows, release of the referral). The floor: client ${floor.client} µs + PostgreSQL ${floor.postgres} µs.`,
    `CPU per Bundle (Patient, Flag, ServiceRequest): Node ${bundle.node} µs + PostgreSQL ${bundle.postgres} µs; with everything that follows ${bundle.nodeInAll} + ${bundle.postgresInAll} µs.`,
    `What follows goes on while creates come in; after a window of creates it took another ${levels.map((level) => `${costs(level.creates).settledAfter} s (${level.connections})`).join(', ')} until everything was at rest.`,
    ...(failures.length === 0 ? [] : [`Answers that were no success: ${JSON.stringify(Object.fromEntries(failures))}.`]),
  ];
}

const middle = (levels: readonly Level[]): Level => levels[Math.floor(levels.length / 2)]!;

function goalsOf(levels: readonly Level[]): Goal[] {
  const ratios = levels.map(({ connections, creates: own, floor }) => ({ connections, ratio: ratioOf(windowsOf(own), floor) }));
  const at = middle(levels);
  const [create, floor] = [costs(at.creates), floorCosts(at)];
  const cpu = rounded((create.node + create.postgres) / (floor.client + floor.postgres));
  return [
    { goal: 'create ÷ floor', wanted: `≥ ${CREATE_GOAL}`, measured: ratios.map(({ connections, ratio }) => `${ratio} (${connections})`).join(', '), met: ratios.every(({ ratio }) => ratio >= CREATE_GOAL) },
    { goal: 'CPU per create ÷ floor’s (a later stage’s goal)', wanted: `≤ ${CPU_GOAL}`, measured: String(cpu), met: cpu <= CPU_GOAL },
  ];
}

const dataOf = (level: Level): object => ({
  connections: level.connections,
  floor: { ...summaryOf(level.floor), cpuMicros: floorCosts(level) },
  sameRows: summaryOf(level.sameRows),
  creates: { ...summaryOf(windowsOf(level.creates)), overFloor: ratioOf(windowsOf(level.creates), level.floor), overSameRows: ratioOf(windowsOf(level.creates), level.sameRows), cpuMicros: costs(level.creates) },
  bundles: { ...summaryOf(windowsOf(level.bundles)), overFloor: ratioOf(windowsOf(level.bundles), level.floor), cpuMicros: costs(level.bundles) },
});
