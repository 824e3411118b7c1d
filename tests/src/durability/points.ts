import type { Arm } from './baton-process.js';

/**
 * Every crash point of the code, and what a long run does to reach it before it kills there:
 * - `walk`: several young persons at once, referred, amended, received, accepted, seen; the checker judges all of it
 * - `start`: the same, but reached at each start, before any load
 * - `first-start`: the first start on an empty home
 * - `stop`: an orderly stop (SIGTERM) under load
 * - anything else: an errand of that name (errands.ts), which must come to its end in spite of the kill
 */
export type Scene = 'walk' | 'start' | 'first-start' | 'stop' | ErrandName;

export const ERRAND_NAMES = ['subscribe', 'heartbeat', 'end', 'busy-endpoint', 'refusing-endpoint', 'gone-endpoint', 'ask-for-events', 'withdraw', 'not-eligible', 'refuse-later', 'message', 'park', 'rebuild', 'replay'] as const;
export type ErrandName = (typeof ERRAND_NAMES)[number];

/**
 * Which of the two runs kills there:
 * - `log`: `npm run durability`. It lies in the log in PostgreSQL, or is done by the embedded whole alone (a home, an engine, roles), or needs an errand
 * - `kafka`: `npm run resilience`, whose services run apart on Kafka
 * - `both`: one and the other
 */
export type Over = 'log' | 'kafka' | 'both';

export interface Kill {
  readonly scene: Scene;
  /** Killed at the n-th time it is reached, n from 1 to this. */
  readonly upTo: number;
  readonly over: Over;
}

const kills = (over: Over, scene: Scene, upTo: number, ...names: string[]): [string, Kill][] => names.map((name) => [name, { scene, upTo, over }]);

export const KILLED_AT: ReadonlyMap<string, Kill> = new Map([
  ...kills('both', 'walk', 40, 'http.accepted', 'http.authenticated', 'idempotency.claimed', 'tx.begun', 'tx.before-commit', 'tx.committed'),
  ...kills('both', 'walk', 15, 'write.before-statement', 'write.statement-done', 'audit.entries-written'),
  ...kills('both', 'walk', 6, 'bundle.entry-written', 'outbox.written', 'directory.number-locked', 'consent.persons-locked'),
  ...kills('both', 'walk', 30, 'relay.claimed'),
  ...kills('both', 'walk', 12, 'relay.sent', 'relay.acknowledged', 'relay.cursor-moved'),
  ...kills('both', 'walk', 12, 'consumer.inbox-written', 'consumer.effect-done', 'consumer.before-commit', 'consumer.committed'),
  ...kills('log', 'walk', 12, 'log.appended', 'consumer.fetched', 'consumer.offset-stored'),
  ...kills('kafka', 'walk', 12, 'kafka.sent', 'kafka.taken', 'kafka.position-committed', 'outbox.announced'),
  ...kills('both', 'walk', 10, 'notifications.event-queued', 'delivery.leased', 'delivery.consent-checked', 'delivery.request-started', 'delivery.request-sent', 'delivery.answer-read', 'delivery.recorded'),
  ...kills('both', 'walk', 2, 'egress.before-connect', 'delivery.worker-beat', 'handshake.leased', 'heartbeat.leased', 'consent.services-compared'),
  ...kills('both', 'start', 3, 'migration.locked', 'migration.done', 'start.migrated', 'lease.taken'),
  ...kills('both', 'start', 1, 'audit.partitions-made'),
  ...kills('kafka', 'start', 1, 'kafka.assigned'),
  ...kills('log', 'start', 3, 'consumer.alive', 'consumer.partitions-claimed'),
  ...kills('log', 'start', 1, 'start.admin-dsn-written', 'bootstrap.before-commit', 'bootstrap.committed', 'postgres.database-made'),
  ...kills('log', 'first-start', 1, 'postgres.initialised', 'postgres.data-placed', 'keys.file-made', 'directory.pathway-published', 'directory.pathway-version-stored', 'directory.pathway-versions-chained'),
  ...kills('log', 'first-start', 3, 'secret.drafted', 'secret.placed', 'keys.draft-written', 'issuer.client-registered', 'consumer.partitions-found'),
  ...kills('both', 'stop', 1, 'lease.released', 'delivery.worker-left'),
  ...kills('log', 'stop', 2, 'consumer.partitions-released', 'consumer.left'),
  ...kills('log', 'subscribe', 1, 'issuer.assertion-used', 'signing.secret-added', 'handshake.answered', 'subscription.status-set', 'subscription.handshake-settled', 'delivery.resumed'),
  ...kills('log', 'subscribe', 3, 'log.topic-made'),
  ...kills('log', 'heartbeat', 1, 'subscription.heartbeat-noted'),
  ...kills('log', 'end', 1, 'subscription.ended'),
  ...kills('log', 'busy-endpoint', 1, 'delivery.retry-scheduled'),
  ...kills('log', 'refusing-endpoint', 1, 'delivery.parked', 'delivery.keys-reopened', 'delivery.resend-queued'),
  ...kills('log', 'gone-endpoint', 1, 'subscription.disabled', 'delivery.subscription-stopped', 'delivery.endpoint-disabled'),
  ...kills('log', 'ask-for-events', 1, 'events.noted', 'events.audited'),
  ...kills('log', 'withdraw', 1, 'notifications.lanes-fenced', 'notifications.loss-queued'),
  ...kills('log', 'not-eligible', 1, 'referrals.refusal-counted'),
  ...kills('log', 'refuse-later', 1, 'consent.person-judged-again'),
  ...kills('log', 'message', 1, 'message.claimed', 'message.settled', 'notifications.message-queued', 'message-delivery.secret-made', 'message-delivery.postponed'),
  ...kills('log', 'message', 1, 'message-delivery.claimed', 'message-delivery.consent-checked', 'message-delivery.recorded', 'message-delivery.queued-again'),
  ...kills('log', 'park', 2, 'consumer.key-shut', 'consumer.parked', 'consumer.parking-committed', 'redrive.begun', 'redrive.progress-noted'),
  ...kills('log', 'park', 1, 'consumer.failure-noted', 'consumer.unparked', 'consumer.key-opened', 'consumer.redriven'),
  ...kills('log', 'park', 1, 'parking.discarded', 'parking.left-waiting', 'parking.key-shut-again', 'parking.restored', 'parking.blamed-again'),
  ...kills('log', 'rebuild', 1, 'rebuild.begun', 'rebuild.stretch-done', 'rebuild.resource-judged', 'rebuild.person-judged', 'rebuild.progress-noted'),
  ...kills('log', 'replay', 1, 'replay.begun', 'replay.progress-noted'),
]);

/** Crash points at which no run from outside kills, and why. */
const HOURLY = 'Reached once an hour, by a statement that only removes what is older than a week and is repeated an hour later.';

export const EXEMPT: Readonly<Record<string, string>> = {
  'log.trimmed': HOURLY,
  'inbox.trimmed': HOURLY,
  'delivery.lanes-swept': 'Reached once a minute, by a statement that only removes lanes in which nothing waits.',
  'delivery.lane-freed': 'Reached only when an event is queued in the instant in which its lane is given back; a lane that is held when its worker dies is taken over, as after delivery.leased.',
  'issuer.client-suspended': 'No partner and no route leads here yet: an operator suspends a client by hand.',
  'keys.file-replaced': 'Reached only when keys are replaced by hand, while Baton does not run.',
  'referrals.unacknowledged-written': 'Due minutes after a referral at the earliest; it is one transaction like those killed at tx.* and write.*, and what is due is looked for again at each start.',
  'token-request.before-post': 'Lies in the program of a client that asks for a token, not in Baton.',
};

/** The points at which a run kills. */
export const killedOver = (over: 'log' | 'kafka'): ReadonlyMap<string, Kill> => new Map([...KILLED_AT].filter(([, kill]) => kill.over === over || kill.over === 'both'));

/** Every point of some scenes, each to be died at once: late enough for something to be under way, soon enough for the next. */
export const eachOnce = (...scenes: readonly Scene[]): Arm[] =>
  [...killedOver('log')].filter(([, { scene }]) => scenes.includes(scene)).map(([point, { upTo }]) => ({ point, times: Math.ceil(upTo / 4) }));

/** A choice all along the path, where nothing else is asked for. */
export const COMPACT: readonly string[] = [
  ...['http.authenticated', 'write.before-statement', 'write.statement-done', 'tx.before-commit', 'tx.committed', 'relay.sent', 'relay.acknowledged'],
  ...['consumer.inbox-written', 'consumer.committed', 'consumer.offset-stored', 'delivery.request-sent', 'delivery.answer-read'],
];
