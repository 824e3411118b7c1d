import ipaddr from 'ipaddr.js';

/**
 * Where Baton may send anything to. Subscriptions and endpoints name addresses that partners chose: without these rules
 * they could make Baton knock on its own network (server-side request forgery).
 */
export interface EgressPolicy {
  /** Networks that are allowed although they are not public, with any port, and with plain http unless `httpsOnly`. */
  readonly allow: readonly Network[];
  /** Plain http nowhere, not even in allowed networks: production. */
  readonly httpsOnly: boolean;
}

interface Network {
  readonly address: ipaddr.IPv4 | ipaddr.IPv6;
  readonly prefix: number;
}

/** Why an address is refused; stable names, shown to the partner. */
export type EgressRule =
  | 'endpoint-not-a-url'
  | 'endpoint-scheme'
  | 'endpoint-not-https'
  | 'endpoint-credentials-in-url'
  | 'endpoint-port'
  | 'endpoint-address-not-public';

/** Ports of public addresses that are let through; what else listens on a port of a partner is not for Baton to talk to. */
const PUBLIC_PORTS = new Set([443, 8443]);

/** Public by range, and yet a cloud's inner service: Azure's WireServer. */
const NEVER_PUBLIC = new Set(['168.63.129.16']);

/**
 * Reads the policy from the environment.
 *
 * @param env `BATON_EGRESS_ALLOW`: CIDRs separated by commas or spaces; `NODE_ENV=production`: https only, and this
 *   machine's own addresses may not be allowed
 * @throws an error that names every entry that is wrong
 */
export function egressPolicy(env: { readonly BATON_EGRESS_ALLOW?: string | undefined; readonly NODE_ENV?: string | undefined }): EgressPolicy {
  const production = env.NODE_ENV === 'production';
  const allow: Network[] = [];
  const wrong: string[] = [];
  for (const entry of (env.BATON_EGRESS_ALLOW ?? '').split(/[\s,]+/).filter(Boolean)) {
    const network = readNetwork(entry);
    if (!network) wrong.push(`${entry} is not a CIDR such as 10.20.0.0/16`);
    else if (production && OWN_MACHINE.some((own) => overlap(own, network))) wrong.push(`${entry} holds addresses of this machine, which production refuses`);
    else allow.push(network);
  }
  if (wrong.length > 0) throw new Error(`BATON_EGRESS_ALLOW: ${wrong.join('; ')}`);
  return { allow, httpsOnly: production };
}

/**
 * Judges a URL as far as it can be without asking DNS.
 *
 * @returns the parsed URL (with its host in the one spelling that will be connected to), or the rule it breaks
 */
export function readEndpointUrl(text: string, policy: EgressPolicy): { readonly url: URL } | { readonly rule: EgressRule } {
  let url: URL;
  try {
    url = new URL(text);
  } catch {
    return { rule: 'endpoint-not-a-url' };
  }
  // The parser drops tabs and line breaks silently: an address that holds any was not meant as one.
  if (/[\s\0-\x1f\x7f\\]/.test(text)) return { rule: 'endpoint-not-a-url' };
  if (url.protocol !== 'https:' && url.protocol !== 'http:') return { rule: 'endpoint-scheme' };
  if (url.username || url.password) return { rule: 'endpoint-credentials-in-url' };
  if (url.protocol === 'http:' && (policy.httpsOnly || policy.allow.length === 0)) return { rule: 'endpoint-not-https' };
  const literal = literalAddress(url.hostname);
  if (literal) {
    const rule = judgeAddress(literal, targetOf(url), policy);
    if (rule) return { rule };
  }
  return { url };
}

/** What is connected to, beside the address itself. */
export interface Target {
  readonly secure: boolean;
  readonly port: number;
}

/** The target of a URL, default ports filled in. */
export const targetOf = (url: { readonly protocol: string; readonly port: string }): Target => {
  const secure = url.protocol === 'https:';
  return { secure, port: url.port ? Number(url.port) : secure ? 443 : 80 };
};

/**
 * Judges one resolved address: this is asked for the very address a socket connects to.
 *
 * @returns the broken rule, or undefined where Baton may connect
 */
export function judgeAddress(address: string, target: Target, policy: EgressPolicy): EgressRule | undefined {
  // The library reads the old form ::127.0.0.1 as if it were mapped, which no socket does: it leads nowhere good.
  if (!ipaddr.isValid(address) || /^::\d+\./.test(address)) return 'endpoint-address-not-public';
  const parsed = canonical(ipaddr.parse(address));
  if (policy.allow.some((network) => contains(network, parsed))) return target.secure || !policy.httpsOnly ? undefined : 'endpoint-not-https';
  // A mapped address is allowed by the IPv4 network that holds it, but public ones come as what they are.
  if (isMapped(address) || !isPublic(parsed)) return 'endpoint-address-not-public';
  if (!target.secure) return 'endpoint-not-https';
  return PUBLIC_PORTS.has(target.port) ? undefined : 'endpoint-port';
}

/** The address a URL's host is, if it is one and not a name. Accepts the brackets of IPv6. */
export function literalAddress(hostname: string): string | undefined {
  const bare = hostname.replace(/^\[|\]$/g, '');
  return ipaddr.isValid(bare) ? bare : undefined;
}

/** One address each of what `production` refuses to allow: loopback, unspecified, link-local with its metadata services. */
const OWN_MACHINE: readonly Network[] = ['127.0.0.0/8', '0.0.0.0/8', '169.254.0.0/16', '::1/128', '::/128', 'fe80::/10'].map((cidr) => readNetwork(cidr)!);

function readNetwork(text: string): Network | undefined {
  // Four decimal parts or colons: the library would also read 10/8, as 0.0.0.10/8.
  if (!/^(\d{1,3}(\.\d{1,3}){3}|[0-9a-fA-F.]*:[0-9a-fA-F.:]*)\/\d{1,3}$/.test(text)) return undefined;
  try {
    const [address, prefix] = ipaddr.parseCIDR(text);
    return { address, prefix };
  } catch {
    return undefined;
  }
}

const contains = ({ address, prefix }: Network, asked: ipaddr.IPv4 | ipaddr.IPv6): boolean => asked.kind() === address.kind() && asked.match(address, prefix);

const overlap = (a: Network, b: Network): boolean =>
  a.address.kind() === b.address.kind() && a.address.match(b.address, Math.min(a.prefix, b.prefix));

/** IPv4 in IPv6 clothes (`::ffff:127.0.0.1`, RFC 4291 §2.5.5.2) as IPv4: that is where a socket would go. */
function canonical(address: ipaddr.IPv4 | ipaddr.IPv6): ipaddr.IPv4 | ipaddr.IPv6 {
  return address instanceof ipaddr.IPv6 && address.match(MAPPED, 96) ? address.toIPv4Address() : address;
}

const MAPPED = ipaddr.parse('::ffff:0:0') as ipaddr.IPv6;

const isMapped = (address: string): boolean => ipaddr.parse(address).kind() === 'ipv6' && canonical(ipaddr.parse(address)).kind() === 'ipv4';

/** IPv6 outside 2000::/3 is not handed out, whatever a list of special ranges may have missed. */
const GLOBAL_IPV6 = ipaddr.parse('2000::') as ipaddr.IPv6;

function isPublic(address: ipaddr.IPv4 | ipaddr.IPv6): boolean {
  if (address.range() !== 'unicast' || NEVER_PUBLIC.has(address.toString())) return false;
  return address instanceof ipaddr.IPv4 || address.match(GLOBAL_IPV6, 3);
}
