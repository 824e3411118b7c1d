import type { Arm, End } from './baton-process.js';
import { check } from './checker.js';
import { ErrandHome } from './errand-home.js';
import type { History } from './history.js';
import { sentence } from './invariants.js';
import { eachOnce, ERRAND_NAMES, KILLED_AT, type ErrandName } from './points.js';
import type { OpenStage, Stage } from './stage.js';
import { Trial } from './trial.js';

/** How Baton died, by crash point. */
export type Ends = ReadonlyMap<string, End>;

/** Longer than all that dies takes: nobody gives up before. */
const PATIENCE_MS = 400_000;
/** A start dies within this after it was ready, or does not any more. */
const STARTED_MS = 3_000;
/** The last for what deaths of others came before even on the second. */
const ERRAND_HOMES = 3;

/**
 * Has Baton die at each of several points: armed with all of them it dies at whichever it comes to first, and is started again with the rest, until none
 * is left or it does not die any more. What is done to reach them goes on all the while.
 * @param death waits for the next one
 */
export async function dieAtEach(stage: Stage, arms: readonly Arm[], death: () => Promise<End | undefined> = () => stage.death()): Promise<Ends> {
  const ends = new Map<string, End>();
  for (let left = arms; left.length > 0; left = left.filter(({ point }) => !ends.has(point))) {
    await stage.start(...left);
    const end = await death();
    if (end && end.signal === null && end.code !== 0) throw new Error(`Baton ended by itself (${end.code}); what it said is in ${stage.folder}`);
    if (end?.reached[0] === undefined) break;
    ends.set(end.reached[0], end);
  }
  return ends;
}

/** What came of a home that was died on. */
export interface Outcome {
  readonly ends: Ends;
  /** Promises that were broken, in sentences; none, if all was well. */
  readonly broken: readonly string[];
}

/** On one home, until all is at rest: its first start, several persons' ways, starts, orderly stops and PostgreSQL are died at. @returns what was written down, too */
export async function walkedOnce(open: OpenStage): Promise<Outcome & { readonly history: History }> {
  const stage = await open();
  return leavingNothing(stage, async () => {
    const firstStarts = await dieAtEach(stage, eachOnce('first-start'), () => stage.death(STARTED_MS));
    const trial = await Trial.open(stage, { patience: PATIENCE_MS });
    trial.load.begin();
    const onTheWay = await dieAtEach(stage, eachOnce('walk'));
    const starts = await dieAtEach(stage, eachOnce('start'));
    const stops = await dieAtEach(stage, eachOnce('stop'), async () => {
      await trial.workFor(1);
      return stage.stop();
    });
    await stage.start();
    await trial.workFor(2);
    await stage.killPostgres();
    await trial.workFor(2);
    await trial.comeToRest();
    const history = await trial.history();
    const broken = check(history).map(sentence);
    await trial.close({ keep: broken.length > 0 });
    return { ends: new Map([...firstStarts, ...onTheWay, ...starts, ...stops]), broken: said(broken, stage), history };
  });
}

/** All errands at the same time on one home; where a death came between an errand and a point of it, that errand once more on another home, and again. */
export async function errandsOnce(open: OpenStage): Promise<Outcome> {
  const ends = new Map<string, End>();
  const broken: string[] = [];
  for (let homes = 0; homes < ERRAND_HOMES; homes++) {
    const left = eachOnce(...ERRAND_NAMES).filter(({ point }) => !ends.has(point));
    if (left.length === 0) break;
    const run = await errandsOn(await ErrandHome.open(open), left);
    run.ends.forEach((end, point) => ends.set(point, end));
    broken.push(...run.broken);
  }
  return { ends, broken };
}

const errandsOn = (home: ErrandHome, arms: readonly Arm[]): Promise<Outcome> =>
  leavingNothing(home.stage, async () => {
    const names = new Set(arms.map(({ point }) => KILLED_AT.get(point)!.scene as ErrandName));
    const done = home.run([...names]);
    const ends = await dieAtEach(home.stage, arms, () => Promise.race([home.stage.death(PATIENCE_MS), done.then(() => undefined)]));
    await home.stage.start();
    const broken = [...(await done), ...(await home.verdict())];
    await home.close({ keep: broken.length > 0 });
    return { ends, broken: said(broken, home.stage) };
  });

const said = (broken: readonly string[], { folder }: Stage): string[] => (broken.length > 0 ? [...broken, `what was written down is in ${folder}`] : []);

/** Whatever fails, no process of a stage stays. */
async function leavingNothing<Result>(stage: Stage, work: () => Promise<Result>): Promise<Result> {
  try {
    return await work();
  } catch (error) {
    await stage.close({ keep: true });
    throw error;
  }
}
