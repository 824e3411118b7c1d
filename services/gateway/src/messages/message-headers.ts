import { parseStrict } from '@baton/fhir';
import { refuse, refuseIfAny, type Violation } from '@baton/kernel';
import { namedService, type NamedService } from './service-identifier.js';

/** HTTP headers by their names in lower case, as they came. */
export type MessageHttpHeaders = Readonly<Record<string, string | readonly string[] | undefined>>;

/** What the HTTP headers of a message say. */
export interface MessageHeaders {
  readonly requestId: string;
  readonly correlationId: string;
  /** `NHSD-Target-Identifier`: the service the message is for. */
  readonly target?: NamedService;
}

const UUID = /^[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}$/i;
const VERSION = /;\s*version="?(\d+)/i;

/** The major version of BaRS whose messages are read here. */
export const MAJOR_VERSION = 1;

const one = (headers: MessageHttpHeaders, name: string): string | undefined => {
  const value = headers[name];
  return typeof value === 'string' ? value : undefined;
};

const fault = (rule: string, says: string, at: string, code: string): Violation => ({ rule, says, at: [at], code });

/**
 * Reads the HTTP headers of a message (standards §3).
 *
 * @throws Refused `malformed` naming every header that is missing or cannot be read; `rule-broken` for a version that is not
 *   supported
 */
export function readMessageHeaders(headers: MessageHttpHeaders): MessageHeaders {
  const [requestId, correlationId] = [one(headers, 'x-request-id'), one(headers, 'x-correlation-id')];
  const target = targetOf(one(headers, 'nhsd-target-identifier'));
  refuseIfAny('malformed', [...idFaults('X-Request-Id', requestId), ...idFaults('X-Correlation-Id', correlationId), ...(target === 'unreadable' ? [TARGET_UNREADABLE] : [])]);
  for (const name of ['content-type', 'accept'] as const) {
    const asked = VERSION.exec(one(headers, name) ?? '')?.[1];
    if (asked !== undefined && Number(asked) !== MAJOR_VERSION) throw unsupportedVersion(name);
  }
  return { requestId: requestId!, correlationId: correlationId!, ...(target && target !== 'unreadable' ? { target } : {}) };
}

function idFaults(name: string, value: string | undefined): Violation[] {
  if (value === undefined || value === '') return [fault(`${name.toLowerCase()}-missing`, `The header ${name} is required: a UUID.`, name, 'required')];
  return UUID.test(value) ? [] : [fault(`${name.toLowerCase()}-malformed`, `The header ${name} must be a UUID.`, name, 'value')];
}

const TARGET_UNREADABLE = fault(
  'target-identifier-malformed',
  'NHSD-Target-Identifier is base64 of {"value": "…", "system": "https://fhir.nhs.uk/Id/dos-service-id"}.',
  'NHSD-Target-Identifier',
  'value',
);

function targetOf(header: string | undefined): NamedService | 'unreadable' | undefined {
  if (header === undefined) return undefined;
  if (!/^[A-Za-z0-9+/_-]+={0,2}$/.test(header)) return 'unreadable';
  try {
    const { system, value } = (parseStrict(Buffer.from(header, 'base64').toString('utf8')) ?? {}) as { system?: unknown; value?: unknown };
    return (typeof system === 'string' && typeof value === 'string' && namedService(system, value)) || 'unreadable';
  } catch {
    return 'unreadable';
  }
}

/** @param at where the version stands */
export const unsupportedVersion = (at: string) =>
  refuse('rule-broken', 'version-not-supported', `Messages of version ${MAJOR_VERSION}.x of the standard are read here.`, { at: [at], code: 'not-supported' });
