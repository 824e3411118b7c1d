import { z } from 'zod';
import { judgeKafka, kafkaVariables } from './kafka-variables.js';

/** A TCP port; 0 lets the system choose one. */
const port = z.string().regex(/^\d{1,5}$/, 'must be a port number, 0 to 65535').transform(Number).refine((number) => number <= 65_535, 'must be a port number, 0 to 65535');

/** The address of a PostgreSQL. */
export const postgresUrl = z.string().regex(/^postgres(?:ql)?:\/\//, 'must be the address of a PostgreSQL, e.g. postgres://user:password@host:5432/database');

/** What every service reads from the environment; a service adds its own by `extend`, or `safeExtend` where it asks more of one. */
export const HostConfig = z
  .object({
    BATON_PORT: port.default(8080),
    BATON_HOST: z.string().default('127.0.0.1'),
    /** Data, demo keys, secrets. */
    BATON_HOME: z.string().min(1).default('.baton'),
    /** As partners know it, where a proxy stands before Baton: `https://baton.example.nhs.uk`. */
    BATON_PUBLIC_URL: z.url({ protocol: /^https?$/, error: 'must be an address, e.g. https://baton.example.nhs.uk' }).optional(),
    DATABASE_URL: postgresUrl.optional(),
    ...kafkaVariables,
    BATON_EGRESS_ALLOW: z.string().optional(),
    BATON_PATHWAY: z.string().min(1).optional(),
    /** Asked to stop, it finishes what is in hand, but not for longer than so many seconds. A supervisor must wait longer before it kills. */
    BATON_DRAIN_SECONDS: z.string().regex(/^[1-9]\d{0,2}$/, 'must be whole seconds, 1 to 999').default('25').transform(Number),
    BATON_LOG_LEVEL: z.enum(['trace', 'debug', 'info', 'warn', 'error', 'silent']).default('info'),
    NODE_ENV: z.string().optional(),
  })
  // Whatever else is wrong, so that everything is said at once.
  .superRefine(judgeKafka, { when: () => true });
export type HostConfig = z.infer<typeof HostConfig>;

/** The environment does not fit; the message names every variable that is wrong and what it should be. */
export class ConfigurationError extends Error {
  override readonly name = 'ConfigurationError';
}

/** Reads configuration once. @throws ConfigurationError naming every wrong variable, never its value */
export function readConfig<Schema extends z.ZodType>(schema: Schema, env: Readonly<Record<string, string | undefined>>): z.infer<Schema> {
  const read = schema.safeParse(env);
  if (read.success) return read.data;
  throw new ConfigurationError(`Configuration is wrong:\n${read.error.issues.map((issue) => `  ${issue.path.join('.')}: ${issue.message}`).join('\n')}`);
}

/** What keeps a server from its address, in the words of the variable that names it; any other error as it is. */
export function listenError(error: unknown, { BATON_PORT, BATON_HOST }: Pick<HostConfig, 'BATON_PORT' | 'BATON_HOST'>): unknown {
  const { code = '' } = error as NodeJS.ErrnoException;
  if (code === 'EACCES') return new ConfigurationError(`BATON_PORT: this user has no right to port ${BATON_PORT}; take one from 1024 on, e.g. BATON_PORT=8080`);
  if (code === 'EADDRINUSE') return new ConfigurationError(`BATON_PORT: port ${BATON_PORT} is taken by another program. Stop it, or give Baton another one: BATON_PORT=…`);
  if (/^(?:ENOTFOUND|EAI_\w+|EADDRNOTAVAIL|EINVAL)$/.test(code)) return new ConfigurationError(`BATON_HOST: ${BATON_HOST} is no address of this machine (${code}); 127.0.0.1 listens to this machine alone, 0.0.0.0 to every network`);
  return error;
}
