import { deliveryPartnersOf, healthcareServiceId, Pathway, providerOf } from '@baton/contracts';
import { crashPoint, startOfLondonDay } from '@baton/kernel';
import { statement, type Reader, type Tx } from '@baton/postgres';

/** A pathway version that was loaded. */
export interface LoadedVersion {
  readonly pathway: Pathway;
  readonly digest: string;
}

/** A pathway version as it is listed. */
export interface ListedVersion {
  readonly id: string;
  readonly version: string;
  readonly title: string;
  readonly publisher: string;
  readonly in_force_from: Date;
  readonly in_force_until: Date | null;
  readonly in_force: boolean;
}

/** Lets one loader work at a time; the others wait and then find it done. */
export async function lockPathways(tx: Tx): Promise<void> {
  await tx.query(statement(`SELECT pg_advisory_xact_lock(hashtextextended('baton directory pathways', 0))`));
}

/** Every version that was ever loaded, its keys in the order of the format: jsonb keeps another. */
export async function loadedVersions(from: Reader): Promise<LoadedVersion[]> {
  const rows = await from.query<{ definition: unknown; digest: string }>(statement(`SELECT definition, digest FROM directory.pathway ORDER BY pathway, in_force_from`));
  return rows.map(({ definition, digest }) => ({ pathway: Pathway.parse(definition), digest }));
}

/** Stores a version with its services, recipients and partners, or what this Baton reads from it where that has changed. */
export async function storeVersion(tx: Tx, { pathway, digest }: LoadedVersion): Promise<void> {
  const { id, version } = pathway;
  await tx.query(
    statement(`INSERT INTO directory.pathway (pathway, version, in_force_from, digest, definition) VALUES ($1, $2, $3, $4, $5)
      ON CONFLICT (pathway, version) DO UPDATE SET definition = excluded.definition`),
    [id, version, startOfLondonDay(pathway.inForceFrom), digest, JSON.stringify(pathway)],
  );
  const services = pathway.services.map(({ id: key }) => key);
  await tx.query(
    statement(`INSERT INTO directory.pathway_service (pathway, version, service_key, service) SELECT $1, $2, * FROM unnest($3::text[], $4::text[]) ON CONFLICT DO NOTHING`),
    [id, version, services, services.map((key) => healthcareServiceId(id, key))],
  );
  const recipients = services.flatMap((key) => [
    { service: healthcareServiceId(id, key), partner: providerOf(pathway, key).id, role: 'provider' },
    ...deliveryPartnersOf(pathway, key).map((partner) => ({ service: healthcareServiceId(id, key), partner: partner.id, role: 'delivery' })),
  ]);
  await tx.query(
    statement(`INSERT INTO directory.recipient (pathway, version, service, partner, role) SELECT $1, $2, * FROM unnest($3::text[], $4::text[], $5::text[]) ON CONFLICT DO NOTHING`),
    [id, version, recipients.map((each) => each.service), recipients.map((each) => each.partner), recipients.map((each) => each.role)],
  );
  await tx.query(
    statement(`INSERT INTO directory.pathway_partner (pathway, version, partner, trusted_to_trace) SELECT $1, $2, * FROM unnest($3::text[], $4::bool[]) ON CONFLICT DO NOTHING`),
    [id, version, pathway.partners.map((partner) => partner.id), pathway.partners.map((partner) => partner.trustedToTrace)],
  );
  crashPoint('directory.pathway-version-stored');
}

/** A version is in force until the next one of its pathway is. */
export async function chainVersions(tx: Tx): Promise<void> {
  await tx.query(
    statement(`UPDATE directory.pathway p SET in_force_until = n.next
      FROM (SELECT pathway, version, lead(in_force_from) OVER (PARTITION BY pathway ORDER BY in_force_from) AS next FROM directory.pathway) n
      WHERE p.pathway = n.pathway AND p.version = n.version AND p.in_force_until IS DISTINCT FROM n.next`),
  );
  crashPoint('directory.pathway-versions-chained');
}

const IN_FORCE = `in_force_from <= statement_timestamp() AND (in_force_until IS NULL OR statement_timestamp() < in_force_until)`;

/** All versions of all pathways, newest first within each. */
export async function listVersions(from: Reader): Promise<ListedVersion[]> {
  return from.query<ListedVersion>(
    statement(`SELECT pathway AS id, version, definition ->> 'title' AS title, definition ->> 'publisher' AS publisher, in_force_from, in_force_until, ${IN_FORCE} AS in_force
      FROM directory.pathway ORDER BY pathway, in_force_from DESC`),
  );
}

/** A pathway as data. @param version the one in force if none is named */
export async function findPathway(from: Reader, id: string, version?: string): Promise<Pathway | undefined> {
  const [row] = await from.query<{ definition: Pathway }>(
    statement(`SELECT definition FROM directory.pathway WHERE pathway = $1 AND CASE WHEN $2::text IS NULL THEN ${IN_FORCE} ELSE version = $2 END`),
    [id, version ?? null],
  );
  return row?.definition;
}
