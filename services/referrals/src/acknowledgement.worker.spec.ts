import { Metrics, openLog } from '@baton/service-host';
import { eventually } from '@baton/testing';
import { acknowledgementWorker } from './acknowledgement.worker.js';
import { watchReferrals } from './referrals.metrics.js';
import { Partners, referralOf } from './spec/actors.js';
import { neighbours, type Neighbours } from './spec/neighbours.js';

let around: Neighbours;

beforeAll(async () => {
  around = await neighbours();
});
afterAll(() => around?.test.drop());

describe('the scan for unacknowledged referrals', () => {
  it('finds what is due while it runs, counts it, stops when told, and goes on where another left off', async () => {
    const partners = new Partners(around.referrals);
    const metrics = new Metrics();
    watchReferrals({ database: around.referrals, metrics });
    const unacknowledged = async () => /baton_unacknowledged_referrals\{service="gm-crisis-care.safe-zones"\} (\d+)/.exec(await metrics.registry.metrics())?.[1];
    const due = async () => {
      const { id } = await partners.refer('rapid-response', referralOf(await around.youngPerson('rapid-response')));
      await around.test.admin(`UPDATE referrals.referral SET undecided_by = now() - interval '1 second' WHERE id = $1`, [id]);
    };
    const worker = () => acknowledgementWorker({ database: around.referrals, log: openLog('test', 'silent') }, 10);

    const first = worker();
    first.start();
    await due();
    await eventually(async () => (await unacknowledged()) === '1');
    await first.stop();
    await due();
    expect(await unacknowledged()).toBe('1');
    const second = worker();
    second.start();
    await eventually(async () => (await unacknowledged()) === '2');
    await second.stop();
    expect(second.health!()).toBe('ok');
    const raised = await around.test.admin(`SELECT key FROM referrals.outbox WHERE type = 'baton.referrals.referral-unacknowledged.v1'`);
    expect(raised).toHaveLength(2);
  });

  it('says that it fails while the database cannot be asked', async () => {
    const database = await around.test.open('referrals');
    await database.close();
    const worker = acknowledgementWorker({ database, log: openLog('test', 'silent') }, 5);
    worker.start();
    await eventually(() => worker.health!() === 'failing');
    await worker.stop();
  });
});
