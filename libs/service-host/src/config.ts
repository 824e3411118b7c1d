import { z } from 'zod';

/** A TCP port; 0 lets the system choose one. */
const port = z.string().regex(/^\d{1,5}$/, 'must be a port number, 0 to 65535').transform(Number).refine((number) => number <= 65_535, 'must be a port number, 0 to 65535');

/** What every service reads from the environment; a service adds its own by `extend`. */
export const HostConfig = z.object({
  BATON_PORT: port.default(8080),
  BATON_HOST: z.string().default('127.0.0.1'),
  /** Data, demo keys, secrets. */
  BATON_HOME: z.string().min(1).default('.baton'),
  /** As partners know it, where a proxy stands before Baton: `https://baton.example.nhs.uk`. */
  BATON_PUBLIC_URL: z.url().optional(),
  DATABASE_URL: z.string().min(1).optional(),
  KAFKA_BROKERS: z.string().min(1).optional(),
  BATON_EGRESS_ALLOW: z.string().optional(),
  BATON_PATHWAY: z.string().min(1).optional(),
  BATON_LOG_LEVEL: z.enum(['trace', 'debug', 'info', 'warn', 'error', 'silent']).default('info'),
  NODE_ENV: z.string().optional(),
});
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
