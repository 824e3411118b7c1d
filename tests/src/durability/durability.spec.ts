import { check } from './checker.js';
import { sentence } from './invariants.js';
import type { End } from './baton-process.js';
import type { History } from './history.js';
import { COMPACT } from './points.js';
import { StandaloneStage } from './standalone-stage.js';
import { Trial } from './trial.js';

describe('A Baton that is killed again and again under load, and its PostgreSQL too', () => {
  let trial: Trial;
  let ends: (End | undefined)[];
  let history: History;

  beforeAll(async () => {
    trial = await Trial.open(await StandaloneStage.open());
    trial.load.begin();
    ends = [];
    for (const arm of COMPACT) ends.push(await trial.dieAt(arm));
    await trial.stage.start();
    await trial.workFor(3);
    await trial.stage.killPostgres();
    await trial.workFor(3);
    await trial.comeToRest();
    history = await trial.history();
  }, 240_000);
  afterAll(() => trial?.close(), 60_000);

  it.each(COMPACT.map((arm, place) => ({ ...arm, place })))('died by SIGKILL at $point (pass $times)', ({ point, place }) => {
    expect(ends[place]).toEqual({ code: null, signal: 'SIGKILL', reached: [point] });
  });

  it('kept every promise: nothing lost, nothing doubled in effect, in order, at rest', () => {
    expect(check(history).map(sentence)).toEqual([]);
  });

  it('was under load all the while: there was something to lose', () => {
    const { asked, arrived, listed } = history;
    expect(asked.length).toBeGreaterThan(100);
    expect(asked.filter(({ sent, answers }) => sent > answers.length).length).toBeGreaterThan(10);
    expect(listed.length).toBeGreaterThan(200);
    expect(arrived.length).toBeGreaterThanOrEqual(listed.length);
  });
});
