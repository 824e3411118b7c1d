import { sentence } from '../durability/invariants.js';
import { Trial } from '../durability/trial.js';
import { ApartStage, type ApartStageOptions } from './apart-stage.js';
import { logViolations } from './topic-log.js';

/** Something that happens to a Baton under load besides a crash of a process. */
export interface Fault {
  /** In lower case, with dashes: as it is asked for. */
  readonly name: string;
  /** What is done, in a sentence for the report. */
  readonly does: string;
  /** @param long as long as is wanted for the report, not for a quick look */
  readonly run: (how: { readonly long: boolean }) => Promise<Outcome>;
}

export interface Outcome {
  /** What was measured, in words. */
  readonly figures: readonly string[];
  /** Promises that were broken; none, if all was well. */
  readonly broken: readonly string[];
}

/** What is done to it. It says what was measured, and what should not be; the rest is judged when everything has come to rest. */
export type Strike = (stage: ApartStage, trial: Trial) => Promise<Outcome>;

export interface Setting extends ApartStageOptions {
  /** Several persons go their way all the while; else whoever strikes sees to the load. */
  readonly walking?: boolean;
  /** Milliseconds for everything that waits to be done afterwards. */
  readonly restsWithin?: number;
}

/** Strikes a Baton of its own, lets it come to rest, and judges. What was written down stays if something is broken. */
export async function struck({ walking = true, restsWithin = 60_000, ...options }: Setting, strike: Strike): Promise<Outcome> {
  const stage = await ApartStage.open(options);
  const broken: string[] = [];
  const figures: string[] = [];
  let trial: Trial | undefined;
  try {
    trial = await Trial.open(stage);
    if (walking) {
      trial.load.begin();
      await trial.workFor(4);
    }
    const outcome = await strike(stage, trial);
    figures.push(...outcome.figures);
    broken.push(...outcome.broken);
    if (walking) await trial.workFor(4);
    await stage.untilReady();
    broken.push(...(await trial.verdict(restsWithin)).map(sentence), ...(await logViolations(stage.brokers)).map(sentence));
    if (broken.length > 0) broken.push(`what was written down is in ${stage.folder}`);
    if (walking) figures.push(`${trial.load.persons} young persons`);
    return { figures, broken };
  } catch (error) {
    broken.push((error as Error).stack ?? String(error), `what was written down is in ${stage.folder}`);
    return { figures, broken };
  } finally {
    await (trial ?? stage).close({ keep: broken.length > 0 });
  }
}

/** Seconds since an instant of `performance.now()`, for figures. */
export const since = (began: number): string => `${((performance.now() - began) / 1000).toFixed(1)} s`;
