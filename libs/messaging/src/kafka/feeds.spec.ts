import { Feeds, type Taken } from './feeds.js';
import type { Received } from '../transport.js';
import { event } from './spec-broker.fixture.js';

const TOPIC = 'baton.referrals.referral';
const at = (partition: number) => ({ topic: TOPIC, partition });
const found = (partition: number, from: number, to: number): Received[] => Array.from({ length: to - from + 1 }, (_, i) => ({ event: event(TOPIC, `key-${partition}`, from + i + 1), partition, offset: String(from + i) }));
const offsets = (taken: readonly Taken[]): string[] => taken.flatMap(({ events }) => events.map(({ partition, offset }) => `${partition}:${offset}`));

describe('What a member of a Kafka group has fetched', () => {
  let feeds: Feeds;
  const offer = (partition: number, from: number, to: number): void => feeds.offer(feeds.get(TOPIC, partition)!, found(partition, from, to));

  beforeEach(() => {
    feeds = new Feeds();
    feeds.assign([at(0), at(1)]);
  });

  it('is taken in batches over several partitions, in order within each, and no partition twice at a time', () => {
    offer(0, 0, 3);
    offer(1, 0, 3);
    const first = feeds.take(6, 1, 0);
    expect(offsets(first)).toEqual(['0:0', '0:1', '0:2', '0:3', '1:0', '1:1']);
    expect(feeds.take(6, 1, 0)).toEqual([]);
    feeds.done(first);
    expect(offsets(feeds.take(6, 1, 1))).toEqual(['1:2', '1:3']);
  });

  it('is shared among those that take at the same time', () => {
    offer(0, 0, 1);
    offer(1, 0, 1);
    expect(offsets(feeds.take(10, 2, 0))).toEqual(['0:0', '0:1']);
    expect(offsets(feeds.take(10, 1, 0))).toEqual(['1:0', '1:1']);
  });

  it('comes again after a failure, later each time and alone, while others flow', () => {
    offer(0, 0, 1);
    const first = feeds.take(1, 1, 0);
    feeds.failed(first, 0);
    offer(1, 0, 0);
    expect(feeds.failing).toBe(1);
    expect(offsets(feeds.take(10, 1, 1))).toEqual(['1:0']);
    expect(feeds.nextTry(0)).toBe(40);
    const again = feeds.take(1, 1, 40);
    expect(offsets(again)).toEqual(['0:0']);
    feeds.failed(again, 40);
    expect(feeds.nextTry(40)).toBe(80);
  });

  it('may be committed once it was handled, and never before', () => {
    offer(0, 5, 7);
    const taken = feeds.take(2, 1, 0);
    expect(feeds.reached()).toEqual([]);
    feeds.done(taken);
    expect(feeds.reached()).toEqual([{ ...at(0), next: 7 }]);
    expect(feeds.reached()).toEqual([]);
  });

  it('is committed again when committing failed', () => {
    offer(0, 0, 0);
    feeds.done(feeds.take(1, 1, 0));
    feeds.unreached(feeds.reached());
    expect(feeds.reached()).toEqual([{ ...at(0), next: 1 }]);
  });

  it('is not handed over again after a rebalance in which the partition stayed, although it is fetched again', () => {
    offer(0, 0, 3);
    const inHand = feeds.take(2, 1, 0);
    feeds.assign([at(0)]);
    feeds.offer(feeds.get(TOPIC, 0)!, found(0, 0, 3), 0);
    expect(feeds.take(10, 1, 0)).toEqual([]);
    feeds.done(inHand);
    expect(offsets(feeds.take(10, 1, 1))).toEqual(['0:2', '0:3']);
    expect(feeds.reached()).toEqual([{ ...at(0), next: 2 }]);
  });

  it('is not handed over again after an early rebalance, before anything was committed', () => {
    offer(0, 0, 1);
    feeds.done(feeds.take(10, 1, 0));
    feeds.assign([at(0)]);
    offer(0, 0, 2);
    expect(offsets(feeds.take(10, 1, 1))).toEqual(['0:2']);
  });

  it('is handed over although what stood there was handled, when a rebalance finds no position any more', () => {
    offer(0, 0, 4);
    feeds.done(feeds.take(10, 1, 0));
    feeds.stored(feeds.reached());
    feeds.assign([at(0)]);
    offer(0, 0, 1);
    expect(offsets(feeds.take(10, 1, 1))).toEqual(['0:0', '0:1']);
  });

  it('is handed over although it lies behind what was handled, when positions began anew', () => {
    offer(0, 10, 12);
    feeds.done(feeds.take(2, 1, 0));
    const inHand = feeds.take(1, 1, 1);
    offer(0, 0, 1);
    feeds.done(inHand);
    const anew = feeds.take(10, 1, 2);
    expect(offsets(anew)).toEqual(['0:0', '0:1']);
    feeds.done(anew);
    expect(feeds.reached()).toEqual([{ ...at(0), next: 2 }]);
  });

  it('is left to the fetch that follows when it fails after a rebalance', () => {
    offer(0, 0, 1);
    const inHand = feeds.take(1, 1, 0);
    feeds.assign([at(0)]);
    offer(0, 0, 1);
    feeds.failed(inHand, 0);
    expect(offsets(feeds.take(10, 1, 100))).toEqual(['0:0', '0:1']);
  });

  it('moves no position once the partition has gone to somebody else, not even when it comes back', () => {
    offer(0, 0, 1);
    const inHand = feeds.take(10, 1, 0);
    feeds.assign([at(1)]);
    feeds.assign([at(0), at(1)]);
    feeds.done(inHand);
    expect(feeds.reached()).toEqual([]);
  });

  it('forgets a partition that has gone, as soon as nothing of it is in hand', () => {
    offer(0, 0, 1);
    const inHand = feeds.take(10, 1, 0);
    feeds.assign([at(1)]);
    expect(feeds.get(TOPIC, 0)).toBeDefined();
    feeds.done(inHand);
    expect(feeds.get(TOPIC, 0)).toBeUndefined();
    expect(feeds.assigned.map(({ partition }) => partition)).toEqual([1]);
  });
});
