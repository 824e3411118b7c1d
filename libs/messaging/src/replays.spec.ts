import { statement } from '@baton/postgres';
import { eventually } from '@baton/testing';
import { PostgresTransport } from './postgres-transport.js';
import type { Replay } from './replay-job.js';
import { Replays } from './replays.js';
import { consume, type Consumer, type ConsumerOptions } from './consumer.js';
import { ACCEPTED, travelling, twoServices, type TwoServices } from './spec/two-services.js';

const effect = statement('INSERT INTO consent.effect (key, version) VALUES ($1, $2)');

describe('A stretch of time that a consumer takes again', () => {
  let services: TwoServices;
  let publishing: PostgresTransport;
  let consuming: PostgresTransport;
  let options: ConsumerOptions;
  let consumer: Consumer;

  beforeAll(async () => {
    services = await twoServices();
    publishing = new PostgresTransport({ database: services.referrals, schema: 'referrals' });
    consuming = new PostgresTransport({ database: services.consent, schema: 'consent' });
    options = { database: services.consent, schema: 'consent', transport: consuming, group: 'consent', handlers: { [ACCEPTED]: async (tx, { key, version }) => void (await tx.query(effect, [key, version])) } };
    await publishing.publish([travelling('a', 1), travelling('b', 1), travelling('a', 2)]);
    consumer = await consume(options);
    await eventually(async () => expect(await effects()).toHaveLength(3));
  });
  afterAll(async () => {
    await consumer.stop();
    await Promise.all([publishing.close(), consuming.close()]);
    await services.drop();
  });

  const effects = async (): Promise<string[]> => (await services.test.admin<{ name: string }>(`SELECT key || ':' || version AS name FROM consent.effect ORDER BY place`)).map(({ name }) => name);
  const positions = (): Promise<object[]> => services.test.admin('SELECT topic, partition, next FROM consent.consumer_offset ORDER BY 1, 2');
  const over = (replays: Replays, { id }: Replay): Promise<Replay> =>
    eventually(async () => {
      const replay = await replays.look(id);
      expect(replay.state).not.toBe('running');
      return replay;
    });

  it('has no second effect where the inbox knows what comes', async () => {
    const replays = new Replays(options);
    const replay = await over(replays, await replays.start({ since: new Date(0) }, 'operator'));
    expect(replay).toMatchObject({ state: 'done', read: 3, applied: 0, parked: 0, startedBy: 'operator' });
    expect(await effects()).toHaveLength(3);
  });

  it('makes up for what a database that was brought back from a backup does not know, and moves no position', async () => {
    await eventually(async () => expect((await consumer.lag()).every(({ events }) => events === 0)).toBe(true));
    const before = await positions();
    await services.test.admin(`DELETE FROM consent.effect WHERE key = 'a'; DELETE FROM consent.inbox i USING referrals.log l WHERE l.event_id = i.event_id AND l.key = 'a'`);
    const replays = new Replays(options);
    const replay = await over(replays, await replays.start({ since: new Date(0) }, 'operator'));
    expect(replay).toMatchObject({ state: 'done', read: 3, applied: 2 });
    expect(await effects()).toEqual(['b:1', 'a:1', 'a:2']);
    expect(await positions()).toEqual(before);
  });

  it('is bounded, and one that nobody began is unknown', async () => {
    const replays = new Replays(options);
    expect(await over(replays, await replays.start({ since: new Date(0), until: new Date(1000) }, 'operator'))).toMatchObject({ state: 'done', read: 0, until: new Date(1000) });
    await expect(replays.look('00000000-0000-4000-8000-000000000000')).rejects.toMatchObject({ kind: 'unknown' });
  });

  it('is stopped by what passes by itself, says so, and may be begun again', async () => {
    const away = new Replays({ ...options, transport: { ...consuming, publish: () => Promise.resolve(), subscribe: () => Promise.reject(new Error()), lag: () => Promise.resolve([]), close: () => Promise.resolve(), replay: () => Promise.reject(new TypeError('gone')) } });
    expect(await over(away, await away.start({ since: new Date(0) }, 'operator'))).toMatchObject({ state: 'stopped', lastError: 'TypeError', read: 0 });
    await away.stop();
  });
});
