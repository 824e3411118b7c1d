import { kafkaForTests } from '@baton/kafka';
import { COMPACT_APART, onTheWay } from './matrix.js';
import { killedTogether, type Together } from './together.js';

const local = (await kafkaForTests())?.from === 'local broker' ? describe : describe.skip;

local('Services apart on Kafka, killed at their crash points under load, and the broker too', () => {
  let killed: Together;
  beforeAll(async () => void (killed = await killedTogether()), 600_000);

  it.each(COMPACT_APART)('died by SIGKILL at $point', ({ point }) => {
    expect(killed.ends.get(point)).toEqual({ code: null, signal: 'SIGKILL', reached: [point] });
  });

  it('died by SIGKILL wherever else they came to', () => {
    process.stdout.write(`Died at ${killed.ends.size} of ${onTheWay().length} points: ${[...killed.ends.keys()].join(', ')}\n`);
    expect([...killed.ends].filter(([point, { signal, reached }]) => signal !== 'SIGKILL' || reached.join() !== point)).toEqual([]);
  });

  it('kept every promise: nothing lost, nothing doubled in effect, in order, at rest', () => {
    expect(killed.broken).toEqual([]);
  });

  it('were under load all the while: there was something to lose', () => {
    const { asked, arrived, listed } = killed.history;
    expect(asked.length).toBeGreaterThan(50);
    expect(listed.length).toBeGreaterThan(80);
    expect(arrived.length).toBeGreaterThanOrEqual(listed.length);
  });
});
