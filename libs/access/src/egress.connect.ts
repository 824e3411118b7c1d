import { lookup as dnsLookup, type LookupAddress, type LookupOptions } from 'node:dns';
import type { LookupFunction } from 'node:net';
import { crashPoint, type Violation } from '@baton/kernel';
import { buildConnector } from 'undici';
import { judgeAddress, literalAddress, readEndpointUrl, targetOf, type EgressPolicy, type EgressRule, type Target } from './egress.js';

/** Turns a name into addresses; node's own by default. */
export type Resolve = (hostname: string, options: LookupOptions & { all: true }, done: (error: Error | null, addresses: LookupAddress[]) => void) => void;

/** A connection that the egress policy does not allow. It was not made: no byte was sent. */
export class EgressRefused extends Error {
  override readonly name = 'EgressRefused';
  readonly code = 'BATON_EGRESS_REFUSED';

  constructor(readonly rule: EgressRule) {
    super(SAYS[rule]);
  }
}

/**
 * The `connect` option of an undici Pool or Client that keeps the policy at connect time: the addresses a name resolves
 * to are judged, and the socket goes to one of those judged, so that a name that resolves differently the second time
 * gains nothing. A refusal comes as {@link EgressRefused}.
 *
 * @param timeoutMs for DNS, connecting and the TLS handshake together
 */
export function guardedConnector(policy: EgressPolicy, options: { timeoutMs?: number; resolve?: Resolve; ca?: string } = {}): buildConnector.connector {
  const connectorFor = (target: Target): buildConnector.connector =>
    buildConnector({
      timeout: options.timeoutMs ?? 5_000,
      lookup: guardedLookup(policy, target, options.resolve),
      ...(options.ca === undefined ? {} : { ca: options.ca }),
    });
  const connectors = new Map<string, buildConnector.connector>();
  return (to, callback) => {
    const target = targetOf(to);
    // Sockets never look literal addresses up: they are judged here.
    const literal = literalAddress(to.hostname);
    const rule = to.socketPath ? 'endpoint-address-not-public' : literal && judgeAddress(literal, target, policy);
    if (rule) return void callback(new EgressRefused(rule), null);
    const key = `${target.secure}:${target.port}`;
    const connect = connectors.get(key) ?? connectorFor(target);
    connectors.set(key, connect);
    crashPoint('egress.before-connect');
    connect(to, callback);
  };
}

/** A `lookup` for node's sockets that answers only with addresses Baton may connect to. */
export function guardedLookup(policy: EgressPolicy, target: Target, resolve: Resolve = dnsLookup): LookupFunction {
  return (hostname, options, callback) => {
    resolve(hostname, { ...options, all: true }, (error, addresses) => {
      if (error) return void callback(error, '', 0);
      const [first, ...more] = addresses.map(({ address }) => judgeAddress(address, target, policy));
      const allowed = addresses.filter(({ address }) => judgeAddress(address, target, policy) === undefined);
      if (allowed.length === 0) return void callback(new EgressRefused(first ?? more[0] ?? 'endpoint-address-not-public'), '', 0);
      if (options.all) callback(null, allowed);
      else callback(null, allowed[0]!.address, allowed[0]!.family);
    });
  };
}

/**
 * Judges an endpoint when a partner registers it. A name that does not resolve now is let through where it is https:
 * the handshake will tell, and each connection is judged anew.
 *
 * @param at FHIR path for the violation (`Subscription.channel.endpoint`)
 * @returns the broken rules, none where the endpoint may be registered
 */
export async function checkEndpointUrl(text: string, policy: EgressPolicy, more: { at?: string; resolve?: Resolve; timeoutMs?: number } = {}): Promise<Violation[]> {
  const broken = (rule: EgressRule): Violation[] => [{ rule, says: SAYS[rule], ...(more.at === undefined ? {} : { at: [more.at] }) }];
  const read = readEndpointUrl(text, policy);
  if ('rule' in read) return broken(read.rule);
  const target = targetOf(read.url);
  if (literalAddress(read.url.hostname)) return [];
  const addresses = await resolveWithin(read.url.hostname, more.resolve ?? dnsLookup, more.timeoutMs ?? 2_000);
  const rules = addresses.map(({ address }) => judgeAddress(address, target, policy));
  if (rules.length === 0) return target.secure ? [] : broken('endpoint-not-https');
  return rules.includes(undefined) ? [] : broken(rules[0]!);
}

function resolveWithin(hostname: string, resolve: Resolve, timeoutMs: number): Promise<LookupAddress[]> {
  return new Promise((done) => {
    const timer = setTimeout(() => done([]), timeoutMs);
    resolve(hostname, { all: true }, (error, addresses) => {
      clearTimeout(timer);
      done(error ? [] : addresses);
    });
  });
}

const SAYS: Record<EgressRule, string> = {
  'endpoint-not-a-url': 'The endpoint is not an absolute URL.',
  'endpoint-scheme': 'The endpoint must be an https URL.',
  'endpoint-not-https': 'The endpoint must use https; plain http is only for networks that the operator allows.',
  'endpoint-credentials-in-url': 'The endpoint must not carry a user name or password; use a header.',
  'endpoint-port': 'The endpoint must use port 443 or 8443.',
  'endpoint-address-not-public': 'The endpoint must be reachable at a public address.',
};
