import { auditOf, type AuditInteraction } from '@baton/access';
import type { StoredRow } from '@baton/fhir-store';
import type { Caller } from '@baton/kernel';
import type { Host } from './service.js';

type Shown = Pick<StoredRow, 'type' | 'id' | 'version' | 'owner' | 'patient'>;

/**
 * Audits what is about to be shown: one entry per young person, and one for everything that is about nobody, so that an
 * empty search leaves its trace too. Resolves when the entries are stored: what was not audited is not shown.
 */
export async function recordDisclosure(host: Host, caller: Caller, interaction: AuditInteraction, rows: readonly Shown[], query?: string): Promise<void> {
  const byPatient = new Map<string | null, Shown[]>();
  for (const row of rows) {
    const group = byPatient.get(row.patient);
    if (group) group.push(row);
    else byPatient.set(row.patient, [row]);
  }
  if (byPatient.size === 0) byPatient.set(null, []);
  await host.audit.record(
    [...byPatient].map(([patient, shown]) =>
      auditOf(caller, {
        interaction,
        resources: shown.map((row) => `${row.type}/${row.id}/_history/${row.version}`),
        owners: [...new Set(shown.map((row) => row.owner))],
        ...(patient === null ? {} : { patient }),
        ...(query === undefined ? {} : { query }),
      }),
    ),
  );
}
