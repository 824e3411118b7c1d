import type { Fault } from './fault.js';
import { brokerCutOff } from './faults/broker-cut-off.js';
import { brokerFrozen } from './faults/broker-frozen.js';
import { brokerKilled } from './faults/broker-killed.js';
import { databaseKilled } from './faults/database-killed.js';
import { lateProcesses } from './faults/late-processes.js';
import { leaderKilled } from './faults/leader-killed.js';
import { poison } from './faults/poison.js';
import { twoVersions } from './faults/two-versions.js';

/** What happens besides crashes. */
export const FAULTS: readonly Fault[] = [brokerKilled, brokerFrozen, brokerCutOff, leaderKilled, databaseKilled, lateProcesses, poison, twoVersions];
