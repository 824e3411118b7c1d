import { createRequire } from 'node:module';

interface RequestQueue {
  readonly pending: readonly unknown[];
  readonly throttledUntil: number;
  scheduleCheckPendingRequests(): void;
}

/**
 * kafkajs 2.2.4 sets a timer of a negative length after each answer, which sets the next one as it fires: a thousand wake-ups a second for each
 * connection, and a `TimeoutNegativeWarning` on newer Node. A timer is only needed while requests wait or the broker throttles.
 *
 * Done once per process, and only to the version that was looked at.
 */
export function calmRequestQueues(): void {
  const require = createRequire(import.meta.url);
  if ((require('kafkajs/package.json') as { version: string }).version !== '2.2.4') return;
  const { prototype } = require('kafkajs/src/network/requestQueue') as { prototype: RequestQueue & { [CALM]?: true } };
  if (prototype[CALM]) return;
  // eslint-disable-next-line @typescript-eslint/unbound-method -- called with the queue as `this` below
  const schedule = prototype.scheduleCheckPendingRequests;
  prototype.scheduleCheckPendingRequests = function (this: RequestQueue) {
    if (this.pending.length > 0 || this.throttledUntil > Date.now()) schedule.call(this);
  };
  prototype[CALM] = true;
}

const CALM = Symbol('calm');
