import type { Audited } from '@baton/access';
import type { NewEvent } from '@baton/contracts';
import type { Resource } from '@baton/fhir';
import type { Caller } from '@baton/kernel';
import type { Fragment, Schema, Statement, Tx } from '@baton/postgres';
import type { Put } from './change.js';
import type { StoredRow } from './rows.js';

/** A resource about to be created: the id is settled, nothing is stored. */
export interface Draft {
  readonly id: string;
  /** What the caller sent, structurally valid; no id, version or time in it yet. */
  readonly resource: Resource;
}

/** A resource about to be changed: its present version is locked, and visible to the caller. */
export interface Amendment {
  readonly current: StoredRow;
  /** The present content. */
  readonly before: Resource;
  /** The content asked for, structurally valid. */
  readonly resource: Resource;
  readonly method: 'PUT' | 'PATCH';
}

/**
 * What a service's rules say of a write that they let pass: what is to be stored (possibly completed), and what follows
 * from it. A rule that stands against it throws `Refused`.
 */
export interface Ruling {
  /** The content to store; the resource that was sent if left out. */
  readonly resource?: Resource;
  /** The owner of a new resource; the caller if left out. */
  readonly owner?: string;
  /** Patient id, referral id: what the type's own functions read from the content if left out. */
  readonly patient?: string | null;
  readonly context?: string | null;
  /** Other resources that change with it (the Task of a ServiceRequest), complete; see `another`. */
  readonly also?: readonly Put[];
  /** Rows of the service's own tables, by a name unique in the statement. */
  readonly rows?: Readonly<Record<string, Fragment>>;
  readonly events?: readonly NewEvent[];
  /** Audit entries besides the one of the write itself. */
  readonly audit?: readonly Audited[];
  /** What another service does in the same transaction, once this is written (only where a composition root put it there). */
  readonly afterwards?: (tx: Tx) => Promise<void>;
  /** References that Baton set itself and that need not lead anywhere yet (`Type/id`). */
  readonly ownReferences?: readonly string[];
}

/**
 * What a service says of one FHIR type that it stores. The engine (`writes.ts`) does what is the same for all: locks,
 * versions, `If-Match`, references, visibility, history, index, audit. An interaction without a rule is answered 405.
 */
export interface TypeRules {
  readonly type: string;
  readonly schema: Schema;
  /** Patient id the content is about, for types that are about a young person. Default: none. */
  patientOf?(resource: Resource): string | undefined;
  /** ServiceRequest id it belongs to. Default: none. */
  contextOf?(resource: Resource): string | undefined;
  /** A lock taken before the resource's own, where several resources change together; `$1` is the resource's id. */
  readonly lockFirst?: Statement;
  /** Whether a caller that does not own the resource, but sees it, may change it (Task). Default: only the owner. */
  readonly othersMayChange?: boolean;
  /** Opens what is stored sealed, for the owner who is shown it (JSON text in, JSON text out). Default: shown as stored. */
  reveal?(body: string): string;
  create?(tx: Tx, caller: Caller, draft: Draft): Promise<Ruling>;
  update?(tx: Tx, caller: Caller, amendment: Amendment): Promise<Ruling>;
  remove?(tx: Tx, caller: Caller, current: StoredRow): Promise<Ruling>;
}
