import type { FhirResource } from 'fhir-kit-client';
import type { DemoPartner, Told } from './partner-system.js';
import { playRole } from './role.js';

/** The charity: it is told of a referral, reads it, takes it on, meets the young person, and loses access when consent goes. */
const part = (partner: DemoPartner) => ({
  /** Waits until it is told of the referral. */
  notified: async (referral: string): Promise<Told> => partner.waitFor(({ focus, lost }) => focus === referral && lost.length === 0),

  /** Reads resources (`Type/id`), one after the other. */
  async read(references: readonly string[]): Promise<{ at: number; status: number; body: FhirResource }[]> {
    const answers: { at: number; status: number; body: FhirResource }[] = [];
    for (const reference of references) answers.push({ ...(await partner.look(reference)), at: Date.now() });
    return answers;
  },

  /** The history of a resource. */
  async history(reference: string): Promise<number> {
    const [resourceType = '', id = ''] = reference.split('/');
    return (await partner.statusOf(() => partner.client.history({ resourceType, id }))).status;
  },

  /** How many a search finds, by its `total`. */
  async count({ type, params }: { type: string; params: Record<string, string> }): Promise<number> {
    return Number((await partner.ask(() => partner.client.search({ resourceType: type, searchParams: params })))['total']);
  },

  /** Moves the referral's Task on, if it is still as it was seen. @throws what Baton answered */
  async move({ task, to }: { task: string; to: string }): Promise<{ at: number; version: number }> {
    const [resourceType = '', id = ''] = task.split('/');
    const seen = versionOf(await partner.ask(() => partner.client.read({ resourceType, id })));
    const options = { headers: { 'if-match': `W/"${seen}"` } };
    const moved = await partner.ask(() => partner.client.patch({ resourceType, id, jsonPatch: [{ op: 'replace', path: '/status', value: to }], options }));
    return { at: Date.now(), version: versionOf(moved) };
  },

  /** A first session, face to face. */
  async contact({ patient, referral }: { patient: string; referral: string }): Promise<{ at: number; contact: string; episode: string }> {
    const now = new Date().toISOString();
    const body = {
      resourceType: 'Encounter',
      status: 'finished',
      class: { system: 'http://terminology.hl7.org/CodeSystem/v3-ActCode', code: 'AMB', display: 'ambulatory' },
      subject: { reference: patient },
      basedOn: [{ reference: referral }],
      period: { start: now, end: now },
    };
    const made = (await partner.ask(() => partner.client.create({ resourceType: 'Encounter', body }))) as FhirResource & { episodeOfCare?: { reference: string }[] };
    return { at: Date.now(), contact: `Encounter/${String(made['id'])}`, episode: made.episodeOfCare?.[0]?.reference ?? '' };
  },

  /** Waits until it is told that it may no longer see something. */
  lost: async (reference: string): Promise<Told> => partner.waitFor(({ lost }) => lost.includes(reference)),
});

const versionOf = (resource: FhirResource): number => Number((resource as { meta?: { versionId?: string } }).meta?.versionId);

export type Charity = ReturnType<typeof part>;

await playRole(part);
