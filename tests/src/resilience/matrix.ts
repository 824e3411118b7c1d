import type { Arm } from '../durability/baton-process.js';
import { killedOver, type Scene } from '../durability/points.js';

/** A compact choice, one by one, each judged by itself. */
export const COMPACT_APART: readonly Arm[] = [
  { point: 'http.authenticated', times: 3 },
  { point: 'tx.committed', times: 4 },
  { point: 'relay.acknowledged', times: 2 },
  { point: 'kafka.sent', times: 2 },
  { point: 'kafka.taken', times: 2 },
  { point: 'kafka.position-committed', times: 1 },
  { point: 'outbox.announced', times: 2 },
  { point: 'consumer.committed', times: 2 },
  { point: 'delivery.request-sent', times: 2 },
];

/** Requests and events are spread over a dozen processes: each of them comes to a point so much more rarely than the whole does. */
const SHARE = 8;

/** A kill to be made: at which passing of a point, and what is done to reach it. */
export interface Planned extends Arm {
  readonly scene: Scene;
}

/** Kills at a point that services apart reach: so many, at later and later passings. @returns nothing for a point they do not reach */
export function killsAt(point: string, turns: number): Planned[] {
  const kill = killedOver('kafka').get(point);
  if (!kill) return [];
  const upTo = Math.ceil(kill.upTo / SHARE);
  return Array.from({ length: turns }, (_, turn) => ({ point, scene: kill.scene, times: Math.min(upTo, 1 + Math.floor(((turn + 0.5) / turns) * upTo)) }));
}

/** Every point that services apart come to under load, each to be died at once: the compact choice first. */
export const onTheWay = (): Arm[] => {
  const chosen = new Set(COMPACT_APART.map(({ point }) => point));
  const others = [...killedOver('kafka').keys()].filter((point) => !chosen.has(point)).flatMap((point) => killsAt(point, 1));
  return [...COMPACT_APART, ...others.filter(({ scene }) => scene === 'walk')];
};
