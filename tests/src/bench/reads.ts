import type { BenchRun } from './bench-run.js';
import { perSecond, ratioOf, summaryOf, type Section, type Window } from './figures.js';
import { writtenKeys } from './floors.js';
import type { Prepared } from './job.js';
import type { PartnerSystem } from '../partner-system.js';

interface Level {
  readonly connections: number;
  readonly floor: Window[];
  /** By the partner that owns what it reads. */
  readonly owner: Window[];
  /** By the partner that a decision of consent let in. */
  readonly recipient: Window[];
}

const GET_GOAL = 0.25;
const RESOURCES = 2_000;

/** GET of a ServiceRequest by its id, authorised, visible and audited, against a select by key. */
export async function reads(run: BenchRun): Promise<Section> {
  const floor = { ...run.floors.select, keys: await keysToSelect(run) };
  const requests = (await run.baton.sql<{ id: string }>(`SELECT id FROM referrals.referral WHERE status = 'requested' AND NOT held LIMIT ${RESOURCES}`)).map(({ id }): Prepared => ({ method: 'GET', path: `/fhir/R4/ServiceRequest/${id}` }));
  const levels: Level[] = run.settings.levels.map((connections) => ({ connections, floor: [], owner: [], recipient: [] }));
  const get = async (partner: PartnerSystem, connections: number): Promise<Window> =>
    run.load.requests({ address: run.baton.address, token: await partner.accessToken(), connections, seconds: run.settings.seconds, requests, again: true });
  await get(run.receiver, 8);
  for (let repeat = 1; repeat <= run.settings.repeats; repeat++) {
    for (const level of levels) {
      level.floor.push(await run.floor(floor, level.connections));
      level.owner.push(await get(run.referrer, level.connections));
      level.recipient.push(await get(run.receiver, level.connections));
      const rate = (windows: readonly Window[]): number => Math.round(perSecond(windows.at(-1)!));
      run.say(`reads ${repeat}/${run.settings.repeats} at ${level.connections}: floor ${rate(level.floor)}/s, owner ${rate(level.owner)}/s, recipient ${rate(level.recipient)}/s`);
    }
  }
  const ratios = levels.map(({ connections, floor: under, recipient }) => ({ connections, ratio: ratioOf(recipient, under) }));
  return {
    name: 'reads',
    title: 'GET by id',
    head: ['Connections', 'Select /s', 'GET by owner /s', 'p50 ms', 'p99 ms', 'GET by recipient /s', 'p50 ms', 'p99 ms', '÷ select'],
    rows: levels.map((level) => {
      const [owner, recipient] = [summaryOf(level.owner), summaryOf(level.recipient)];
      return [level.connections, summaryOf(level.floor).perSecond, owner.perSecond, owner.p50, owner.p99, recipient.perSecond, recipient.p50, recipient.p99, ratioOf(level.recipient, level.floor)];
    }),
    notes: ['The recipient sees what it reads by a decision of consent; its token, scope and visibility are checked and an audit entry is committed before each answer. The select commits nothing.', ...failuresIn(levels.flatMap(({ owner, recipient }) => [...owner, ...recipient]))],
    goals: [{ goal: 'GET ÷ select', wanted: `≥ ${GET_GOAL}`, measured: ratios.map(({ connections, ratio }) => `${ratio} (${connections})`).join(', '), met: ratios.every(({ ratio }) => ratio >= GET_GOAL) }],
    data: levels.map((level) => ({ connections: level.connections, select: summaryOf(level.floor), owner: summaryOf(level.owner), recipient: summaryOf(level.recipient), overSelect: ratioOf(level.recipient, level.floor) })),
  };
}

/** What the write floor left; where that section was not asked for, a little of it is made up for. */
async function keysToSelect(run: BenchRun): Promise<string[]> {
  const keys = await writtenKeys(run.baton);
  if (keys.length >= RESOURCES) return keys;
  await run.floor(run.floors.write, 8);
  return writtenKeys(run.baton);
}

export function failuresIn(windows: readonly Window[]): string[] {
  const failed = windows.flatMap((window) => Object.entries(window.failed));
  return failed.length === 0 ? [] : [`Answers that were no success: ${JSON.stringify(Object.fromEntries(failed))}.`];
}
