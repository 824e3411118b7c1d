import { IDENTIFIERS, type Pathway } from '@baton/contracts';
import { statement, type Reader, type Tx } from '@baton/postgres';

/** How a referral names the service it is for. */
export type NamedService = { readonly id: string } | { readonly dosServiceId: string };

/** A service by the pathway version that a referral to it is judged by. */
export interface ServiceInForce {
  /** HealthcareService id. */
  readonly service: string;
  readonly pathway: Pathway;
}

interface Row {
  service: string;
  pathway: string;
  version: string;
  definition: Pathway | null;
}

/**
 * Versions this process has read. A published version never changes, and parsing one costs more than a whole create; the
 * database sends a definition only to whom it is new.
 */
const read = new Map<string, Pathway>();
const READ_AT_MOST = 64;

/** In force at `$2`, or the next that will be. `$3`: versions known here. */
const FOUND = `SELECT p.service, p.pathway, p.version, CASE WHEN p.pathway || '|' || p.version = ANY($3::text[]) THEN NULL ELSE p.definition END AS definition
  FROM directory.pathway_v1 p`;
const IN_FORCE = `(p.in_force_until IS NULL OR $2::timestamptz < p.in_force_until) ORDER BY p.in_force_from LIMIT 1`;
const BY_ID = `${FOUND} WHERE p.service = $1 AND ${IN_FORCE}`;
const BY_DOS_ID = `${FOUND}
  WHERE EXISTS (SELECT FROM jsonb_array_elements(p.definition -> 'services') s WHERE s ->> 'id' = p.service_key AND s ->> 'dosServiceId' = $1) AND ${IN_FORCE}`;
const BY_VERSION = statement(`SELECT p.service, p.pathway, p.version, p.definition FROM directory.pathway_v1 p WHERE p.pathway = $1 AND p.version = $2 LIMIT 1`);

/**
 * The service a referral is for, by the pathway in force at an instant; where none is in force yet, by the next one
 * (which judging then refuses by name).
 * @returns nothing if no pathway has such a service
 */
export async function serviceInForce(from: Reader, named: NamedService, at: Date): Promise<ServiceInForce | undefined> {
  const [row] = await from.query<Row>(statement('id' in named ? BY_ID : BY_DOS_ID), foundBy(named, at));
  return row && { service: row.service, pathway: definitionOf(row) };
}

const foundBy = (named: NamedService, at: Date): unknown[] => ['id' in named ? named.id : named.dosServiceId, at, [...read.keys()]];

const withPerson = (found: string): string => `SELECT f.*, p.person,
    CASE WHEN f.service IS NOT NULL AND p.person IS NOT NULL THEN pg_advisory_xact_lock(hashtextextended('referral ' || $5 || ' ' || p.person || ' ' || f.service, 0)) END AS locked
  FROM (VALUES ($4::text)) AS asked(patient) LEFT JOIN directory.person_v1 p ON p.patient = asked.patient LEFT JOIN LATERAL (${found}) f ON true`;

/**
 * What a new referral begins with: the service by the pathway in force, and the person that the Patient is now. The place
 * of such a referral (referrer, person, service) is locked for the rest of the transaction: of two equal ones at once,
 * the second waits here and finds the first afterwards (`standing`).
 */
export async function intake(tx: Tx, named: NamedService, patient: string, referrer: string): Promise<{ found: ServiceInForce | undefined; person: string | undefined }> {
  const [row] = await tx.query<Partial<Row> & { service: string | null; person: string | null }>(
    statement(withPerson('id' in named ? BY_ID : BY_DOS_ID)),
    [...foundBy(named, tx.now), patient, referrer],
  );
  const found = row?.service ? { service: row.service, pathway: definitionOf(row as Row) } : undefined;
  if (found && (foundLast.has(nameOf(named)) || foundLast.size < READ_AT_MOST)) foundLast.set(nameOf(named), found);
  return { found, person: row?.person ?? undefined };
}

const foundLast = new Map<string, ServiceInForce>();

const nameOf = (named: NamedService): string => JSON.stringify(named);

/** What {@link intake} found last for this name: most likely what it will find now, so that more can be asked in the same flight. */
export const likelyInForce = (named: NamedService): ServiceInForce | undefined => foundLast.get(nameOf(named));

/** The pathway version a referral was judged by. @throws a defect if it is not there any more */
export async function pathwayOfVersion(from: Reader, { id, version }: { id: string; version: string }): Promise<Pathway> {
  const known = read.get(`${id}|${version}`);
  if (known) return known;
  const [row] = await from.query<Row>(BY_VERSION, [id, version]);
  if (!row) throw new Error(`Pathway ${id}|${version} is not published any more`);
  return definitionOf(row);
}

function definitionOf(row: Row): Pathway {
  const key = `${row.pathway}|${row.version}`;
  const pathway = row.definition ?? read.get(key);
  if (!pathway) throw new Error(`Pathway ${key} came without its definition`);
  if (row.definition && read.size < READ_AT_MOST) read.set(key, pathway);
  return pathway;
}

/** Identifier system of the Directory of Services, `http` being read as `https` (standards §5). */
export const isDosSystem = (system: string | undefined): boolean => system?.replace(/^http:/, 'https:') === IDENTIFIERS.dosService;
