import { openEpisodes, type TestEpisodes, type TestReferral } from './spec/episodes-database.js';

let episodes: TestEpisodes;
beforeAll(async () => {
  episodes = await openEpisodes();
});
afterAll(() => episodes.close());

const statusOf = async ({ episode }: TestReferral): Promise<{ status: string; end: string | null } | undefined> =>
  (await episodes.test.admin<{ status: string; end: string | null }>(`SELECT body ->> 'status' AS status, body #>> '{period,end}' AS end FROM episodes.resource WHERE id = $1`, [episode]))[0];
const names = async ({ episode }: TestReferral): Promise<string[]> => (await episodes.events(episode)).map(({ type }) => type.split('.')[2]!);

describe('a referral', () => {
  it('that is accepted opens an episode since then, seen in its audit and in the events', async () => {
    const of = await episodes.referral();
    await episodes.happened('accepted', of);
    expect(await statusOf(of)).toEqual({ status: 'active', end: null });
    expect(await episodes.test.admin(`SELECT interaction, partner, owners, patient FROM audit.entry WHERE resources = ARRAY[$1]`, [`EpisodeOfCare/${of.episode}/_history/1`])).toEqual([
      { interaction: 'create', partner: 'baton', owners: ['safe-zones'], patient: of.patient },
    ]);
  });

  it.each([
    ['completed', {}, 'finished'],
    ['failed', { reason: 'could-not-contact' }, 'finished'],
    ['cancelled', { reason: 'no-longer-needed' }, 'cancelled'],
  ])('that is %s ends its episode at that moment, once', async (ending, more, status) => {
    const of = await episodes.referral();
    await episodes.happened('accepted', of);
    await episodes.happened(ending, of, more);
    await episodes.happened(ending, of, more);
    expect(await statusOf(of)).toEqual({ status, end: '2026-11-20T10:00:00.000Z' });
    expect(await names(of)).toEqual(['episode-opened', 'episode-closed']);
  });

  it('that is cancelled after a contact leaves a finished episode', async () => {
    const of = await episodes.referral();
    await episodes.happened('accepted', of);
    await episodes.create('safe-zones', {
      resourceType: 'Encounter', status: 'finished', class: { code: 'AMB' }, subject: { reference: `Patient/${of.patient}` }, basedOn: [{ reference: `ServiceRequest/${of.referral}` }],
    });
    await episodes.happened('cancelled', of, { reason: 'moved-away' });
    expect(await statusOf(of)).toMatchObject({ status: 'finished' });
  });

  it('that is cancelled for want of consent leaves the episode to its receiver', async () => {
    const of = await episodes.referral();
    await episodes.happened('accepted', of);
    await episodes.happened('cancelled', of, { reason: 'consent-withdrawn' });
    expect(await statusOf(of)).toEqual({ status: 'active', end: null });
  });

  it('that is marked in error takes a finished episode along', async () => {
    const of = await episodes.referral();
    await episodes.happened('accepted', of);
    await episodes.happened('completed', of);
    await episodes.happened('marked-in-error', of);
    expect(await statusOf(of)).toMatchObject({ status: 'entered-in-error' });
    expect(await names(of)).toEqual(['episode-opened', 'episode-closed', 'episode-amended']);
  });

  it('that ends without having been accepted has no episode to end', async () => {
    const of = await episodes.referral({ accepted: false });
    await episodes.happened('cancelled', of);
    expect(await statusOf(of)).toBeUndefined();
  });

  it('that is accepted and ended in one batch leaves an ended episode', async () => {
    const of = await episodes.referral();
    await episodes.batch(['accepted', 'completed'], of);
    expect(await names(of)).toEqual(['episode-opened', 'episode-closed']);
  });
});
