/**
 * The life of a referral as data: which change leads from where to where, who may make it, and what it needs. It is the
 * closed loop of Gravity SDOHCC and BSeR: whatever happens, the referral ends in a state that the referrer learns of.
 */
export const TASK_STATUSES = ['requested', 'received', 'accepted', 'in-progress', 'on-hold', 'rejected', 'completed', 'failed', 'cancelled', 'entered-in-error'] as const;
export type TaskStatus = (typeof TASK_STATUSES)[number];

/** `creator`: who created the referral, which is its referrer · `baton`: Baton itself, because of a decision of consent. */
export type SetBy = 'referrer' | 'receiver' | 'creator' | 'baton';

export type Need = 'reason' | 'review-date' | 'contact' | 'outcome' | 'discharge-content' | 'sharing';

export const TRANSITION_NAMES = ['receive', 'accept', 'reject', 'start', 'put-on-hold', 'resume', 'complete', 'fail', 'cancel', 'cancel-by-baton', 'mark-in-error'] as const;
export type TransitionName = (typeof TRANSITION_NAMES)[number];

export interface Transition {
  readonly name: TransitionName;
  readonly from: readonly TaskStatus[];
  readonly to: TaskStatus;
  readonly by: SetBy;
  /** `sharing`: not while the referral is held for want of consent · `discharge-content`: what the pathway demands. */
  readonly needs: readonly Need[];
  /** The event it is announced by. */
  readonly event: string;
}

const OPEN = ['requested', 'received', 'accepted', 'in-progress', 'on-hold'] as const;
const NOT_IN_ERROR = TASK_STATUSES.filter((status) => status !== 'entered-in-error');

/** The state a referral begins in; set by the referrer, with a valid and eligible referral. */
export const FIRST: TaskStatus = 'requested';

export const TRANSITIONS: readonly Transition[] = [
  { name: 'receive', from: ['requested'], to: 'received', by: 'receiver', needs: ['sharing'], event: 'referral-received' },
  { name: 'accept', from: ['requested', 'received'], to: 'accepted', by: 'receiver', needs: ['sharing'], event: 'referral-accepted' },
  { name: 'reject', from: ['requested', 'received'], to: 'rejected', by: 'receiver', needs: ['sharing', 'reason'], event: 'referral-rejected' },
  { name: 'start', from: ['accepted'], to: 'in-progress', by: 'receiver', needs: ['contact'], event: 'referral-started' },
  { name: 'put-on-hold', from: ['accepted', 'in-progress'], to: 'on-hold', by: 'receiver', needs: ['reason', 'review-date'], event: 'referral-put-on-hold' },
  { name: 'resume', from: ['on-hold'], to: 'in-progress', by: 'receiver', needs: [], event: 'referral-resumed' },
  { name: 'complete', from: ['in-progress'], to: 'completed', by: 'receiver', needs: ['outcome', 'discharge-content'], event: 'referral-completed' },
  { name: 'fail', from: ['in-progress'], to: 'failed', by: 'receiver', needs: ['reason'], event: 'referral-failed' },
  { name: 'cancel', from: OPEN, to: 'cancelled', by: 'referrer', needs: ['reason'], event: 'referral-cancelled' },
  { name: 'cancel-by-baton', from: OPEN, to: 'cancelled', by: 'baton', needs: [], event: 'referral-cancelled' },
  { name: 'mark-in-error', from: NOT_IN_ERROR, to: 'entered-in-error', by: 'creator', needs: ['reason'], event: 'referral-marked-in-error' },
];

/** Open: somebody still has to do something. */
export const isOpen = (status: TaskStatus): boolean => (OPEN as readonly TaskStatus[]).includes(status);

/** ServiceRequest.status follows the Task's and nothing else. */
const SERVICE_REQUEST_STATUS: Readonly<Record<TaskStatus, ServiceRequestStatus>> = {
  requested: 'active',
  received: 'active',
  accepted: 'active',
  'in-progress': 'active',
  'on-hold': 'on-hold',
  rejected: 'revoked',
  failed: 'revoked',
  cancelled: 'revoked',
  completed: 'completed',
  'entered-in-error': 'entered-in-error',
};
export type ServiceRequestStatus = 'active' | 'on-hold' | 'revoked' | 'completed' | 'entered-in-error';

/** ServiceRequest.status of a referral whose Task has this status. */
export const serviceRequestStatus = (task: TaskStatus): ServiceRequestStatus => SERVICE_REQUEST_STATUS[task];

/** The transition of a name. */
export const transition = (name: TransitionName): Transition => TRANSITIONS.find((each) => each.name === name)!;

/** Transitions that lead out of a state. */
export const transitionsFrom = (status: TaskStatus): Transition[] => TRANSITIONS.filter((each) => each.from.includes(status));

/**
 * What a partner means by setting Task.status: the transition from the present status to the new one. Where two lead
 * there (`cancelled`), the one a partner may make.
 * @returns nothing when no such transition exists
 */
export const transitionTo = (from: TaskStatus, to: string): Transition | undefined => transitionsFrom(from).find((each) => each.to === to && each.by !== 'baton');

/**
 * The table's faults: states it does not know, states nothing leads to, open states without a way out, closed states
 * with one (but for entered-in-error), and pairs that two lines of the same party claim.
 */
export function tableFaults(table: readonly Transition[], first: TaskStatus = FIRST): string[] {
  const known = new Set<string>(TASK_STATUSES);
  const faults = table.flatMap((line) => [...line.from, line.to].filter((status) => !known.has(status)).map((status) => `${line.name}: unknown state ${status}`));
  const reached = new Set<string>([first]);
  for (let size = 0; size !== reached.size; ) {
    size = reached.size;
    table.filter((line) => line.from.some((status) => reached.has(status))).forEach((line) => reached.add(line.to));
  }
  for (const status of TASK_STATUSES) {
    const out = table.filter((line) => line.from.includes(status));
    if (!reached.has(status)) faults.push(`${status}: nothing leads there`);
    if (isOpen(status) && !out.some((line) => !isOpen(line.to))) faults.push(`${status}: it never ends`);
    if (!isOpen(status) && out.some((line) => line.to !== 'entered-in-error')) faults.push(`${status}: it is closed, yet goes on`);
  }
  const claimed = new Set<string>();
  for (const line of table) {
    for (const from of line.from) {
      const claim = `${from} to ${line.to} by ${line.by}`;
      if (claimed.has(claim)) faults.push(`${line.name}: ${claim} is there twice`);
      claimed.add(claim);
    }
  }
  return faults;
}

const faults = tableFaults(TRANSITIONS);
if (faults.length > 0) throw new Error(`The table of referral transitions is wrong: ${faults.join('; ')}`);
