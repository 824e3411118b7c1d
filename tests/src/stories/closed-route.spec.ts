import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { Pathway } from '@baton/contracts';
import { startBaton, type BatonUnderTest } from '../baton-under-test.js';
import { PartnerSystem } from '../partner-system.js';
import { bundleOf, referralOf, type Sent } from './records.js';
import { created, rulesOf, SAFE_ZONES } from './referring.js';

const GREATER_MANCHESTER = fileURLToPath(new URL('../../../contracts/pathways/greater-manchester.json', import.meta.url));
const CLOSED = '2026-01-01';

/** The example pathway, in which Safe Zones no longer takes referrals from the Rapid Response Team. */
async function closedPathway(): Promise<Pathway> {
  const pathway = JSON.parse(await readFile(GREATER_MANCHESTER, 'utf8')) as Pathway;
  const closing = (route: Pathway['services'][number]['routes'][number]) => (route.from === 'rapid-response-team' ? { ...route, closes: CLOSED } : route);
  return { ...pathway, services: pathway.services.map((service) => (service.id === 'safe-zones' ? { ...service, routes: service.routes.map(closing) } : service)) };
}

let baton: BatonUnderTest;
let folder: string;
let trust: PartnerSystem;

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'baton-closed-route-'));
  const pathway = join(folder, 'closed.json');
  await writeFile(pathway, JSON.stringify(await closedPathway()));
  baton = await startBaton({ pathway });
  trust = new PartnerSystem(baton, 'rapid-response');
});
afterAll(async () => {
  await baton?.stop();
  await rm(folder, { recursive: true, force: true });
});

/** How many referrals were refused by a route for a reason, as an operator sees it. */
async function refusals(route: string, reason: string): Promise<number> {
  const metrics = await baton.metrics();
  return Number(new RegExp(`^baton_ineligible_referrals\\{service="${SAFE_ZONES}",route="${route}",reason="${reason}"\\} (\\d+)$`, 'm').exec(metrics)?.[1] ?? 0);
}

describe('a referral by a route that is closed', () => {
  it('is refused with the day it closed and everything else that stands against it, whichever way it is sent', async () => {
    const { patient, flag, request } = referralOf();
    const young = await created(trust, { ...patient, birthDate: '2001-01-01' });
    const alone = await trust.post('ServiceRequest', request(young, await created(trust, flag(young))));
    const bundle = bundleOf();
    (bundle.entry![0]!.resource as unknown as { birthDate: string }).birthDate = '2001-01-01';
    const inBundle = await trust.post('', bundle);
    for (const answer of [alone, inBundle]) {
      expect([answer.status, rulesOf(answer)]).toEqual([422, ['route-closed', 'age-outside-band']]);
      expect(answer.body.issue[0].details.text).toContain(`since ${CLOSED}`);
      expect(answer.body.issue[0].details.text).toContain('Safe Zones');
    }
    expect(inBundle.body.issue[0].expression).toEqual([expect.stringContaining('entry[2]')]);
  });

  it('leaves nothing behind but a count for the route and the reason', async () => {
    const before = await refusals('rapid-response-team', 'route-closed');
    const count = async (type: string) => (await trust.get(`${type}?_summary=count`)).body.total as number;
    const stored = await Promise.all(['Patient', 'Flag', 'ServiceRequest', 'Task'].map(count));
    expect((await trust.post('', bundleOf())).status).toBe(422);
    expect(await Promise.all(['Patient', 'Flag', 'ServiceRequest', 'Task'].map(count))).toEqual(stored);
    expect(await refusals('rapid-response-team', 'route-closed')).toBe(before + 1);
  });

  it('can be seen to be closed before anybody refers: the pathway is served as data', async () => {
    const { body } = await trust.get('/api/directory/v1/pathways/gm-crisis-care');
    const routes = (body as Pathway).services.find(({ id }) => id === 'safe-zones')!.routes;
    expect(routes.find(({ from }) => from === 'rapid-response-team')).toMatchObject({ closes: CLOSED });
  });

  it('says nothing of the routes of others, which stay open', async () => {
    const camhs = new PartnerSystem(baton, 'community-camhs');
    const { patient, flag, request } = referralOf();
    const young = await created(camhs, patient);
    const sent = { ...request(young, await created(camhs, flag(young))), requester: { reference: 'Organization/community-camhs' } } as Sent;
    expect((await camhs.post('ServiceRequest', sent)).status).toBe(201);
  });
});
