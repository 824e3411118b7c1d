import { makeAuditPartitions } from '@baton/access';
import { forgetOldKeys } from '@baton/fhir-store';
import { trimInbox, trimLog } from '@baton/messaging';
import type { Database } from '@baton/postgres';
import { errorFields } from './log.js';
import type { Host, Service } from './service.js';

const HOUR_MS = 3_600_000;
const LOG_KEPT_MS = 7 * 24 * HOUR_MS;
/** Longer than the log: a replay of all that is left must still find every event known. */
const INBOX_KEPT_MS = 14 * 24 * HOUR_MS;

/** Hourly: partitions of the audit to come, old log and inbox rows, old idempotency keys. */
export function everySoOften(placed: readonly { readonly service: Service; readonly host: Pick<Host, 'database' | 'log'> }[], audit: Database | undefined): { stop: () => void } {
  const once = async (): Promise<void> => {
    if (audit) await makeAuditPartitions(audit);
    for (const { service, host: { database } } of placed) {
      if (service.publishes) await trimLog(database, service.name, LOG_KEPT_MS, new Date());
      if (service.handlers) await trimInbox(database, service.name, INBOX_KEPT_MS);
      if (service.types.length > 0 || service.name === 'gateway') await database.transaction((tx) => forgetOldKeys(tx, service.name));
    }
  };
  const timer = setInterval(() => void once().catch((error: unknown) => placed[0]!.host.log.warn('housekeeping failed; it is tried again in an hour', errorFields(error))), HOUR_MS);
  timer.unref();
  return { stop: () => clearInterval(timer) };
}
