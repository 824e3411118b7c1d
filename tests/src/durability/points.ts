import type { Arm } from './baton-process.js';

/**
 * Every crash point of the code, and what the long run does to reach it before it kills there:
 * - `walk`: several young persons at once, referred, amended, received, accepted, seen; the checker judges all of it
 * - `start`: the same, but reached at each start, before any load
 * - `first-start`: the first start on an empty home
 * - `stop`: an orderly stop (SIGTERM) under load
 * - anything else: an errand of that name (errands.ts), which must come to its end in spite of the kill
 */
export type Scene = 'walk' | 'start' | 'first-start' | 'stop' | ErrandName;

export const ERRAND_NAMES = ['subscribe', 'heartbeat', 'end', 'busy-endpoint', 'refusing-endpoint', 'gone-endpoint', 'ask-for-events', 'withdraw', 'not-eligible', 'refuse-later', 'message', 'park'] as const;
export type ErrandName = (typeof ERRAND_NAMES)[number];

export interface Kill {
  readonly scene: Scene;
  /** Killed at the n-th time it is reached, n from 1 to this. */
  readonly upTo: number;
}

const kills = (scene: Scene, upTo: number, ...names: string[]): [string, Kill][] => names.map((name) => [name, { scene, upTo }]);

export const KILLED_AT: ReadonlyMap<string, Kill> = new Map([
  ...kills('walk', 40, 'http.accepted', 'http.authenticated', 'idempotency.claimed', 'tx.begun', 'tx.before-commit', 'tx.committed'),
  ...kills('walk', 15, 'write.before-statement', 'write.statement-done', 'audit.entries-written'),
  ...kills('walk', 6, 'bundle.entry-written', 'outbox.written', 'directory.number-locked', 'consent.persons-locked'),
  ...kills('walk', 30, 'relay.claimed'),
  ...kills('walk', 12, 'relay.sent', 'relay.acknowledged', 'relay.cursor-moved', 'log.appended'),
  ...kills('walk', 12, 'consumer.fetched', 'consumer.inbox-written', 'consumer.effect-done', 'consumer.before-commit', 'consumer.committed', 'consumer.offset-stored'),
  ...kills('walk', 10, 'notifications.event-queued', 'delivery.leased', 'delivery.consent-checked', 'delivery.request-started', 'delivery.request-sent', 'delivery.answer-read', 'delivery.recorded'),
  ...kills('walk', 2, 'egress.before-connect', 'delivery.worker-beat', 'handshake.leased', 'heartbeat.leased', 'consent.services-compared'),
  ...kills('start', 3, 'migration.locked', 'migration.done', 'start.migrated', 'lease.taken', 'consumer.alive', 'consumer.partitions-claimed'),
  ...kills('start', 1, 'start.admin-dsn-written', 'audit.partitions-made', 'bootstrap.before-commit', 'bootstrap.committed', 'postgres.database-made'),
  ...kills('first-start', 1, 'postgres.initialised', 'postgres.data-placed', 'keys.file-made', 'directory.pathway-published', 'directory.pathway-version-stored', 'directory.pathway-versions-chained'),
  ...kills('first-start', 3, 'secret.drafted', 'secret.placed', 'keys.draft-written', 'issuer.client-registered', 'consumer.partitions-found'),
  ...kills('stop', 2, 'lease.released', 'consumer.partitions-released', 'consumer.left'),
  ...kills('stop', 1, 'delivery.worker-left'),
  ...kills('subscribe', 1, 'issuer.assertion-used', 'signing.secret-added', 'handshake.answered', 'subscription.status-set', 'subscription.handshake-settled', 'delivery.resumed'),
  ...kills('subscribe', 3, 'log.topic-made'),
  ...kills('heartbeat', 1, 'subscription.heartbeat-noted'),
  ...kills('end', 1, 'subscription.ended'),
  ...kills('busy-endpoint', 1, 'delivery.retry-scheduled'),
  ...kills('refusing-endpoint', 1, 'delivery.parked', 'delivery.keys-reopened', 'delivery.resend-queued'),
  ...kills('gone-endpoint', 1, 'subscription.disabled', 'delivery.subscription-stopped', 'delivery.endpoint-disabled'),
  ...kills('ask-for-events', 1, 'events.noted', 'events.audited'),
  ...kills('withdraw', 1, 'notifications.lanes-fenced', 'notifications.loss-queued'),
  ...kills('not-eligible', 1, 'referrals.refusal-counted'),
  ...kills('refuse-later', 1, 'consent.person-judged-again'),
  ...kills('message', 1, 'message.claimed', 'message.settled', 'notifications.message-queued', 'message-delivery.secret-made', 'message-delivery.postponed'),
  ...kills('message', 1, 'message-delivery.claimed', 'message-delivery.consent-checked', 'message-delivery.recorded', 'message-delivery.queued-again'),
  ...kills('park', 2, 'consumer.key-shut', 'consumer.parked', 'consumer.parking-committed', 'redrive.begun', 'redrive.progress-noted'),
  ...kills('park', 1, 'consumer.failure-noted', 'consumer.unparked', 'consumer.key-opened', 'consumer.redriven'),
  ...kills('park', 1, 'parking.discarded', 'parking.left-waiting', 'parking.key-shut-again', 'parking.restored', 'parking.blamed-again'),
]);

/** Crash points at which no run from outside kills, and why. */
const HOURLY = 'Reached once an hour, by a statement that only removes what is older than a week and is repeated an hour later.';

const OVER_KAFKA = 'only reached over Kafka, which no process of Baton uses yet: the library is tested by its own specs';

export const EXEMPT: Readonly<Record<string, string>> = {
  'kafka.sent': OVER_KAFKA,
  'kafka.taken': OVER_KAFKA,
  'kafka.position-committed': OVER_KAFKA,
  'log.trimmed': HOURLY,
  'inbox.trimmed': HOURLY,
  'delivery.lanes-swept': 'Reached once a minute, by a statement that only removes lanes in which nothing waits.',
  'delivery.lane-freed': 'Reached only when an event is queued in the instant in which its lane is given back; a lane that is held when its worker dies is taken over, as after delivery.leased.',
  'outbox.announced': 'Reached only where services run as processes of their own; a hint that is lost costs a second.',
  'issuer.client-suspended': 'No partner and no route leads here yet: an operator suspends a client by hand.',
  'keys.file-replaced': 'Reached only when keys are replaced by hand, while Baton does not run.',
  'referrals.unacknowledged-written': 'Due minutes after a referral at the earliest; it is one transaction like those killed at tx.* and write.*, and what is due is looked for again at each start.',
  'token-request.before-post': 'Lies in the program of a client that asks for a token, not in Baton.',
};

/** What runs with every test: points all along the path, killed at back to back on one home, so that each recovery happens under load. */
export const COMPACT: readonly Arm[] = [
  { point: 'http.authenticated', times: 25 },
  { point: 'write.before-statement', times: 8 },
  { point: 'write.statement-done', times: 10 },
  { point: 'tx.before-commit', times: 25 },
  { point: 'tx.committed', times: 30 },
  { point: 'relay.sent', times: 4 },
  { point: 'relay.acknowledged', times: 5 },
  { point: 'consumer.inbox-written', times: 5 },
  { point: 'consumer.committed', times: 6 },
  { point: 'consumer.offset-stored', times: 5 },
  { point: 'delivery.request-sent', times: 3 },
  { point: 'delivery.answer-read', times: 4 },
];
