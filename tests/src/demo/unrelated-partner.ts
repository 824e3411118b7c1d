import { randomUUID } from 'node:crypto';
import { setTimeout as sleep } from 'node:timers/promises';
import type { FhirResource } from 'fhir-kit-client';
import type { DemoPartner } from './partner-system.js';
import { playRole } from './role.js';

/** What a partner found that has nothing to do with the young person: each number but the first should be 0. */
export interface Sightings {
  readonly tries: { readonly reads: number; readonly histories: number; readonly searches: number };
  /** What it got all the same, as `what → answer`. */
  readonly seen: readonly string[];
  /** Answers to hidden ids that differ from those to ids that never existed. */
  readonly telling: readonly string[];
  /** How many notifications named the young person's ids. */
  readonly notified: number;
}

/** What it knows beforehand: more than it should, every id and the NHS number. */
export interface Knows {
  readonly references: readonly string[];
  readonly patient: string;
  readonly nhsNumber: string;
}

/** The unrelated partner: a good token, every id in hand, and nothing to see. It tries again and again until it is told to stop. */
const part = (partner: DemoPartner) => {
  const tries = { reads: 0, histories: 0, searches: 0 };
  const seen: string[] = [];
  const telling: string[] = [];
  const knows: { references: Set<string>; searches: { resourceType: string; searchParams: Record<string, string> }[] } = { references: new Set(), searches: [] };
  let watching: Promise<void> | undefined;
  let stopped = false;

  const withoutIds = ({ status, body }: { status: number; body: FhirResource }, id: string): string => `${status} ${JSON.stringify(body).replaceAll(id, '')}`;

  async function tryOne(reference: string): Promise<void> {
    const [resourceType = '', id = ''] = reference.split('/');
    const never = randomUUID();
    const read = await partner.look(reference);
    const history = await partner.statusOf(() => partner.client.history({ resourceType, id }));
    const nothing = await partner.look(`${resourceType}/${never}`);
    tries.reads++;
    tries.histories++;
    if (read.status !== 404) seen.push(`GET ${resourceType} → ${read.status}`);
    if (history.status !== 404) seen.push(`history of ${resourceType} → ${history.status}`);
    if (withoutIds(read, id) !== withoutIds(nothing, never)) telling.push(`GET ${resourceType}`);
  }

  async function search(resourceType: string, searchParams: Record<string, string>): Promise<void> {
    const { status, body } = await partner.statusOf(() => partner.client.search({ resourceType, searchParams }));
    tries.searches++;
    const { total, entry } = body as { total?: number; entry?: unknown[] };
    if (status !== 200 || total !== 0 || (entry ?? []).length > 0) seen.push(`search ${resourceType} by ${Object.keys(searchParams).join()} → ${status}, ${total}`);
  }

  async function round(): Promise<void> {
    for (const reference of knows.references) await tryOne(reference);
    for (const { resourceType, searchParams } of knows.searches) await search(resourceType, searchParams);
  }

  return {
    /** Learns ids, and begins to try at once. */
    async watch({ references, patient, nhsNumber }: Knows): Promise<void> {
      for (const reference of references) knows.references.add(reference);
      const byPatient = ['ServiceRequest', 'Task', 'Flag', 'Encounter', 'EpisodeOfCare', 'Consent'].map((resourceType) => ({ resourceType, searchParams: { patient } }));
      knows.searches = [{ resourceType: 'Patient', searchParams: { identifier: `https://fhir.nhs.uk/Id/nhs-number|${nhsNumber}` } }, ...byPatient];
      watching ??= (async () => {
        while (!stopped) {
          await round();
          await sleep(20);
        }
      })();
      // What went wrong is thrown by stop().
      watching.catch(() => undefined);
    },

    /** Tries everything once more, and says what was seen in all. */
    async stop(): Promise<Sightings> {
      stopped = true;
      await watching;
      if (watching) await round();
      const notified = partner.bodies().filter((body) => [...knows.references].some((reference) => body.includes(reference))).length;
      return { tries, seen: [...new Set(seen)], telling: [...new Set(telling)], notified };
    },
  };
};

export type UnrelatedPartner = ReturnType<typeof part>;

await playRole(part);
