import fc from 'fast-check';
import { contiguous, type Queued } from './contiguity.js';

const row = (key: string, version: number, sent = 0): Queued => ({ topic: 't', key, version, sent });
const names = (rows: readonly Queued[]): string[] => rows.map(({ key, version }) => `${key}:${version}`);

describe('What the relay may send', () => {
  it('is what follows the last version sent without a gap', () => {
    const { send, held } = contiguous([row('a', 3, 2), row('a', 5, 2), row('b', 1)]);
    expect(names(send)).toEqual(['a:3', 'b:1']);
    expect(names(held)).toEqual(['a:5']);
  });

  it('is put into version order where the outbox has it otherwise', () => {
    expect(names(contiguous([row('a', 2), row('b', 1), row('a', 1)]).send)).toEqual(['b:1', 'a:1', 'a:2']);
  });

  it('is not a version that was sent before, nor a second event of the same version', () => {
    const { send, held } = contiguous([row('a', 2, 2), row('b', 1), row('b', 1)]);
    expect(names(send)).toEqual(['b:1']);
    expect(names(held)).toEqual(['a:2', 'b:1']);
  });

  it('keeps no other aggregate waiting, not even one of the same key in another topic', () => {
    expect(names(contiguous([row('a', 2), { topic: 'u', key: 'a', version: 1, sent: 0 }]).send)).toEqual(['a:1']);
  });

  it('for any order of arrival and any cut into batches, is every version once and in order', () => {
    const history = fc.array(fc.integer({ min: 1, max: 6 }), { minLength: 1, maxLength: 5 });
    const shuffled = history.chain((lengths) => {
      const all = lengths.flatMap((length, k) => Array.from({ length }, (_, i) => ({ key: `k${k}`, version: i + 1 })));
      return fc.tuple(fc.shuffledSubarray(all, { minLength: all.length, maxLength: all.length }), fc.integer({ min: 1, max: 7 }));
    });
    fc.assert(
      fc.property(shuffled, ([arrivals, batch]) => {
        const sent = new Map<string, number>();
        let outbox: { key: string; version: number }[] = [];
        const log: { key: string; version: number }[] = [];
        for (let i = 0; i < arrivals.length; i += batch) {
          outbox = [...outbox, ...arrivals.slice(i, i + batch)];
          const { send, held } = contiguous(outbox.map(({ key, version }) => row(key, version, sent.get(key) ?? 0)));
          log.push(...send);
          for (const { key, version } of send) sent.set(key, version);
          outbox = held.map(({ key, version }) => ({ key, version }));
        }
        expect(outbox).toEqual([]);
        expect(log).toHaveLength(arrivals.length);
        for (const key of new Set(arrivals.map((one) => one.key))) {
          const versions = log.filter((one) => one.key === key).map((one) => one.version);
          expect(versions).toEqual(versions.map((_, n) => n + 1));
        }
      }),
    );
  });
});
