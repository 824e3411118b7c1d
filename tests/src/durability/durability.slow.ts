import { errandsOnce, walkedOnce, type Outcome } from './once.js';
import { killedOver } from './points.js';
import { StandaloneStage } from './standalone-stage.js';

const open = (env?: Readonly<Record<string, string>>): Promise<StandaloneStage> => StandaloneStage.open(env);

describe('A Baton that is killed once at each crash point, under load and on errands, and its PostgreSQL too', () => {
  let walked: Awaited<ReturnType<typeof walkedOnce>>;
  let errands: Outcome;

  beforeAll(async () => {
    [walked, errands] = await Promise.all([walkedOnce(open), errandsOnce(open)]);
  }, 900_000);

  it.each([...killedOver('log')].map(([point, { scene }]) => ({ point, scene })))('died by SIGKILL at $point ($scene)', ({ point }) => {
    expect(walked.ends.get(point) ?? errands.ends.get(point)).toEqual({ code: null, signal: 'SIGKILL', reached: [point] });
  });

  it('kept every promise: nothing lost, nothing doubled in effect, in order, at rest', () => {
    expect(walked.broken).toEqual([]);
  });

  it('came to the end of every errand, and to rest', () => {
    expect(errands.broken).toEqual([]);
  });

  it('was under load all the while: there was something to lose', () => {
    const { asked, arrived, listed } = walked.history;
    expect(asked.length).toBeGreaterThan(100);
    expect(asked.filter(({ sent, answers }) => sent > answers.length).length).toBeGreaterThan(10);
    expect(listed.length).toBeGreaterThan(200);
    expect(arrived.length).toBeGreaterThanOrEqual(listed.length);
  });
});
