import { kafkaForTests } from '@baton/kafka';
import { check } from '../durability/checker.js';
import { sentence } from '../durability/invariants.js';
import type { History } from '../durability/history.js';
import type { Ends } from '../durability/once.js';
import { Trial } from '../durability/trial.js';
import { ApartStage } from './apart-stage.js';
import { COMPACT_APART, onTheWay } from './matrix.js';
import { logViolations } from './topic-log.js';

const DEATHS_WITHIN_MS = 100_000;
const RESTS_WITHIN_MS = 60_000;
/** Longer than all that dies takes: nobody gives up before. */
const PATIENCE_MS = 300_000;

const local = (await kafkaForTests())?.from === 'local broker' ? describe : describe.skip;

local('Services apart on Kafka, killed at their crash points under load, and the broker too', () => {
  let trial: Trial;
  let ends: Ends;
  let history: History;
  let broken: string[];

  beforeAll(async () => {
    const stage = await ApartStage.open();
    trial = await Trial.open(stage, { patience: PATIENCE_MS });
    trial.load.begin();
    await trial.workFor(2);
    ends = await stage.dieAtEach(onTheWay(), DEATHS_WITHIN_MS);
    await stage.kafka.kill(1);
    await stage.kafka.start(1);
    await trial.workFor(2);
    await stage.untilReady();
    await trial.comeToRest(RESTS_WITHIN_MS);
    history = await trial.history();
    broken = [...check(history), ...(await logViolations(stage.brokers))].map(sentence);
  }, 600_000);
  afterAll(() => trial?.close({ keep: broken === undefined || broken.length > 0 }), 60_000);

  it.each(COMPACT_APART)('died by SIGKILL at $point', ({ point }) => {
    expect(ends.get(point)).toEqual({ code: null, signal: 'SIGKILL', reached: [point] });
  });

  it('died by SIGKILL wherever else they came to', () => {
    process.stdout.write(`Died at ${ends.size} of ${onTheWay().length} points: ${[...ends.keys()].join(', ')}\n`);
    expect([...ends].filter(([point, { signal, reached }]) => signal !== 'SIGKILL' || reached.join() !== point)).toEqual([]);
  });

  it('kept every promise: nothing lost, nothing doubled in effect, in order, at rest', () => {
    expect(broken).toEqual([]);
  });

  it('were under load all the while: there was something to lose', () => {
    const { asked, arrived, listed } = history;
    expect(asked.length).toBeGreaterThan(50);
    expect(listed.length).toBeGreaterThan(80);
    expect(arrived.length).toBeGreaterThanOrEqual(listed.length);
  });
});
