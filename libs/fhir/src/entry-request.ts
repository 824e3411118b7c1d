import type { Violation } from '@baton/kernel';
import { parseReference } from './reference.js';
import { isResource, type Resource } from './types.js';

export type Interaction = 'create' | 'update' | 'patch' | 'delete' | 'read' | 'vread' | 'history' | 'search' | 'operation';

/** What one entry of a batch or transaction asks for. */
export interface EntryRequest {
  /** Its position in the Bundle, from 0. */
  readonly place: number;
  readonly interaction: Interaction;
  readonly method: 'GET' | 'HEAD' | 'POST' | 'PUT' | 'PATCH' | 'DELETE';
  /** Resource type; empty at system level (`?_id=1`, `$process-message`). */
  readonly type: string;
  readonly id?: string;
  readonly version?: string;
  /** Of a search, and of a conditional update, patch or delete: without the question mark. */
  readonly query?: string;
  /** Name of an operation, with its `$`. */
  readonly operation?: string;
  readonly fullUrl?: string;
  readonly resource?: Resource;
  readonly ifMatch?: string;
  readonly ifNoneMatch?: string;
  readonly ifModifiedSince?: string;
  readonly ifNoneExist?: string;
}

const URL_FORM = /^(?:([A-Z][A-Za-z]{1,63})(?:\/(?!_)([A-Za-z0-9\-.]{1,64}))?)?(?:\/?(_history)(?:\/([A-Za-z0-9\-.]{1,64}))?|\/?(_search)|\/?(\$[a-z][a-z-]*))?(?:\?(.*))?$/s;
const METHODS: ReadonlySet<string> = new Set(['GET', 'HEAD', 'POST', 'PUT', 'PATCH', 'DELETE']);
const WITH_RESOURCE: ReadonlySet<string> = new Set<Interaction>(['create', 'update', 'patch']);

interface Target {
  readonly type: string;
  readonly id: string | undefined;
  readonly history: boolean;
  readonly version: string | undefined;
  readonly search: boolean;
  readonly operation: string | undefined;
  readonly query: string | undefined;
}

/** `request.url`: relative to our base, or absolute under it. */
function targetOf(url: string, base: string | undefined): Target | undefined {
  const relative = base !== undefined && url.startsWith(`${base}/`) ? url.slice(base.length + 1) : url.replace(/^\//, '');
  const match = URL_FORM.exec(relative);
  if (!match || relative === '') return undefined;
  const [, type = '', id, history, version, search, operation, query] = match;
  return { type, id, history: history !== undefined, version, search: search !== undefined, operation, query: query === '' ? undefined : query };
}

/** The interaction a method and a URL make together (R4 §3.1.0.0); undefined if they make none. */
function interactionOf(method: string, { type, id, history, version, search, operation, query }: Target): Interaction | undefined {
  if (operation !== undefined) return method === 'GET' || method === 'POST' ? 'operation' : undefined;
  const single = type !== '' && !history && !search;
  if (method === 'POST') return search ? 'search' : single && id === undefined && query === undefined ? 'create' : undefined;
  if (method === 'GET' || method === 'HEAD') return search ? undefined : version !== undefined ? (id === undefined ? undefined : 'vread') : history ? 'history' : id === undefined ? 'search' : 'read';
  // Without an id it is conditional, and a condition is needed.
  if (!single || (id === undefined) === (query === undefined)) return undefined;
  return method === 'PUT' ? 'update' : method === 'PATCH' ? 'patch' : 'delete';
}

const fault = (rule: string, says: string, at: string, code = 'structure'): Violation => ({ rule, says, at: [at], code });
const text = (value: unknown): string | undefined => (typeof value === 'string' && value !== '' ? value : undefined);
const isObject = (value: unknown): value is Record<string, unknown> => typeof value === 'object' && value !== null && !Array.isArray(value);

/**
 * Reads one entry of a batch or transaction.
 *
 * @param entry a member of `Bundle.entry`, parsed JSON
 * @param place its position
 * @param base our own base URL: `request.url` may be absolute under it
 * @returns what it asks for, or everything that is wrong with its shape; its resource is not validated
 */
export function readEntry(entry: unknown, place: number, base?: string): EntryRequest | Violation[] {
  const at = `Bundle.entry[${place}]`;
  const request = isObject(entry) ? entry['request'] : undefined;
  if (!isObject(entry) || !isObject(request)) return [fault('entry-without-request', 'Every entry of a batch or transaction has a request.', `${at}.request`, 'required')];
  const method = text(request['method']);
  const url = text(request['url']);
  if (method === undefined || !METHODS.has(method)) return [fault('entry-method', 'A request has a method: GET, HEAD, POST, PUT, PATCH or DELETE.', `${at}.request.method`, 'value')];
  const target = url === undefined ? undefined : targetOf(url, base);
  const interaction = target && interactionOf(method, target);
  if (!target || !interaction) return [fault('entry-url', 'The url of a request, relative to the base, fits its method: Type, Type/id or Type?condition.', `${at}.request.url`, 'value')];
  const faults = resourceFaults(entry, interaction, target, at);
  if (faults.length > 0) return faults;
  const optional = { id: target.id, version: target.version, query: target.query, operation: target.operation, fullUrl: text(entry['fullUrl']) };
  const conditions = { ifMatch: text(request['ifMatch']), ifNoneMatch: text(request['ifNoneMatch']), ifModifiedSince: text(request['ifModifiedSince']), ifNoneExist: text(request['ifNoneExist']) };
  const given = Object.fromEntries(Object.entries({ ...optional, ...conditions }).filter(([, value]) => value !== undefined));
  return { place, interaction, method: method as EntryRequest['method'], type: target.type, ...given, ...(isResource(entry['resource']) ? { resource: entry['resource'] } : {}) };
}

function resourceFaults(entry: Record<string, unknown>, interaction: Interaction, { type, id }: Target, at: string): Violation[] {
  const resource = entry['resource'];
  const faults: Violation[] = [];
  if (resource !== undefined && !isResource(resource)) return [fault('not-a-resource', 'A resource is a JSON object that says its resourceType.', `${at}.resource`)];
  if (WITH_RESOURCE.has(interaction) && resource === undefined) faults.push(fault('entry-without-resource', 'What is created or changed has a resource.', `${at}.resource`, 'required'));
  if (!WITH_RESOURCE.has(interaction) && interaction !== 'operation' && resource !== undefined) faults.push(fault('entry-with-resource', 'This request has no resource.', `${at}.resource`));
  if (resource !== undefined && (interaction === 'create' || interaction === 'update')) {
    if (resource.resourceType !== type) faults.push(fault('wrong-resource-type', 'The type of the resource is that of the url.', `${at}.resource.resourceType`, 'invalid'));
    if (interaction === 'update' && id !== undefined && resource.id !== id) faults.push(fault('wrong-id', 'The id of the resource is that of the url.', `${at}.resource.id`, 'invalid'));
  }
  const fullUrl = entry['fullUrl'];
  if (fullUrl !== undefined && !isFullUrl(fullUrl)) faults.push(fault('entry-full-url', 'A fullUrl is an absolute URL, urn:uuid or urn:oid.', `${at}.fullUrl`, 'value'));
  return faults;
}

function isFullUrl(value: unknown): boolean {
  const kind = typeof value === 'string' ? parseReference(value)?.kind : undefined;
  return kind === 'absolute' || kind === 'urn';
}
