import type { Arm, End } from './baton-process.js';
import { ErrandHome } from './errand-home.js';
import { sentence } from './invariants.js';
import type { ErrandName, Scene } from './points.js';
import type { OpenStage } from './stage.js';
import { Trial } from './trial.js';

/** What came of one kill. */
export interface Round {
  /** A crash point, or `PostgreSQL`. */
  readonly point: string;
  /** The how-manieth time it was reached. */
  readonly times: number;
  /** It died there, by SIGKILL. */
  readonly reached: boolean;
  /** Promises that were broken; none, if all was well. */
  readonly broken: readonly string[];
}

/** Judging takes longer with each person on a home. */
const PERSONS_PER_HOME = 150;

const diedAt = (point: string, end: End | undefined): boolean => end?.signal === 'SIGKILL' && end.reached.length === 1 && end.reached[0] === point;

/** Kills one after the other; homes are shared where that changes nothing, and kept where something is broken. */
export class Rounds {
  private trial: Trial | undefined;

  constructor(private readonly open: OpenStage) {}

  /** Kills at a point, starts again, lets everything come to rest, and judges. */
  kill(scene: Scene, arm: Arm): Promise<Round> {
    if (scene === 'walk' || scene === 'start') return this.underLoad(arm.point, arm.times, async (trial) => diedAt(arm.point, await trial.dieAt(arm)));
    if (scene === 'stop') return this.underLoad(arm.point, arm.times, async (trial) => diedAt(arm.point, await stopping(trial, arm)));
    return scene === 'first-start' ? this.firstStart(arm) : this.errand(scene, arm);
  }

  /** Kills PostgreSQL under load; Baton goes on by itself. */
  killPostgres(): Promise<Round> {
    return this.underLoad('PostgreSQL', 1, async (trial) => {
      await trial.stage.start();
      await trial.workFor(2);
      await trial.stage.killPostgres();
      await trial.workFor(2);
      return true;
    });
  }

  async close(): Promise<void> {
    await this.trial?.close();
  }

  private async underLoad(point: string, times: number, strike: (trial: Trial) => Promise<boolean>): Promise<Round> {
    this.trial ??= await Trial.open(await this.open());
    const { trial } = this;
    trial.load.begin();
    const reached = await strike(trial);
    if (point !== 'PostgreSQL') await trial.stage.start();
    await trial.workFor(2);
    const broken = (await trial.verdict()).map(sentence);
    if (broken.length > 0 || trial.load.persons > PERSONS_PER_HOME) {
      await trial.close({ keep: broken.length > 0 });
      this.trial = undefined;
    }
    return { point, times, reached, broken: broken.length > 0 ? [...broken, `what was written down is in ${trial.stage.folder}`] : [] };
  }

  private async errand(name: ErrandName, arm: Arm): Promise<Round> {
    const home = await ErrandHome.open(this.open);
    await home.stage.start(arm);
    const done = home.run([name]);
    const reached = diedAt(arm.point, await home.stage.death());
    await home.stage.start();
    const broken = [...(await done), ...(await home.verdict())];
    await home.close({ keep: broken.length > 0 });
    return { ...arm, reached, broken };
  }

  /** The first start on an empty home dies; the second makes up for it, and works. */
  private async firstStart(arm: Arm): Promise<Round> {
    const stage = await this.open();
    await stage.start(arm);
    const reached = diedAt(arm.point, await stage.death());
    const trial = await Trial.open(stage);
    await stage.start();
    trial.load.begin();
    await trial.workFor(4);
    const broken = (await trial.verdict()).map(sentence);
    await trial.close({ keep: broken.length > 0 });
    return { ...arm, reached, broken };
  }
}

async function stopping(trial: Trial, arm: Arm): Promise<End> {
  await trial.stage.start(arm);
  await trial.workFor(2);
  return trial.stage.stop();
}
