import { organizationId } from '@baton/contracts';
import { idOf, type EpisodeOfCare, type Resource } from '@baton/fhir';
import type { StoredRow } from '@baton/fhir-store';
import { isOpen, type Episode, type EpisodeStatus } from './episode.js';

/** The EpisodeOfCare that Baton makes. @param since the instant the referral was accepted */
export const newEpisodeOfCare = ({ referral, patient, owner, status }: Episode, since: Date): Resource => ({
  resourceType: 'EpisodeOfCare',
  status,
  patient: { reference: `Patient/${patient}` },
  managingOrganization: { reference: `Organization/${organizationId(owner)}` },
  period: { start: since.toISOString() },
  referralRequest: [{ reference: `ServiceRequest/${referral}` }],
});

/** The episode a stored EpisodeOfCare is. */
export function episodeOf(row: StoredRow, content: Resource): Episode {
  if (row.patient === null || row.context === null) throw new Error('An EpisodeOfCare without Patient or referral');
  return { id: row.id, referral: row.context, patient: row.patient, owner: row.owner, status: content['status'] as EpisodeStatus, version: row.version };
}

/** The content with a status; an episode that has ended has an end. */
export function withStatus(content: Resource, status: EpisodeStatus, now: Date): Resource {
  const period = (content as unknown as EpisodeOfCare).period;
  const ended = !isOpen(status) && status !== 'entered-in-error' && period?.end === undefined;
  return { ...content, status, ...(ended ? { period: { ...period, end: now.toISOString() } } : {}) };
}

export const patientOfEpisode = (resource: Resource): string | undefined => idOf((resource as unknown as EpisodeOfCare).patient?.reference, 'Patient');

/** The referral that led to it. */
export function referralOfEpisode(resource: Resource): string | undefined {
  const [first] = (resource as unknown as EpisodeOfCare).referralRequest ?? [];
  return idOf(first?.reference, 'ServiceRequest');
}
