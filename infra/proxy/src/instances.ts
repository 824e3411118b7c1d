import { buildConnector, Pool } from 'undici';
import { readingOn } from './reading-on.js';

/** How long an instance that took no connection is passed over. */
const RESTS_MS = 1_000;
const CONNECTS_WITHIN_MS = 1_000;

/** One process of a group, and the connections to it. */
export interface Instance {
  /** `http://host:port` */
  readonly address: string;
  readonly pool: Pool;
  /** Until then (`performance.now()`) others are asked first. */
  restsUntil: number;
  /** It took no connection when it was asked last. */
  away: boolean;
}

/** The instances that answer the same addresses; asked in turn. */
export class Group {
  readonly instances: readonly Instance[];
  private turn = 0;

  /** @param patienceMs how long an instance may keep silent, before the head of its answer and within its body */
  constructor(
    readonly name: string,
    addresses: readonly string[],
    patienceMs: number,
  ) {
    const connect = readingOn(buildConnector({ timeout: CONNECTS_WITHIN_MS }));
    this.instances = addresses.map((address) => ({ address, pool: new Pool(address, { connect, pipelining: 1, headersTimeout: patienceMs, bodyTimeout: patienceMs }), restsUntil: 0, away: false }));
  }

  /**
   * The next one to ask. Those that rest are asked when there is no other: they may be back.
   *
   * @param asked those that were asked already
   */
  next(asked: readonly Instance[], now: number = performance.now()): Instance | undefined {
    const { instances, turn } = this;
    let resting: Instance | undefined;
    for (let step = 0; step < instances.length; step++) {
      const at = (turn + step) % instances.length;
      const instance = instances[at]!;
      if (asked.includes(instance)) continue;
      if (instance.restsUntil <= now) {
        this.turn = at + 1;
        return instance;
      }
      resting ??= instance;
    }
    return resting;
  }

  /** Ends all connections. */
  async destroy(): Promise<void> {
    await Promise.all(this.instances.map(({ pool }) => pool.destroy()));
  }
}

/** An instance takes no connections: others are asked first for a while. @returns whether that is news */
export function rest(instance: Instance, now: number = performance.now()): boolean {
  const isNews = !instance.away;
  instance.restsUntil = now + RESTS_MS;
  instance.away = true;
  return isNews;
}

/** An instance has answered. @returns whether it was away before */
export function back(instance: Instance): boolean {
  const isNews = instance.away;
  instance.away = false;
  return isNews;
}
