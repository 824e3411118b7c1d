import { administering } from './administering.js';
import type { Attempted, Audited } from './history.js';

const ENTRIES = `SELECT partner, interaction, 'Patient/' || patient AS patient, resources, request_id AS "requestId" FROM audit.entry
  WHERE outcome = 'success' AND interaction IN ('create', 'update', 'patch', 'delete', 'read', 'vread', 'search', 'history', 'deliver') ORDER BY recorded_at`;

const ATTEMPTS = `SELECT 'msg_' || e.id AS "webhookId", count(*)::int AS attempts FROM notifications.attempt a JOIN notifications.event e USING (subscription, number)
  WHERE a.named <> '{}' GROUP BY e.id`;

/** What the audit of a home says, and how often deliveries were attempted, read as its administrator. */
export const auditOf = (home: string): Promise<{ audited: Audited[]; attempted: Attempted[] }> =>
  administering(home, async ({ admin }) => {
    const entries = await admin<Omit<Audited, 'patient'> & { patient: string | null }>(ENTRIES);
    const attempted = await admin<Attempted>(ATTEMPTS);
    return { audited: entries.map(({ patient, ...entry }) => ({ ...entry, ...(patient === null ? {} : { patient }) })), attempted };
  });
