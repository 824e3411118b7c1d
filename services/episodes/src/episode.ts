import type { NewEvent } from '@baton/contracts';
import { broken, ok, type Result } from '@baton/kernel';

/** R4 EpisodeOfCare.status. */
export const EPISODE_STATUSES = ['planned', 'waitlist', 'active', 'onhold', 'finished', 'cancelled', 'entered-in-error'] as const;
export type EpisodeStatus = (typeof EPISODE_STATUSES)[number];

const OPEN: readonly EpisodeStatus[] = ['planned', 'waitlist', 'active', 'onhold'];

/** Which status may follow which, besides staying as it is. An episode that ended is not opened again: a new referral opens a new one. */
export const EPISODE_TRANSITIONS: Readonly<Record<EpisodeStatus, readonly EpisodeStatus[]>> = {
  planned: ['waitlist', 'active', 'onhold', 'finished', 'cancelled', 'entered-in-error'],
  waitlist: ['planned', 'active', 'onhold', 'finished', 'cancelled', 'entered-in-error'],
  active: ['onhold', 'finished', 'cancelled', 'entered-in-error'],
  onhold: ['active', 'finished', 'cancelled', 'entered-in-error'],
  finished: ['entered-in-error'],
  cancelled: ['entered-in-error'],
  'entered-in-error': [],
};

/** Does a service hold responsibility, or is it about to? */
export const isOpen = (status: EpisodeStatus): boolean => OPEN.includes(status);

/** The period one service holds responsibility for a young person; one per referral. */
export interface Episode {
  /** EpisodeOfCare id, fixed when the referral was accepted. */
  readonly id: string;
  /** ServiceRequest id. */
  readonly referral: string;
  /** Patient id, as the referrer knows the young person. */
  readonly patient: string;
  /** Partner that is accountable for the service: the provider, also where a delivery partner accepted or does the work. */
  readonly owner: string;
  readonly status: EpisodeStatus;
  /** Grows by one with each event; the same as `meta.versionId`. */
  readonly version: number;
}

/** The new state and the event that announces it: always stored together. */
export interface EpisodeDecision {
  readonly episode: Episode;
  readonly event: NewEvent;
}

/** The first state of an episode. */
export const open = (of: Omit<Episode, 'status' | 'version'>): EpisodeDecision => announce('episode-opened', { ...of, status: 'active', version: 1 });

/** The next state, or why it cannot be. */
export function change(episode: Episode, status: EpisodeStatus): Result<EpisodeDecision> {
  const allowed = EPISODE_TRANSITIONS[episode.status];
  if (status !== episode.status && !allowed.includes(status)) {
    const may = allowed.length === 0 ? 'nothing follows it' : `it may become ${allowed.join(', ')}`;
    return broken({ rule: 'transition-not-allowed', says: `The episode is ${episode.status} and cannot become ${status}; ${may}.`, at: ['EpisodeOfCare.status'], code: 'business-rule' });
  }
  return ok(announce(isOpen(episode.status) && !isOpen(status) ? 'episode-closed' : 'episode-amended', { ...episode, status, version: episode.version + 1 }));
}

/** How a referral ended. */
export type Ending = 'completed' | 'failed' | 'cancelled' | 'marked-in-error';

/**
 * What the end of a referral makes of its episode.
 *
 * @param reason coded reason of the end
 * @param hadContact somebody of the service met the young person, or was to
 * @returns nothing where the episode stays as it is: it ended before, or sharing was withdrawn and the receiver closes its own
 */
export function statusAfter(episode: Episode, ending: Ending, reason: string | undefined, hadContact: boolean): EpisodeStatus | undefined {
  if (ending === 'marked-in-error') return episode.status === 'entered-in-error' ? undefined : 'entered-in-error';
  if (!isOpen(episode.status) || reason === 'consent-withdrawn') return undefined;
  return ending === 'cancelled' && !hadContact ? 'cancelled' : 'finished';
}

function announce(name: string, episode: Episode): EpisodeDecision {
  const { id, referral, patient, owner, status, version } = episode;
  const resource = `EpisodeOfCare/${id}`;
  return {
    episode,
    event: { type: `baton.episodes.${name}.v1`, key: id, version, data: { resource, patient, owner, referral, status, dataref: `${resource}/_history/${version}` } },
  };
}
