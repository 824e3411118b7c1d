import type { BenchRun } from './bench-run.js';
import { perSecond, ratioOf, summaryOf, type Section, type Window } from './figures.js';
import type { Prepared } from './job.js';
import { failuresIn } from './reads.js';
import { idIn, takenBack } from './young-people.js';

const PER_PATIENT = 22;

interface Level {
  readonly connections: number;
  readonly floor: Window[];
  readonly search: Window[];
}

/** A page of 20 ServiceRequests of one young person in one status, against selecting 20 bodies by an index. */
export async function searches(run: BenchRun): Promise<Section> {
  const patients = await patientsWithHistory(run);
  const requests = patients.map((patient): Prepared => ({ method: 'GET', path: `/fhir/R4/ServiceRequest?patient=${patient}&status=revoked&_count=20` }));
  const levels: Level[] = run.settings.levels.map((connections) => ({ connections, floor: [], search: [] }));
  const ask = async (connections: number): Promise<Window> =>
    run.load.requests({ address: run.baton.address, token: await run.referrer.accessToken(), connections, seconds: run.settings.seconds, requests, again: true });
  await ask(8);
  for (let repeat = 1; repeat <= run.settings.repeats; repeat++) {
    for (const level of levels) {
      level.floor.push(await run.floor(run.floors.page, level.connections));
      level.search.push(await ask(level.connections));
      run.say(`searches ${repeat}/${run.settings.repeats} at ${level.connections}: floor ${Math.round(perSecond(level.floor.at(-1)!))}/s, search ${Math.round(perSecond(level.search.at(-1)!))}/s`);
    }
  }
  const [stored] = await run.baton.sql<{ count: string }>(`SELECT count(*)::text FROM referrals.resource WHERE type = 'ServiceRequest'`);
  return {
    name: 'searches',
    title: 'Search: a page of 20 by patient and status',
    head: ['Connections', 'Select of 20 /s', 'Search /s', 'p50 ms', 'p99 ms', '÷ select'],
    rows: levels.map(({ connections, floor, search }) => {
      const { perSecond: rate, p50, p99 } = summaryOf(search);
      return [connections, summaryOf(floor).perSecond, rate, p50, p99, ratioOf(search, floor)];
    }),
    notes: [`${stored!.count} ServiceRequests stored. The answer carries a signed link to the next page and is audited before it goes out.`, ...failuresIn(levels.flatMap(({ search }) => search))],
    goals: [],
    data: levels.map(({ connections, floor, search }) => ({ connections, select: summaryOf(floor), search: summaryOf(search), overSelect: ratioOf(search, floor) })),
  };
}

/** Young people who were referred again and again, and each time the referral was taken back. @returns their Patients' ids */
async function patientsWithHistory(run: BenchRun): Promise<string[]> {
  const { baton, load, referrer } = run;
  const first = await run.people.referrals(run.settings.searched);
  const send = async (requests: readonly Prepared[]): Promise<readonly string[]> => {
    const { locations, done, failed } = await load.requests({ address: baton.address, token: await referrer.accessToken(), connections: 8, seconds: 60, requests });
    if (done < requests.length) throw new Error(`Referrals could not be made and taken back: ${JSON.stringify(failed)}`);
    return locations;
  };
  for (let n = 0; n < PER_PATIENT; n++) {
    const made = await send(first);
    await baton.atRest();
    await send(made.map((location) => ({ method: 'PATCH', path: `/fhir/R4/ServiceRequest/${idIn(location)}`, contentType: 'application/json-patch+json', body: takenBack })));
  }
  await baton.atRest();
  return first.map(({ body }) => idIn((JSON.parse(body!) as { subject: { reference: string } }).subject.reference));
}
