import { eventContract, type BatonEvent } from '@baton/contracts';
import { newEventId, newId } from '@baton/kernel';
import { raiseDue } from './acknowledgement.worker.js';
import { referralsHandlers } from './referrals.consumer.js';
import { Partners, reason, referralOf } from './spec/actors.js';
import { neighbours, type Neighbours } from './spec/neighbours.js';

let around: Neighbours;
let partners: Partners;

beforeAll(async () => {
  around = await neighbours();
  partners = new Partners(around.referrals);
});
afterAll(() => around?.test.drop());

const TRUST = 'rapid-response';
const CHARITY = 'safe-zones';

interface Standing {
  status: string;
  held: boolean;
  version: number;
  task: string;
  ack_in: number | null;
  unacknowledged: boolean;
}

async function standingOf(id: string): Promise<Standing> {
  const [row] = await around.test.admin<Standing>(
    `SELECT status, held, version, task, round(extract(epoch FROM acknowledge_by - clock_timestamp()) / 60)::int AS ack_in, unacknowledged_at IS NOT NULL AS unacknowledged
     FROM referrals.referral WHERE id = $1`,
    [id],
  );
  return row!;
}

async function shown(type: string, id: string): Promise<Record<string, unknown>> {
  const [row] = await around.test.admin<{ body: Record<string, unknown> }>('SELECT body FROM referrals.resource WHERE type = $1 AND id = $2', [type, id]);
  return row!.body;
}

const eventsOf = (id: string) => around.test.admin<{ type: string; version: number; data: Record<string, unknown> }>('SELECT type, version, data FROM referrals.outbox WHERE key = $1 ORDER BY seq', [id]);
const namesOf = async (id: string) => (await eventsOf(id)).map((event) => event.type.split('.')[2]);

async function referred(priority = 'urgent'): Promise<{ id: string; patient: string }> {
  const patient = await around.youngPerson(TRUST);
  const { id } = await partners.refer(TRUST, referralOf(patient, { priority }));
  return { id, patient };
}

/** A verdict of consent, as it arrives. */
async function hear(what: 'allowed' | 'refused' | 'withdrawn', { id, patient }: { id: string; patient: string }, { recipients = [] as string[], lost = [] as string[] } = {}): Promise<void> {
  const type = `baton.consent.sharing-${what}.v1`;
  const event: BatonEvent = {
    id: newEventId(), type, topic: eventContract(type).topic, key: id, version: 1, time: new Date().toISOString(), correlationId: newId(), causationId: newId(),
    data: { referral: id, patient, referrer: TRUST, recipients, gained: recipients, lost },
  };
  await around.referrals.transaction((tx) => referralsHandlers[type]!(tx, event));
}

/** Lets the allowance of a referral run out. */
const pass = (id: string, column: 'acknowledge_by' | 'undecided_by') => around.test.admin(`UPDATE referrals.referral SET ${column} = now() - interval '1 second' WHERE id = $1`, [id]);

describe('a verdict of consent', () => {
  it('that allows starts the time to receive it, by priority, once', async () => {
    for (const [priority, minutes] of [['stat', 5], ['asap', 5], ['urgent', 30], ['routine', 1440]] as const) {
      const referral = await referred(priority);
      await hear('allowed', referral, { recipients: [CHARITY] });
      expect(await standingOf(referral.id)).toMatchObject({ ack_in: minutes, version: 1 });
      await around.test.admin(`UPDATE referrals.referral SET acknowledge_by = acknowledge_by - interval '2 minutes' WHERE id = $1`, [referral.id]);
      await hear('allowed', referral, { recipients: [CHARITY] });
      expect(await standingOf(referral.id)).toMatchObject({ ack_in: minutes - 2 });
    }
  });

  it('that refuses holds it, says so on the Task, and stops the clocks; a later one releases it', async () => {
    const referral = await referred();
    await hear('refused', referral);
    await hear('refused', referral);
    const { task } = await standingOf(referral.id);
    expect(await standingOf(referral.id)).toMatchObject({ status: 'requested', held: true, version: 2, ack_in: null });
    expect(await shown('Task', task)).toMatchObject({ status: 'requested', businessStatus: { coding: [{ code: 'held-for-consent' }] }, meta: { versionId: '2' } });
    await pass(referral.id, 'undecided_by');
    expect(await raiseDue(around.referrals)).toBe(0);
    await hear('allowed', referral, { recipients: [CHARITY] });
    expect(await standingOf(referral.id)).toMatchObject({ held: false, version: 3, ack_in: 30 });
    expect(await shown('Task', task)).not.toHaveProperty('businessStatus');
    expect(await shown('ServiceRequest', referral.id)).toMatchObject({ status: 'active', meta: { versionId: '1' } });
    expect(await namesOf(referral.id)).toEqual(['referral-requested', 'referral-held', 'referral-released']);
  });

  it('that allows only somebody else changes nothing', async () => {
    const referral = await referred();
    await hear('refused', referral);
    await hear('allowed', referral, { recipients: ['liaison'] });
    expect(await standingOf(referral.id)).toMatchObject({ held: true, ack_in: null });
  });

  it('that is withdrawn from the receiver cancels it, wherever it stands, and tells why', async () => {
    const referral = await referred();
    await around.allow(referral.id, referral.patient, TRUST, CHARITY);
    const { task } = await standingOf(referral.id);
    await partners.put(CHARITY, { ...(await shown('Task', task)), resourceType: 'Task', id: task, status: 'accepted' });
    await hear('withdrawn', referral, { lost: [CHARITY] });
    await hear('withdrawn', referral, { lost: [CHARITY] });
    expect(await shown('Task', task)).toMatchObject({ status: 'cancelled', statusReason: reason('consent-withdrawn'), output: [{}] });
    expect(await shown('ServiceRequest', referral.id)).toMatchObject({ status: 'revoked', extension: expect.arrayContaining([expect.objectContaining({ valueCodeableConcept: reason('consent-withdrawn') })]) });
    expect((await eventsOf(referral.id)).map(({ type, version, data }) => [type.split('.')[2], version, data['reason']])).toEqual([
      ['referral-requested', 1, undefined], ['referral-accepted', 2, undefined], ['referral-cancelled', 3, 'consent-withdrawn'],
    ]);
    const audited = await around.test.admin<{ partner: string }>('SELECT partner FROM audit.entry WHERE $1 = ANY(resources)', [`Task/${task}/_history/3`]);
    expect(audited).toEqual([{ partner: 'baton' }]);
  });

  it('that is withdrawn while somebody else still acts for the service leaves it open', async () => {
    const referral = await referred();
    await hear('withdrawn', referral, { recipients: [CHARITY], lost: ['42nd-street'] });
    await hear('withdrawn', referral, { lost: ['liaison'] });
    expect(await standingOf(referral.id)).toMatchObject({ status: 'requested', version: 1 });
  });

  it('on a referral that is closed, or not known here, changes nothing', async () => {
    const referral = await referred();
    const { task } = await standingOf(referral.id);
    await partners.put(TRUST, { ...(await shown('Task', task)), resourceType: 'Task', id: task, status: 'cancelled', statusReason: reason('other') });
    for (const what of ['allowed', 'refused', 'withdrawn'] as const) {
      await hear(what, referral, { lost: [CHARITY] });
      await hear(what, { id: newId(), patient: newId() });
    }
    expect(await standingOf(referral.id)).toMatchObject({ status: 'cancelled', version: 2 });
  });
});

describe('a referral that nobody receives in time', () => {
  it('is said so once, however many look at once and however often', async () => {
    const referral = await referred();
    await hear('allowed', referral, { recipients: [CHARITY] });
    expect(await raiseDue(around.referrals)).toBe(0);
    await pass(referral.id, 'acknowledge_by');
    const others = await Promise.all([1, 2].map(() => around.test.open('referrals')));
    const raised = await Promise.all([around.referrals, ...others].map((database) => raiseDue(database)));
    expect(raised.reduce((sum, each) => sum + each, 0)).toBe(1);
    expect(await raiseDue(others[0]!)).toBe(0);
    const [, event] = await eventsOf(referral.id);
    expect(event).toMatchObject({ type: 'baton.referrals.referral-unacknowledged.v1', version: 2, data: { status: 'requested', dataref: `ServiceRequest/${referral.id}/_history/1` } });
    expect(event!.data).not.toHaveProperty('reason');
    expect(await standingOf(referral.id)).toMatchObject({ unacknowledged: true, version: 2 });
  });

  it('is said so with reason undecided where consent has given no verdict', async () => {
    const referral = await referred();
    await pass(referral.id, 'undecided_by');
    expect(await raiseDue(around.referrals)).toBe(1);
    expect((await eventsOf(referral.id)).at(-1)).toMatchObject({ type: 'baton.referrals.referral-unacknowledged.v1', data: { reason: 'undecided' } });
  });

  it('does not make an acceptance stale that is on its way', async () => {
    const referral = await referred();
    await around.allow(referral.id, referral.patient, TRUST, CHARITY);
    await hear('allowed', referral, { recipients: [CHARITY] });
    await pass(referral.id, 'acknowledge_by');
    const { task } = await standingOf(referral.id);
    const seen = await shown('Task', task);
    await raiseDue(around.referrals);
    await expect(partners.put(CHARITY, { ...seen, resourceType: 'Task', id: task, status: 'accepted' }, 1)).resolves.toMatchObject({ version: 2 });
    expect((await eventsOf(referral.id)).map((event) => event.version)).toEqual([1, 2, 3]);
  });

  it('is nothing to say of one that was received, or is held', async () => {
    const received = await referred();
    await around.allow(received.id, received.patient, TRUST, CHARITY);
    await hear('allowed', received, { recipients: [CHARITY] });
    const { task } = await standingOf(received.id);
    await partners.put(CHARITY, { ...(await shown('Task', task)), resourceType: 'Task', id: task, status: 'received' });
    await pass(received.id, 'acknowledge_by');
    const held = await referred();
    await hear('refused', held);
    await pass(held.id, 'acknowledge_by');
    expect(await raiseDue(around.referrals)).toBe(0);
  });
});
