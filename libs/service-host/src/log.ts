import { pino } from 'pino';

/**
 * Log lines are JSON, and hold what is on this list and nothing else: fields are added here on purpose, so that nothing
 * personal gets into a log by being passed along. Texts are constants of the code.
 */
export interface LogFields {
  readonly service?: string;
  readonly requestId?: string;
  readonly correlationId?: string;
  readonly partner?: string;
  readonly method?: string;
  /** Route pattern, never the URL: a URL may hold a search. */
  readonly route?: string;
  readonly status?: number;
  readonly ms?: number;
  readonly event?: string;
  readonly key?: string;
  readonly version?: number;
  readonly count?: number;
  readonly rule?: string;
  /** Name of an error class and SQLSTATE; never its message, which may quote values. Why PostgreSQL does not start is its own line. */
  readonly error?: string;
  readonly at?: string;
  readonly address?: string;
  readonly pid?: number;
}

const ALLOWED: readonly (keyof LogFields)[] = ['service', 'requestId', 'correlationId', 'partner', 'method', 'route', 'status', 'ms', 'event', 'key', 'version', 'count', 'rule', 'error', 'at', 'address', 'pid'];

export interface Log {
  info(text: string, fields?: LogFields): void;
  warn(text: string, fields?: LogFields): void;
  error(text: string, fields?: LogFields): void;
}

/** @param service name that every line carries @param level pino level, `info` by default */
export function openLog(service: string, level = 'info', to?: NodeJS.WritableStream): Log {
  const logger = pino({ level, base: { service }, timestamp: pino.stdTimeFunctions.isoTime, formatters: { level: (label) => ({ level: label }) } }, to ?? pino.destination({ dest: 1, sync: false }));
  const only = (fields: LogFields = {}): Record<string, unknown> => Object.fromEntries(ALLOWED.filter((name) => fields[name] !== undefined).map((name) => [name, fields[name]]));
  return {
    info: (text, fields) => logger.info(only(fields), text),
    warn: (text, fields) => logger.warn(only(fields), text),
    error: (text, fields) => logger.error(only(fields), text),
  };
}

/** What a log may say of an error: its class and, from PostgreSQL, the SQLSTATE; and where in our code it was thrown. */
export function errorFields(error: unknown): Pick<LogFields, 'error' | 'at'> {
  if (!(error instanceof Error)) return { error: typeof error };
  const code = (error as { code?: unknown }).code;
  const at = /\/(?:libs|services|infra)\/[^\s)]+/.exec(error.stack ?? '')?.[0];
  return { error: `${error.name}${typeof code === 'string' ? ` ${code}` : ''}`, ...(at === undefined ? {} : { at }) };
}
