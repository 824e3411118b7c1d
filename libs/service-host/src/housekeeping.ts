import { makeAuditPartitions } from '@baton/access';
import { forgetOldKeys } from '@baton/fhir-store';
import { trimInbox, trimLog } from '@baton/messaging';
import type { Database } from '@baton/postgres';
import { errorFields, type Log } from './log.js';
import type { Service } from './service.js';

const HOUR_MS = 3_600_000;
const LOG_KEPT_MS = 7 * 24 * HOUR_MS;
/** Longer than the log: a replay of all that is left must still find every event known. */
const INBOX_KEPT_MS = 14 * 24 * HOUR_MS;

/** Hourly: partitions of the audit to come, old log and inbox rows, old idempotency keys. */
export function everySoOften(log: Log, databases: readonly Database[], audit: Database, services: readonly Service[]): { stop: () => void } {
  const once = async (): Promise<void> => {
    await makeAuditPartitions(audit);
    for (const [i, service] of services.entries()) {
      const database = databases[i]!;
      if (service.publishes) await trimLog(database, service.name, LOG_KEPT_MS, new Date());
      if (service.handlers) await trimInbox(database, service.name, INBOX_KEPT_MS);
      if (service.types.length > 0 || service.name === 'gateway') await database.transaction((tx) => forgetOldKeys(tx, service.name));
    }
  };
  const timer = setInterval(() => void once().catch((error: unknown) => log.warn('housekeeping failed; it is tried again in an hour', errorFields(error))), HOUR_MS);
  timer.unref();
  return { stop: () => clearInterval(timer) };
}
