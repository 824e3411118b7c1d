import { readFileSync } from 'node:fs';
import { HostConfig, readConfig } from '@baton/service-host';
import { z } from 'zod';
import { groupsLacking, type ProxyOptions } from './proxy.js';

const RoutesFile = z.strictObject({
  routes: z.array(z.strictObject({ prefix: z.string().startsWith('/'), to: z.string().min(1) })),
  otherwise: z.string().min(1),
});
type RoutesFile = z.infer<typeof RoutesFile>;

const routes = z.string({ error: 'must be the path of a JSON file: {"routes": [{"prefix": "/fhir/R4/Task", "to": "referrals"}], "otherwise": "gateway"}' }).transform((file, context): RoutesFile => {
  const problem = (message: string): never => {
    context.addIssue({ code: 'custom', message });
    return z.NEVER;
  };
  let content: unknown;
  try {
    content = JSON.parse(readFileSync(file, 'utf8'));
  } catch (error) {
    return problem(`cannot be read as JSON: ${(error as NodeJS.ErrnoException).code ?? 'it is none'}`);
  }
  const read = RoutesFile.safeParse(content);
  return read.success ? read.data : problem(`the file is wrong: ${read.error.issues.map(({ path, message }) => `${path.join('.')}: ${message}`).join('; ')}`);
});

const FORM = 'must name groups and their instances: referrals=http://referrals-1:8080|http://referrals-2:8080,gateway=http://gateway:8080';

const upstreams = z.string({ error: FORM }).transform((text, context): Record<string, string[]> => {
  const groups = text.split(',').map((group) => /^\s*([\w-]+)=(\S+?)\s*$/.exec(group));
  const read = groups.flatMap((group) => (group ? [[group[1]!, group[2]!.split('|')] as const] : []));
  const proper = read.length === groups.length && new Set(read.map(([name]) => name)).size === read.length && read.every(([, addresses]) => addresses.every(isOrigin));
  if (!proper) context.addIssue({ code: 'custom', message: FORM });
  return Object.fromEntries(read.map(([name, addresses]) => [name, [...addresses]]));
});

/** `http://host:port` and nothing behind it. */
function isOrigin(address: string): boolean {
  if (!URL.canParse(address)) return false;
  const { protocol, origin } = new URL(address);
  return protocol === 'http:' && (address === origin || address === `${origin}:80`);
}

/** What the proxy reads from the environment. */
const { BATON_HOST, BATON_PORT, BATON_LOG_LEVEL } = HostConfig.shape;
const ProxyConfig = z
  .object({ BATON_HOST, BATON_PORT, BATON_LOG_LEVEL, BATON_ROUTES: routes, BATON_UPSTREAMS: upstreams })
  .superRefine(({ BATON_ROUTES, BATON_UPSTREAMS }, context) => {
    const lacking = groupsLacking(BATON_ROUTES.routes, BATON_ROUTES.otherwise, BATON_UPSTREAMS);
    if (lacking.length > 0) context.addIssue({ code: 'custom', path: ['BATON_UPSTREAMS'], message: `must name instances of ${lacking.join(', ')}, to which BATON_ROUTES leads` });
  });
export type ProxyConfig = z.infer<typeof ProxyConfig>;

/** @throws ConfigurationError naming every wrong variable */
export const proxyConfig = (env: Readonly<Record<string, string | undefined>>): ProxyConfig => readConfig(ProxyConfig, env);

export const optionsOf = ({ BATON_HOST, BATON_PORT, BATON_ROUTES, BATON_UPSTREAMS }: ProxyConfig): ProxyOptions => ({ host: BATON_HOST, port: BATON_PORT, ...BATON_ROUTES, upstreams: BATON_UPSTREAMS });
