import type { NewEvent } from '@baton/contracts';
import type { Audited } from '@baton/access';
import type { Fragment, Tx } from '@baton/postgres';

/** A new version of a resource, ready to be written. */
export interface Put {
  readonly type: string;
  readonly id: string;
  /** The version it becomes: 1 for a new resource, the present one + 1 otherwise. */
  readonly version: number;
  readonly owner: string;
  readonly patient: string | null;
  readonly category: string;
  readonly context: string | null;
  readonly lastUpdated: Date;
  readonly method: 'POST' | 'PUT' | 'PATCH' | 'DELETE';
  /** The resource as it will be served, id and meta included. */
  readonly resource: Readonly<Record<string, unknown>> & { readonly resourceType: string };
  /** The version it replaces, whose index entries go. */
  readonly replaces?: Readonly<Record<string, unknown>> & { readonly resourceType: string };
}

/** Places that must be visible to the caller at the very moment of writing. */
export interface Guards {
  /** The resource that is changed, where the caller is not its owner: hidden → the answer for what never was. */
  readonly target?: string;
  /** References of the new content: hidden or missing → one and the same refusal. `Type/id` → where it stands. */
  readonly references: ReadonlyMap<string, string>;
}

/**
 * What a command decided: everything that is to be stored and announced, together, so that the two cannot drift apart.
 * A command returns it and writes nothing; `unit-of-work` writes it.
 */
export interface Change<Answer> {
  readonly puts: readonly Put[];
  /** Rows of the service's own tables, as INSERT, UPDATE or DELETE without a snapshot of the rows above. */
  readonly rows?: Readonly<Record<string, Fragment>>;
  readonly events: readonly NewEvent[];
  readonly audit: readonly Audited[];
  readonly guards?: Guards;
  /** What another service does in the same transaction, once this is written. */
  readonly afterwards?: ((tx: Tx) => Promise<void>) | undefined;
  readonly answer: Answer;
}

/** What the caller is told of a resource that was written or found. */
export interface ResourceAnswer {
  readonly outcome: 'created' | 'updated' | 'unchanged' | 'deleted';
  readonly type: string;
  readonly id: string;
  readonly version: number;
  readonly lastUpdated: Date;
  /** JSON text of the resource; empty for a deletion. */
  readonly body: string;
}
