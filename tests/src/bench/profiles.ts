import { freePort } from '@baton/testing';
import { PartnerSystem } from '../partner-system.js';
import { BatonProcess, removed } from './baton-process.js';
import type { Settings } from './bench-run.js';
import { summaryOfProfile, type ProfileSummary, type Share } from './cpu-profile.js';
import { rounded, type Section, type Window } from './figures.js';
import { profileOf } from './inspector.js';
import type { Prepared } from './job.js';
import { LoadProcess } from './load-process.js';
import { YoungPeople } from './young-people.js';

const CONNECTIONS = 8;
const ROWS = 12;
/** Functions named in the JSON file. */
const KEPT = 30;

interface StatementCost {
  readonly text: string;
  readonly calls: number;
  readonly meanMs: number;
  readonly totalMs: number;
}

interface Profiled {
  readonly what: string;
  readonly window: Window;
  readonly summary: ProfileSummary;
  readonly statements: readonly StatementCost[];
}

/** Where the time goes: V8's profiler in Baton's process, `pg_stat_statements` in PostgreSQL; both cost a little, so no rate is taken here. */
export async function profiles(settings: Settings, say: (line: string) => void): Promise<Section> {
  const port = await freePort();
  const nodeArguments = [`--inspect-port=127.0.0.1:${port}`];
  const first = await BatonProcess.start();
  await first.sql(`ALTER SYSTEM SET shared_preload_libraries = 'pg_stat_statements'`);
  await first.stop({ keep: true });
  const baton = await BatonProcess.start({ home: first.home, nodeArguments });
  const load = new LoadProcess();
  try {
    await baton.sql('CREATE EXTENSION pg_stat_statements');
    const done = await profileEach({ baton, load, port, settings });
    for (const { what, summary } of done) say(`profile of ${what}: busy ${summary.busy} %`);
    return sectionOf(done);
  } finally {
    load.close();
    await baton.stop({ keep: true });
    await removed(first.home);
  }
}

async function profileEach({ baton, load, port, settings }: { baton: BatonProcess; load: LoadProcess; port: number; settings: Settings }): Promise<Profiled[]> {
  const referrer = new PartnerSystem(baton, 'rapid-response');
  const people = new YoungPeople(baton, load, referrer);
  const send = async (requests: readonly Prepared[], more: { seconds: number; again?: boolean }): Promise<Window> =>
    load.requests({ address: baton.address, token: await referrer.accessToken(), connections: CONNECTIONS, requests, ...more });
  const profiled = async (what: string, requests: readonly Prepared[], again = false): Promise<Profiled> => {
    await baton.sql('SELECT pg_stat_statements_reset()');
    let window: Window | undefined;
    const profile = await profileOf(baton.pid, port, async () => {
      window = await send(requests, { seconds: again ? settings.profiled : 60, again });
    });
    await baton.atRest();
    return { what, window: window!, summary: summaryOfProfile(profile), statements: await statementsOf(baton) };
  };
  await send(await people.referrals(settings.warmUp), { seconds: 60 });
  await baton.atRest();
  const count = settings.profiled * 500;
  const creates = await profiled('POST ServiceRequest', await people.referrals(count));
  const ids = await baton.sql<{ id: string }>('SELECT id FROM referrals.referral LIMIT 1000');
  const gets = ids.map(({ id }): Prepared => ({ method: 'GET', path: `/fhir/R4/ServiceRequest/${id}` }));
  await send(gets, { seconds: 1, again: true });
  return [creates, await profiled('GET ServiceRequest', gets, true)];
}

async function statementsOf(baton: BatonProcess): Promise<StatementCost[]> {
  const rows = await baton.sql<{ query: string; calls: string; mean: number; total: number }>(
    `SELECT query, calls::text, mean_exec_time AS mean, total_exec_time AS total FROM pg_stat_statements WHERE query NOT LIKE '%pg_stat_statements%' ORDER BY total_exec_time DESC LIMIT ${ROWS}`,
  );
  return rows.map(({ query, calls, mean, total }) => ({ text: headOf(query), calls: Number(calls), meanMs: rounded(mean), totalMs: rounded(total) }));
}

/** The beginning of a statement, and the tables it writes: enough to know it by. */
function headOf(query: string): string {
  const text = query.replace(/\s+/g, ' ').trim();
  const writes = [...new Set([...text.matchAll(/(?:INSERT INTO|UPDATE|DELETE FROM) ([a-z_]+\.[a-z_]+)/g)].map(([, table]) => table))];
  return `${text.slice(0, 90)}${text.length > 90 ? '…' : ''}${writes.length > 0 && text.length > 90 ? ` (writes ${writes.join(', ')})` : ''}`;
}

function sectionOf(done: readonly Profiled[]): Section {
  const shares = (all: readonly Share[]): string => all.slice(0, ROWS).map(({ name, share }) => `${name} ${share} %`).join(' · ');
  const notes = done.flatMap(({ what, window, summary, statements }) => [
    `**${what}**, ${window.done} at ${CONNECTIONS} connections; Node was busy ${summary.busy} % of the time. By package: ${shares(summary.byPackage)}.`,
    `Functions by their own time: ${shares(summary.self)}.`,
    `Baton’s functions with what they call: ${shares(summary.total)}.`,
    `Statements by time within PostgreSQL (calls per request × mean): ${statements.map(({ text, calls, meanMs }) => `\`${text}\` ${rounded(calls / window.done)} × ${meanMs} ms`).join(' · ')}.`,
  ]);
  return {
    name: 'profile',
    title: 'Where the time goes',
    head: ['', 'Node busy %', 'Statement time in PostgreSQL per request, ms'],
    rows: done.map(({ what, window, summary, statements }) => [what, summary.busy, rounded(statements.reduce((sum, { totalMs }) => sum + totalMs, 0) / window.done)]),
    notes,
    goals: [],
    data: done.map(({ summary, ...rest }) => ({ ...rest, summary: { ...summary, self: summary.self.slice(0, KEPT), total: summary.total.slice(0, KEPT) } })),
  };
}
