import { check } from '../durability/checker.js';
import { sentence } from '../durability/invariants.js';
import type { History } from '../durability/history.js';
import type { Ends } from '../durability/once.js';
import { Trial } from '../durability/trial.js';
import { ApartStage } from './apart-stage.js';
import { COMPACT_APART, onTheWay } from './matrix.js';
import { logViolations } from './topic-log.js';

const DEATHS_WITHIN_MS = 80_000;
const RESTS_WITHIN_MS = 60_000;
/** Longer than all that dies takes: nobody gives up before. */
const PATIENCE_MS = 400_000;

/** What came of a home whose services were killed back to back. */
export interface Together {
  readonly ends: Ends;
  readonly history: History;
  /** Promises that were broken, in sentences; none, if all was well. */
  readonly broken: readonly string[];
}

/** On a home of its own: services are killed at one crash point after the other under load, then the broker; judged once, when all is at rest. */
export async function killedTogether(): Promise<Together> {
  const stage = await ApartStage.open();
  const trial = await Trial.open(stage, { patience: PATIENCE_MS });
  let kept = false;
  try {
    trial.load.begin();
    await trial.workFor(2);
    const ends = await stage.dieAtEach(onTheWay(), DEATHS_WITHIN_MS, COMPACT_APART);
    await stage.kafka.kill(1);
    await stage.kafka.start(1);
    await trial.workFor(2);
    await stage.untilReady();
    await trial.comeToRest(RESTS_WITHIN_MS);
    const history = await trial.history();
    const broken = [...check(history), ...(await logViolations(stage.brokers))].map(sentence);
    kept = broken.length === 0;
    return { ends, history, broken: kept ? [] : [...broken, `what was written down is in ${stage.folder}`] };
  } finally {
    await trial.close({ keep: !kept });
  }
}
