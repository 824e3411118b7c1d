import { randomUUID } from 'node:crypto';
import { ATTENDANCE, CARE_PLAN_KIND, MECHANISM } from '@baton/contracts';
import { RECIPIENTS, openEpisodes, rulesAgainst, type TestEpisodes, type TestReferral } from './spec/episodes-database.js';

let episodes: TestEpisodes;
beforeAll(async () => {
  episodes = await openEpisodes();
});
afterAll(() => episodes.close());

const AMBULATORY = { system: 'http://terminology.hl7.org/CodeSystem/v3-ActCode', code: 'AMB' };
const contact = (of: { patient: string; referral?: string }, more: object = {}) => ({
  resourceType: 'Encounter', status: 'finished', class: AMBULATORY, subject: { reference: `Patient/${of.patient}` },
  ...(of.referral === undefined ? {} : { basedOn: [{ reference: `ServiceRequest/${of.referral}` }] }),
  ...more,
});
const stored = async (type: string, id: string): Promise<{ owner: string; patient: string; context: string | null; version: number; body: Record<string, unknown> }> =>
  (await episodes.test.admin<{ owner: string; patient: string; context: string | null; version: number; body: Record<string, unknown> }>(`SELECT owner, patient, context, version, body FROM episodes.resource WHERE type = $1 AND id = $2`, [type, id]))[0]!;
const countOf = async (type: string, of: TestReferral): Promise<number> =>
  (await episodes.test.admin<{ n: number }>(`SELECT count(*)::int AS n FROM episodes.resource WHERE type = $1 AND context = $2`, [type, of.referral]))[0]!.n;

describe('the first contact', () => {
  it('right after the acceptance opens the episode that the Task promised, for the provider', async () => {
    const of = await episodes.referral();
    const { id } = await episodes.create('42nd-street', contact(of));
    const episode = await stored('EpisodeOfCare', of.episode);
    expect(episode).toMatchObject({ owner: 'safe-zones', patient: of.patient, context: of.referral, version: 1 });
    expect(episode.body).toMatchObject({ status: 'active', referralRequest: [{ reference: `ServiceRequest/${of.referral}` }], managingOrganization: { reference: 'Organization/safe-zones' } });
    const recorded = await stored('Encounter', id);
    expect(recorded).toMatchObject({ owner: '42nd-street', context: of.referral });
    expect(recorded.body['episodeOfCare']).toEqual([{ reference: `EpisodeOfCare/${of.episode}` }]);
    expect((await episodes.events(of.episode)).map(({ type }) => type)).toEqual(['baton.episodes.episode-opened.v1']);
    expect(await episodes.events(id)).toEqual([
      { type: 'baton.episodes.contact-recorded.v1', version: 1, data: { resource: `Encounter/${id}`, patient: of.patient, owner: '42nd-street', referral: of.referral, status: 'finished', dataref: `Encounter/${id}/_history/1` } },
    ]);
  });

  it('and the event of the acceptance, whichever comes first or both at once, open it exactly once', async () => {
    for (let round = 0; round < 6; round++) {
      const of = await episodes.referral();
      const attempts = [() => episodes.happened('accepted', of), ...RECIPIENTS.map((partner) => () => episodes.create(partner, contact(of))), () => episodes.happened('accepted', of)];
      if (round === 0) for (const attempt of attempts) await attempt();
      else if (round === 1) for (const attempt of attempts.reverse()) await attempt();
      else await Promise.all(attempts.map((attempt) => attempt()));
      expect(await countOf('EpisodeOfCare', of)).toBe(1);
      expect(await countOf('Encounter', of)).toBe(2);
      expect((await episodes.events(of.episode)).map(({ version }) => version)).toEqual([1]);
      expect(await stored('EpisodeOfCare', of.episode)).toMatchObject({ owner: 'safe-zones', version: 1 });
    }
  });

  it('opens nothing where the referral was not accepted, or none is named', async () => {
    const of = await episodes.referral({ accepted: false });
    await episodes.create('safe-zones', contact(of));
    await episodes.create('safe-zones', contact({ patient: of.patient }));
    expect(await countOf('EpisodeOfCare', of)).toBe(0);
    expect(await countOf('Encounter', of)).toBe(1);
  });

  it('opens it also when the referral is added later', async () => {
    const of = await episodes.referral();
    const { id } = await episodes.create('safe-zones', contact({ patient: of.patient }));
    await episodes.update('safe-zones', id, contact(of));
    expect(await countOf('EpisodeOfCare', of)).toBe(1);
    expect(await stored('Encounter', id)).toMatchObject({ context: of.referral, version: 2 });
  });
});

describe('a contact', () => {
  it('keeps attendance and mechanism as they were sent', async () => {
    const of = await episodes.referral();
    const coded = { type: [{ coding: [{ system: MECHANISM.system, code: '11' }] }], extension: [{ url: 'https://trust.example/attended', valueCoding: { system: ATTENDANCE.system, code: '5' } }] };
    const { id } = await episodes.create('safe-zones', contact(of, coded));
    expect((await stored('Encounter', id)).body).toMatchObject(coded);
  });

  it("may be about the receiver's own Patient of the same person, and about nobody else", async () => {
    const of = await episodes.referral();
    const [{ person }] = (await episodes.test.admin<{ person: string }>(`SELECT person FROM directory.person_v1 WHERE patient = $1`, [of.patient])) as [{ person: string }];
    const same = await episodes.patient('safe-zones', person);
    await expect(episodes.create('safe-zones', contact({ ...of, patient: same }))).resolves.toMatchObject({ outcome: 'created' });
    const another = await episodes.patient('safe-zones');
    expect(await rulesAgainst(episodes.create('safe-zones', contact({ ...of, patient: another })))).toEqual({ kind: 'rule-broken', rules: ['subject-not-of-referral'] });
    expect(await stored('EpisodeOfCare', of.episode)).toMatchObject({ patient: of.patient });
  });

  it('names only what its recorder sees: hidden, of the same person, and never there are answered alike', async () => {
    const of = await episodes.referral();
    const [{ person }] = (await episodes.test.admin<{ person: string }>(`SELECT person FROM directory.person_v1 WHERE patient = $1`, [of.patient])) as [{ person: string }];
    const hidden = [await episodes.patient('liaison', person), await episodes.patient('liaison'), randomUUID()];
    for (const patient of hidden) expect(await rulesAgainst(episodes.create('safe-zones', contact({ ...of, patient })))).toEqual({ kind: 'rule-broken', rules: ['reference-unknown'] });
    const mine = await episodes.patient('liaison');
    for (const referral of [of.referral, randomUUID()]) expect(await rulesAgainst(episodes.create('liaison', contact({ patient: mine, referral })))).toEqual({ kind: 'rule-broken', rules: ['reference-unknown'] });
    expect(await countOf('EpisodeOfCare', of)).toBe(0);
  });

  it('needs a Patient, and one referral at most', async () => {
    const [of, other] = [await episodes.referral(), await episodes.referral()];
    const { subject: _, ...nobody } = contact({ patient: of.patient });
    expect(await rulesAgainst(episodes.create('safe-zones', nobody))).toEqual({ kind: 'rule-broken', rules: ['subject-required'] });
    const both = contact(of, { basedOn: [of, other].map(({ referral }) => ({ reference: `ServiceRequest/${referral}` })) });
    expect(await rulesAgainst(episodes.create('safe-zones', both))).toEqual({ kind: 'rule-broken', rules: ['one-referral'] });
  });

  it('stays with its referral and its young person, and an error stays one', async () => {
    const [of, other] = [await episodes.referral(), await episodes.referral()];
    const { id } = await episodes.create('safe-zones', contact(of));
    expect(await rulesAgainst(episodes.update('safe-zones', id, contact({ ...of, referral: other.referral })))).toMatchObject({ rules: ['referral-never-changes'] });
    expect(await rulesAgainst(episodes.update('safe-zones', id, contact(other)))).toMatchObject({ rules: ['subject-never-changes'] });
    await episodes.patch('safe-zones', 'Encounter', id, [{ op: 'replace', path: '/status', value: 'entered-in-error' }]);
    expect(await rulesAgainst(episodes.update('safe-zones', id, contact(of)))).toMatchObject({ rules: ['transition-not-allowed'] });
  });

  it('can be corrected by its owner after the referral was hidden, and keeps its episode', async () => {
    const of = await episodes.referral();
    const { id } = await episodes.create('42nd-street', contact(of));
    await episodes.hide('42nd-street');
    await episodes.update('42nd-street', id, contact(of, { status: 'cancelled' }));
    expect((await stored('Encounter', id)).body).toMatchObject({ status: 'cancelled', episodeOfCare: [{ reference: `EpisodeOfCare/${of.episode}` }] });
    expect((await episodes.events(id)).map(({ type, version }) => [type, version])).toEqual([['baton.episodes.contact-recorded.v1', 1], ['baton.episodes.contact-amended.v1', 2]]);
  });
});

describe('plans, alerts and measures', () => {
  const subject = (of: TestReferral) => ({ subject: { reference: `Patient/${of.patient}` } });
  const reference = (of: TestReferral) => [{ reference: `ServiceRequest/${of.referral}` }];
  const plan = (of: TestReferral, code = 'aftercare-plan') => ({
    resourceType: 'CarePlan', status: 'active', intent: 'plan', ...subject(of), supportingInfo: reference(of), category: [{ coding: [{ system: CARE_PLAN_KIND.system, code }] }],
  });

  it.each<[string, string, (of: TestReferral) => { resourceType: string; [element: string]: unknown }, boolean]>([
    ['CarePlan', 'care-plan', (of) => plan(of), true],
    ['Observation', 'measure', (of) => ({ resourceType: 'Observation', status: 'final', code: { text: 'SDQ' }, basedOn: reference(of), ...subject(of) }), true],
    ['Flag', 'alert', (of) => ({ resourceType: 'Flag', status: 'active', code: { text: 'Risk' }, ...subject(of) }), false],
  ])('%s is recorded, amended and deleted by its owner, each announced', async (type, name, make, ofReferral) => {
    const of = await episodes.referral();
    const { id } = await episodes.create('safe-zones', make(of));
    await episodes.update('safe-zones', id, make(of));
    expect(await stored(type, id)).toMatchObject({ owner: 'safe-zones', patient: of.patient, context: ofReferral ? of.referral : null });
    await episodes.remove('safe-zones', type, id);
    const events = await episodes.events(id);
    expect(events.map((event) => [event.type, event.version, event.data['status']])).toEqual([
      [`baton.episodes.${name}-recorded.v1`, 1, make(of)['status']],
      [`baton.episodes.${name}-amended.v1`, 2, make(of)['status']],
      [`baton.episodes.${name}-amended.v1`, 3, 'deleted'],
    ]);
    expect(await countOf('EpisodeOfCare', of)).toBe(0);
  });

  it('a plan of a kind that the list does not have is refused, one of another system is kept', async () => {
    const of = await episodes.referral();
    expect(await rulesAgainst(episodes.create('safe-zones', plan(of, 'no-such-plan')))).toEqual({ kind: 'rule-broken', rules: ['care-plan-category-unknown'] });
    const foreign = { ...plan(of), category: [{ coding: [{ system: 'http://snomed.info/sct', code: '736253002' }] }] };
    await expect(episodes.create('safe-zones', foreign)).resolves.toMatchObject({ outcome: 'created' });
  });
});

describe('EpisodeOfCare', () => {
  const opened = async (): Promise<TestReferral & { body: Record<string, unknown> }> => {
    const of = await episodes.referral();
    await episodes.happened('accepted', of);
    return { ...of, body: (await stored('EpisodeOfCare', of.episode)).body };
  };

  it('is made by Baton alone', async () => {
    const of = await episodes.referral();
    expect(await rulesAgainst(episodes.create('safe-zones', { resourceType: 'EpisodeOfCare', status: 'active', patient: { reference: `Patient/${of.patient}` } }))).toMatchObject({ kind: 'not-allowed' });
    expect(await rulesAgainst(episodes.remove('safe-zones', 'EpisodeOfCare', of.episode))).toMatchObject({ kind: 'not-allowed' });
  });

  it('is moved on by the table, and its end is dated', async () => {
    const { episode, body } = await opened();
    await episodes.update('safe-zones', episode, { ...body, status: 'onhold' });
    await episodes.patch('safe-zones', 'EpisodeOfCare', episode, [{ op: 'replace', path: '/status', value: 'finished' }]);
    expect((await stored('EpisodeOfCare', episode)).body).toMatchObject({ status: 'finished', period: { start: '2026-11-20T10:00:00.000Z', end: expect.any(String) as string } });
    expect(await rulesAgainst(episodes.update('safe-zones', episode, { ...body, status: 'active' }))).toEqual({ kind: 'rule-broken', rules: ['transition-not-allowed'] });
    expect((await episodes.events(episode)).map(({ type }) => type.split('.')[2])).toEqual(['episode-opened', 'episode-amended', 'episode-closed']);
    expect(await episodes.test.admin(`SELECT status, version FROM episodes.episode WHERE episode = $1`, [episode])).toEqual([{ status: 'finished', version: 3 }]);
  });

  it('stays with its referral and its young person, and is changed by its owner alone', async () => {
    const { episode, body, patient } = await opened();
    const other = await episodes.referral();
    expect(await rulesAgainst(episodes.update('safe-zones', episode, { ...body, referralRequest: [{ reference: `ServiceRequest/${other.referral}` }] }))).toMatchObject({ rules: ['referral-never-changes'] });
    expect(await rulesAgainst(episodes.update('safe-zones', episode, { ...body, patient: { reference: `Patient/${other.patient}` } }))).toMatchObject({ rules: ['subject-never-changes'] });
    await episodes.show(`EpisodeOfCare/${episode}`, patient, 'safe-zones', '42nd-street');
    expect(await rulesAgainst(episodes.update('42nd-street', episode, body))).toMatchObject({ kind: 'forbidden' });
  });
});
