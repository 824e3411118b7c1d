import { requestToken } from '@baton/access';
import { eventually } from '@baton/testing';
import { startBaton, type BatonUnderTest } from '../baton-under-test.js';
import { PartnerSystem, type Answer } from '../partner-system.js';
import { referAtOnce, sees } from './referring.js';

const TOPIC = 'baton.referrals.referral';
const REQUESTED = 'baton.referrals.referral-requested.v1';
const API = '/api/consent/v1';
const WRONG = 'WrongSchema: dataref, named, pathway, priority, recipients, …';
const JSON_BODY = { 'content-type': 'application/json' };

let baton: BatonUnderTest;
let trust: PartnerSystem;
let charity: PartnerSystem;
let operator: PartnerSystem;

beforeAll(async () => {
  baton = await startBaton({ asleep: ['consent'] });
  trust = new PartnerSystem(baton, 'rapid-response');
  charity = new PartnerSystem(baton, 'safe-zones');
  operator = new PartnerSystem(baton, 'operator');
});
afterAll(() => baton.stop());

const post = (path: string, body: unknown = {}): Promise<Answer> => operator.post(`${API}/${path}`, body, JSON_BODY);
const get = (path: string): Promise<Answer> => operator.get(`${API}/${path}`);
const rule = ({ status, body }: Answer): unknown[] => [status, body?.resourceType, body?.issue?.[0]?.details?.coding?.[0]?.code];

/** An event as no service of Baton would write it. */
const writeBroken = (key: string): Promise<unknown> =>
  baton.database.admin(
    `INSERT INTO referrals.outbox (event_id, topic, key, type, version, correlation_id, causation_id, traceparent, data)
     VALUES (uuidv7(), '${TOPIC}', $1, '${REQUESTED}', 1, 'correlation-1', 'request-1', '00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01', '{"referral":"${key}","patient":"patient-of-${key}","service":"Jane Doe"}')`,
    [key],
  );

const inTheEnd = (location: string): Promise<Answer> =>
  eventually(async () => {
    const answer = await operator.get(location);
    expect(answer.body.state).not.toBe('running');
    return answer;
  });

const audited = (): Promise<{ partner: string; query: string; patient: string | null }[]> => baton.database.admin(`SELECT partner, query, patient FROM audit.entry WHERE interaction = 'operate' AND service = 'consent' ORDER BY recorded_at, id`);

describe('what a service cannot apply', () => {
  let referral: string;
  let task: string;
  let parked: { id: string };

  it('is listed for an operator with where it came from, why, since when and its trace, and with nothing it says', async () => {
    ({ referral, task } = await referAtOnce(trust));
    await baton.database.admin(`INSERT INTO consent.parked_key (consumer, topic, key, error, attempts) VALUES ('consent', $1, $2, 'Poison', 3)`, [TOPIC, referral]);
    await baton.restart();
    for (const key of ['broken-1', 'broken-2']) {
      await writeBroken(key);
      await eventually(async () => expect((await get(`parked/${TOPIC}/${key}`)).status).toBe(200), { within: 15_000 });
    }
    await eventually(async () => expect((await get(`parked/${TOPIC}/${referral}`)).body.waiting).toBe(1));
    const { body } = await get('parked');
    expect(body.parked.map(({ key, error, attempts }: { key: string; error: string; attempts: number }) => [key, error, attempts])).toEqual([
      [referral, 'Poison', 3],
      ['broken-1', WRONG, 1],
      ['broken-2', WRONG, 1],
    ]);
    const { body: one } = await get(`parked/${TOPIC}/broken-1`);
    expect(one).toMatchObject({ topic: TOPIC, key: 'broken-1', waiting: 1, firstSeen: expect.stringMatching(/Z$/), lastSeen: expect.stringMatching(/Z$/) });
    expect(one.events).toEqual([
      { id: expect.any(String), type: REQUESTED, version: 1, from: expect.stringMatching(/^\d+\/\d+$/), time: expect.any(String), parkedAt: expect.any(String), correlationId: 'correlation-1', causationId: 'request-1', traceparent: expect.stringMatching(/^00-/) },
    ]);
    [parked] = one.events;
    expect((await get('parked/groups')).body.groups.map(({ topic, error, keys, events }: Record<string, unknown>) => [topic, error, keys, events])).toEqual([
      [TOPIC, 'Poison', 1, 1],
      [TOPIC, WRONG, 2, 2],
    ]);
  });

  it('is listed page by page, and by class', async () => {
    const first = (await get('parked?limit=2')).body;
    const rest = (await get(`parked?limit=2&cursor=${first.next}`)).body;
    expect([...first.parked, ...rest.parked].map(({ key }: { key: string }) => key)).toEqual([referral, 'broken-1', 'broken-2']);
    expect(rest.next).toBeUndefined();
    expect((await get(`parked?error=Poison&topic=${TOPIC}`)).body.parked).toHaveLength(1);
  });

  it('says what it says only to an operator who may open messages, and that is written down with whose it is', async () => {
    const path = `${API}/parked/${TOPIC}/broken-1/events/${parked.id}`;
    const { access_token } = await requestToken({ fhirBase: baton.fhirBase, partner: 'operator', home: baton.home, scope: 'baton/operate' });
    const modest = { authorization: `Bearer ${access_token}` };
    expect((await fetch(`${baton.address}${API}/parked`, { headers: modest })).status).toBe(200);
    expect((await fetch(`${baton.address}${path}`, { headers: modest })).status).toBe(403);
    expect(await operator.get(path)).toMatchObject({ status: 200, body: { id: parked.id, key: 'broken-1', data: { referral: 'broken-1' } } });
    expect((await audited()).at(-1)).toEqual({ partner: 'operator', query: `open ${TOPIC}/broken-1 ${parked.id}`, patient: 'patient-of-broken-1' });
  });

  it('is retried in the background, and how far that is can be seen', async () => {
    const begun = await post('parked/retries', { topic: TOPIC, error: 'Poison' });
    expect([begun.status, begun.body]).toEqual([202, expect.objectContaining({ total: 1, error: 'Poison', startedBy: 'operator' })]);
    expect(await inTheEnd(begun.headers.get('location')!)).toMatchObject({ status: 200, body: { id: begun.body.id, state: 'done', done: 1, failed: 0, applied: 1 } });
    await sees(charity, `Task/${task}`);
    const all = await post('parked/retries');
    expect((await inTheEnd(all.headers.get('location')!)).body).toMatchObject({ state: 'done', total: 2, done: 0, failed: 2, lastError: WRONG });
    expect((await get(`parked/${TOPIC}/broken-1`)).body.attempts).toBe(2);
  });

  it('is given up with a reason, alone or as a group, and comes back when it is restored', async () => {
    expect((await post(`parked/${TOPIC}/broken-1/events/${parked.id}/discard`, { reason: 'written by a test' })).status).toBe(204);
    expect(await post('parked/discards', { error: WRONG, reason: 'so were these' })).toMatchObject({ status: 200, body: { events: 1 } });
    expect((await get('parked')).body.parked).toEqual([]);
    expect((await get('discarded')).body.discarded).toMatchObject([{ key: 'broken-2', reason: 'so were these' }, { id: parked.id, key: 'broken-1', error: WRONG, reason: 'written by a test', discardedBy: 'operator' }]);
    expect((await get(`discarded/${parked.id}`)).body.data).toMatchObject({ referral: 'broken-1' });
    const page = (await get('discarded?limit=1')).body;
    expect((await get(`discarded?limit=1&cursor=${page.next}`)).body).toMatchObject({ discarded: [{ key: 'broken-1' }] });
    expect(await post(`discarded/${parked.id}/restore`)).toMatchObject({ status: 200, body: { topic: TOPIC, key: 'broken-1' } });
    expect((await get('parked')).body.parked).toMatchObject([{ key: 'broken-1', error: WRONG, waiting: 1, failed: { id: parked.id } }]);
    expect(rule(await post(`discarded/${parked.id}/restore`))).toEqual([404, 'OperationOutcome', 'not-discarded']);
    expect((await audited()).map(({ query }) => query.split(' ')[0])).toEqual(expect.arrayContaining(['list', 'look', 'open', 'retry', 'see', 'discard', 'restore']));
    expect(JSON.stringify(await audited())).not.toMatch(/Jane|written by/);
  });

  it('is told apart from bad requests', async () => {
    const nobody = '01920000-0000-7000-8000-000000000000';
    for (const path of ['parked?limit=0', 'parked?cursor=x', 'parked?unheard=1', 'discarded?limit=x']) expect(rule(await get(path))).toEqual([400, 'OperationOutcome', 'parameter-malformed']);
    expect(rule(await post('parked/retries', { key: 'a' }))).toEqual([400, 'OperationOutcome', 'parameter-malformed']);
    expect(rule(await post('parked/discards', { error: WRONG }))).toEqual([400, 'OperationOutcome', 'parameter-malformed']);
    expect(rule(await post('parked/discards', { reason: 'all of it' }))).toEqual([422, 'OperationOutcome', 'group-unnamed']);
    expect(rule(await post('parked/retries', { topic: TOPIC, key: 'nobody' }))).toEqual([404, 'OperationOutcome', 'not-parked']);
    for (const path of [`parked/${TOPIC}/nobody`, `parked/${TOPIC}/broken-1/events/${nobody}`, `parked/${TOPIC}/broken-1/events/x`, `discarded/${nobody}`]) expect(rule(await get(path))).toEqual([404, 'OperationOutcome', 'not-parked']);
    for (const id of [nobody, 'x']) expect(rule(await get(`parked/retries/${id}`))).toEqual([404, 'OperationOutcome', 'retry-unknown']);
  });
});

describe('an operator', () => {
  const ROUTES: readonly (readonly [string, string])[] = [
    ['GET', 'parked'],
    ['GET', 'parked/groups'],
    ['GET', 'parked/t/k'],
    ['GET', 'parked/t/k/events/x'],
    ['POST', 'parked/t/k/events/x/discard'],
    ['POST', 'parked/retries'],
    ['GET', 'parked/retries'],
    ['GET', 'parked/retries/x'],
    ['POST', 'parked/discards'],
    ['GET', 'discarded'],
    ['GET', 'discarded/x'],
    ['POST', 'discarded/x/restore'],
    ['POST', 'replays'],
    ['GET', 'replays'],
    ['GET', 'replays/x'],
    ['POST', 'rebuilds'],
    ['GET', 'rebuilds'],
    ['GET', 'rebuilds/x'],
  ];

  it.each(ROUTES)('is nobody without a token, and no partner is one: %s %s', async (method, path) => {
    expect((await fetch(`${baton.address}${API}/${path}`, { method })).status).toBe(401);
    expect(rule(await trust.send(method, `${API}/${path}`, method === 'GET' ? undefined : {}, method === 'GET' ? {} : JSON_BODY))).toEqual([403, 'OperationOutcome', 'scope-missing']);
  });

  it.each([
    ['GET', 'Patient'],
    ['GET', 'Patient/x'],
    ['GET', 'AuditEvent'],
    ['POST', 'Task'],
    ['POST', ''],
    ['POST', '$process-message'],
    ['GET', '/%66hir/R4/Organization'],
  ])('is no partner: %s %s of the FHIR interface is refused', async (method, path) => {
    const answer = await operator.send(method, path, method === 'GET' ? undefined : { resourceType: 'Bundle', type: 'transaction' });
    // A proxy leads by the bytes of an address: what is spelt otherwise is nobody's.
    const refusals = path === 'AuditEvent' ? [[404, 'not-supported']] : path.includes('%') ? [[403, 'forbidden'], [404, 'not-found']] : [[403, 'forbidden']];
    expect(refusals).toContainEqual([answer.status, answer.body.issue[0].code]);
  });

  it('lets one service take again what was published in a stretch of time, without a second effect', async () => {
    const begun = await post('replays', { since: new Date(Date.now() - 3_600_000).toISOString() });
    expect([begun.status, begun.body.startedBy]).toEqual([202, 'operator']);
    const { body } = await inTheEnd(begun.headers.get('location')!);
    expect(body).toMatchObject({ state: 'done', applied: 0, parked: 0 });
    expect(body.read).toBeGreaterThan(0);
    expect((await get('replays')).body.replays).toEqual([body]);
    for (const wrong of [{}, { since: 'yesterday' }, { since: '2026-01-02T00:00:00Z', until: '2026-01-01T00:00:00Z' }, { since: '2026-01-02T00:00:00Z', from: 1 }]) expect(rule(await post('replays', wrong))).toEqual([400, 'OperationOutcome', 'parameter-malformed']);
    expect(rule(await get('replays/00000000-0000-4000-8000-000000000000'))).toEqual([404, 'OperationOutcome', 'replay-unknown']);
  });

  it('lets one service derive again who may see what, and hears how many rows were astray', async () => {
    const { referral: lost } = await referAtOnce(trust);
    await eventually(async () => expect((await charity.get(`ServiceRequest/${lost}`)).status).toBe(200), { within: 15_000 });
    await baton.database.admin('DELETE FROM consent.access WHERE context = $1', [lost]);
    const rebuilt = async (body: object): Promise<Answer> => {
      const begun = await post('rebuilds', body);
      expect([begun.status, begun.body.startedBy]).toEqual([202, 'operator']);
      return inTheEnd(begun.headers.get('location')!);
    };
    const { body: counted } = await rebuilt({ projection: 'access', mend: false });
    expect(counted).toMatchObject({ state: 'done', mend: false, surplus: 0 });
    expect([counted.missing > 0, (await charity.get(`ServiceRequest/${lost}`)).status]).toEqual([true, 404]);
    expect((await rebuilt({ projection: 'access' })).body).toMatchObject({ state: 'done', mend: true, missing: counted.missing, surplus: 0 });
    expect((await charity.get(`ServiceRequest/${lost}`)).status).toBe(200);
    expect((await rebuilt({ projection: 'search' })).body).toMatchObject({ missing: 0, surplus: 0 });
    expect((await get('rebuilds')).body.rebuilds.map(({ projection, mend }: { projection: string; mend: boolean }) => [projection, mend])).toEqual([['search', true], ['access', true], ['access', false]]);
    for (const wrong of [{}, { projection: 1 }, { projection: 'access', mend: 'yes' }, { projection: 'access', also: 1 }]) expect(rule(await post('rebuilds', wrong))).toEqual([400, 'OperationOutcome', 'parameter-malformed']);
    expect(rule(await post('rebuilds', { projection: 'nothing' }))).toEqual([422, 'OperationOutcome', 'projection-unknown']);
    expect(rule(await get('rebuilds/00000000-0000-4000-8000-000000000000'))).toEqual([404, 'OperationOutcome', 'rebuild-unknown']);
  });

  it('sees parked events of each service that listens, and nothing of those partners call their own', async () => {
    for (const service of ['referrals', 'episodes', 'notifications']) expect((await operator.get(`/api/${service}/v1/parked/groups`)).status).toBe(200);
    expect((await operator.get('/api/gateway/v1/parked')).status).toBe(404);
    expect((await operator.get('/api/notifications/v1/deliveries')).status).toBe(403);
  });
});
