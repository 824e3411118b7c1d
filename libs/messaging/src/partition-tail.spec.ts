import type { LogEntry } from './log.js';
import { PartitionTail } from './partition-tail.js';
import { travelling } from './spec/two-services.js';

const entries = (from: number, to: number): LogEntry[] => Array.from({ length: to - from + 1 }, (_, i) => ({ event: travelling('a', from + i), partition: 0, offset: from + i }));
const offsets = (found: readonly LogEntry[] | undefined): number[] | undefined => found?.map(({ offset }) => offset);

describe('The end of a partition, kept in memory', () => {
  it('takes what follows, and leaves out what it has', () => {
    const tail = new PartitionTail(10);
    expect([tail.add(entries(10, 12)), tail.add(entries(11, 14))]).toEqual([true, true]);
    expect(offsets(tail.from(10, 100))).toEqual([10, 11, 12, 13, 14]);
    expect(offsets(tail.from(12, 2))).toEqual([12, 13]);
  });

  it('takes nothing behind a gap, so that it must be read', () => {
    const tail = new PartitionTail(10);
    expect(tail.add(entries(12, 13))).toBe(false);
    expect(tail.next).toBe(10);
    expect(offsets(tail.from(10, 100))).toEqual([]);
  });

  it('says when something is older than what it keeps', () => {
    const tail = new PartitionTail(10);
    expect(tail.from(9, 100)).toBeUndefined();
    tail.add(entries(10, 13));
    tail.shrink();
    expect(tail.from(11, 100)).toBeUndefined();
    expect(offsets(tail.from(12, 100))).toEqual([12, 13]);
  });

  it('has nothing yet for who is ahead', () => {
    expect(offsets(new PartitionTail(10).from(15, 100))).toEqual([]);
  });
});
