import type { Window } from './figures.js';

/** One request as it goes out; made before the clock runs. */
export interface Prepared {
  readonly method: 'GET' | 'POST' | 'PUT' | 'PATCH';
  /** From the root, with query. */
  readonly path: string;
  readonly body?: string;
  /** `application/fhir+json` if left out. */
  readonly contentType?: string;
}

/** Each connection sends its next request when the answer to its last is there. */
export interface ClosedLoop {
  readonly kind: 'requests';
  readonly address: string;
  readonly token: string;
  readonly connections: number;
  /** Ends then, or when every request was sent once (`again`: they begin anew). */
  readonly seconds: number;
  readonly requests: readonly Prepared[];
  readonly again?: boolean;
}

/** Opens a webhook receiver that checks signatures; the paced load notes what comes there. */
export interface Receive {
  readonly kind: 'receive';
  readonly secret: string;
}

/** Requests go out at a steady pace, whatever the answers take. */
export interface Paced {
  readonly kind: 'paced';
  readonly address: string;
  readonly token: string;
  readonly perSecond: number;
  readonly requests: readonly Prepared[];
}

/** A floor: the same work asked of PostgreSQL and of nothing else, one prepared statement at a time on each connection. */
export interface Floor {
  readonly kind: 'floor';
  readonly dsn: string;
  readonly connections: number;
  readonly seconds: number;
  readonly statement: { readonly name: string; readonly text: string };
  /** Parameters; `ID` in a text is replaced by a new id each time, in every place by the same. */
  readonly values: readonly unknown[];
  /** Where there are several, they take turns. */
  readonly keys?: readonly string[];
}

export type Job = ClosedLoop | Receive | Paced | Floor;

export interface RequestsDone extends Window {
  /** `Location` of the answers, in the order of the requests sent. */
  readonly locations: readonly string[];
}

export interface PacedDone {
  readonly posts: Window;
  /** From sending the POST until the webhook's body was there. */
  readonly arrival: Window;
  /** From the answer to the POST until then; negative when the webhook came first. */
  readonly afterAnswer: Window;
  /** Answered, and no webhook came within ten seconds. */
  readonly missing: number;
  readonly badSignatures: number;
}
