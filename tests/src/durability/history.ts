/**
 * What a run left behind, seen from outside: what the partners were answered, what the public API shows afterwards, what their webhook
 * receivers wrote down; and what the audit says of it, which nobody but the administrator may read. {@link check} judges it.
 */

/** One version of one resource. */
export interface Change {
  /** `Task/1`. */
  readonly reference: string;
  readonly version: number;
  /** Of the resource as the partner was shown it; missing where the answer showed another version or none. */
  readonly digest?: string;
}

/** What Baton has to tell because of a request: once to each of these subscriptions. */
export interface Announcement {
  /** What it is about: `ServiceRequest/1`. */
  readonly focus: string;
  /** CloudEvents types that tell it: one of them at least, each at most once. (That somebody may see a referral now is told by the event of the referral or by that of the sharing.) */
  readonly events: readonly string[];
  /** The young person, as `Patient/1`: whatever concerns one comes in order. */
  readonly person: string;
  /** Names of the subscriptions that may know. */
  readonly to: readonly string[];
  /** It says no more than "this exists": needless where something newer about the focus was told. */
  readonly introduces: boolean;
}

/** One request of a partner, repeated under the same Idempotency-Key until it was answered, and sometimes beyond. */
export interface Asked {
  readonly key: string;
  readonly partner: string;
  readonly method: string;
  /** For the reader: "accept", "amend". */
  readonly what: string;
  /** Times it was sent; some of them were answered. */
  readonly sent: number;
  readonly answers: readonly Answer[];
  /** Follows from the first answer of success. */
  readonly announces: readonly Announcement[];
}

/** An answer that came as a whole. */
export interface Answer {
  /** Milliseconds since the epoch. */
  readonly at: number;
  readonly status: number;
  /** Versions it says were stored. */
  readonly changes: readonly Change[];
}

/** A resource as its history shows it in the end. */
export interface Shown {
  readonly reference: string;
  /** Oldest first. */
  readonly versions: readonly { readonly version: number; readonly digest: string }[];
  /** Made by Baton itself because of something else (a Task, an EpisodeOfCare). */
  readonly byBaton: boolean;
}

/** A subscription in the end. */
export interface Subscriber {
  readonly name: string;
  readonly partner: string;
  /** `events-since-subscription-start`. */
  readonly total: number;
}

/** A numbered event as the partner's own list of deliveries has it. */
export interface Listed {
  readonly subscription: string;
  readonly number: number;
  readonly webhookId: string;
  readonly focus?: string;
  /** CloudEvents type. */
  readonly event: string;
  readonly kind: string;
  /** When what it tells happened; the same for one event however often it is handled. */
  readonly occurred: string;
  readonly state: string;
}

/** One webhook, as a receiver wrote it down before it answered. */
export interface Arrived {
  readonly subscription: string;
  readonly at: number;
  readonly webhookId: string;
  readonly number: number;
  readonly focus?: string;
  /** Version of each resource it named. */
  readonly versions: Readonly<Record<string, number>>;
  readonly signed: boolean;
}

/** One read or search that was answered with success. */
export interface Seen {
  readonly requestId: string;
  readonly partner: string;
  /** Whose data the answer held: `Patient/1` each; none, where it found nothing. */
  readonly patients: readonly string[];
}

/** One entry of the audit, as the administrator finds it. */
export interface Audited {
  readonly partner: string;
  readonly interaction: string;
  /** `Patient/1`. */
  readonly patient?: string;
  readonly resources: readonly string[];
  /** Of the request; for a delivery the id of its webhook. */
  readonly requestId: string;
}

/** How often an event was about to be sent with something named in it, as Baton noted it. */
export interface Attempted {
  readonly webhookId: string;
  readonly attempts: number;
}

export interface History {
  readonly asked: readonly Asked[];
  readonly seen: readonly Seen[];
  /** How often Baton itself may ask for a read that came once: a proxy asks another process where one broke off. */
  readonly readsAtMost: number;
  readonly audited: readonly Audited[];
  readonly attempted: readonly Attempted[];
  /** Everything the partners can find, not only what they were told of. */
  readonly shown: readonly Shown[];
  readonly subscribers: readonly Subscriber[];
  readonly listed: readonly Listed[];
  /** In the order in which each receiver wrote them. */
  readonly arrived: readonly Arrived[];
  /** What is 0 when nothing is left to do: gauges of /metrics, by name and labels, and rows of projections that differ when they are derived again. */
  readonly rest: Readonly<Record<string, number>>;
}

/** An answer of success: what it says is promised to be there. */
export const isAcknowledged = ({ status }: Answer): boolean => status >= 200 && status < 300;

/** The changes a partner was promised by its request. */
export const acknowledgedChanges = ({ answers }: Asked): readonly Change[] => answers.find(isAcknowledged)?.changes ?? [];
