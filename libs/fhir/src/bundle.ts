/** A resource to be sent: an object, or JSON text as it is stored, which is put in without being parsed. */
export type Content = object | string;

export interface OutgoingEntry {
  readonly fullUrl?: string;
  readonly resource?: Content;
  readonly search?: { readonly mode: 'match' | 'include' | 'outcome' };
  readonly request?: { readonly method: string; readonly url: string };
  readonly response?: { readonly status: string; readonly location?: string; readonly etag?: string; readonly lastModified?: string; readonly outcome?: object };
}

/** A Bundle to be sent; {@link renderBundle} writes it. */
export interface OutgoingBundle {
  readonly id?: string;
  readonly type: 'searchset' | 'history' | 'transaction-response' | 'batch-response' | 'collection' | 'message';
  /** Instant. */
  readonly timestamp?: string;
  /** Matches in all, of a searchset; versions in all, of a history. */
  readonly total?: number;
  readonly link?: readonly { readonly relation: string; readonly url: string }[];
  readonly entry: readonly OutgoingEntry[];
}

/** What became of one entry of a transaction or batch. */
export interface EntryAnswer {
  /** HTTP status. */
  readonly status: number;
  /** `Type/id/_history/n` */
  readonly location?: string;
  readonly version?: number;
  readonly lastModified?: Date;
  readonly resource?: Content;
  /** OperationOutcome of a refusal, or of `Prefer: return=OperationOutcome`. */
  readonly outcome?: object;
}

/** The answers to the entries of a transaction or batch, in the order in which the entries were sent. */
export function transactionResponse(type: 'transaction' | 'batch', answers: readonly EntryAnswer[]): OutgoingBundle {
  return { type: `${type}-response`, entry: answers.map(responseEntry) };
}

const responseEntry = ({ status, location, version, lastModified, resource, outcome }: EntryAnswer): OutgoingEntry => ({
  ...(resource === undefined ? {} : { resource }),
  response: {
    status: String(status),
    ...(location === undefined ? {} : { location }),
    ...(version === undefined ? {} : { etag: `W/"${version}"` }),
    ...(lastModified === undefined ? {} : { lastModified: lastModified.toISOString() }),
    ...(outcome === undefined ? {} : { outcome }),
  },
});

/** JSON of an object of these members; a string is JSON text already, undefined is left out. */
function objectOf(members: readonly (readonly [name: string, json: string | undefined])[]): string {
  return `{${members.flatMap(([name, json]) => (json === undefined ? [] : [`"${name}":${json}`])).join(',')}}`;
}

/** As JSON text; undefined stays. */
const json = (value: unknown): string | undefined => JSON.stringify(value);

const renderEntry = ({ fullUrl, resource, search, request, response }: OutgoingEntry): string =>
  objectOf([
    ['fullUrl', json(fullUrl)],
    ['resource', typeof resource === 'string' ? resource : json(resource)],
    ['search', json(search)],
    ['request', json(request)],
    ['response', json(response)],
  ]);

/** A Bundle as JSON text. Contents that are JSON text already are put in as they are; lists without items are left out, as FHIR wants it. */
export const renderBundle = ({ id, type, timestamp, total, link, entry }: OutgoingBundle): string =>
  objectOf([
    ['resourceType', '"Bundle"'],
    ['id', json(id)],
    ['type', json(type)],
    ['timestamp', json(timestamp)],
    ['total', json(total)],
    ['link', link && link.length > 0 ? json(link) : undefined],
    ['entry', entry.length > 0 ? `[${entry.map(renderEntry).join(',')}]` : undefined],
  ]);
