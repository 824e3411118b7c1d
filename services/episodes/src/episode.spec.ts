import fc from 'fast-check';
import { change, EPISODE_STATUSES, EPISODE_TRANSITIONS, isOpen, open, statusAfter, type Episode, type EpisodeStatus } from './episode.js';

const opened = open({ id: 'e1', referral: 'r1', patient: 'p1', owner: 'safe-zones' });
const as = (status: EpisodeStatus): Episode => ({ ...opened.episode, status });

describe('an episode', () => {
  it('begins active, and is announced with its referral', () => {
    expect(opened.event).toEqual({
      type: 'baton.episodes.episode-opened.v1', key: 'e1', version: 1,
      data: { resource: 'EpisodeOfCare/e1', patient: 'p1', owner: 'safe-zones', referral: 'r1', status: 'active', dataref: 'EpisodeOfCare/e1/_history/1' },
    });
  });

  it('its table knows every status, and leads out of none that has ended but to entered-in-error', () => {
    expect(Object.keys(EPISODE_TRANSITIONS).sort()).toEqual([...EPISODE_STATUSES].sort());
    for (const status of EPISODE_STATUSES.filter((each) => !isOpen(each))) expect(EPISODE_TRANSITIONS[status].filter((next) => next !== 'entered-in-error')).toEqual([]);
  });

  it('over any sequence of statuses is closed once at most, its versions have no gap, and a refusal changes nothing', () => {
    fc.assert(
      fc.property(fc.array(fc.constantFrom(...EPISODE_STATUSES), { maxLength: 12 }), (wanted) => {
        let episode = opened.episode;
        const events = [opened.event];
        for (const status of wanted) {
          const decided = change(episode, status);
          expect(decided.ok).toBe(status === episode.status || EPISODE_TRANSITIONS[episode.status].includes(status));
          if (!decided.ok) continue;
          episode = decided.value.episode;
          events.push(decided.value.event);
        }
        expect(events.map(({ version }) => version)).toEqual(events.map((_, i) => i + 1));
        expect(events.filter(({ type }) => type === 'baton.episodes.episode-closed.v1').length).toBe(isOpen(episode.status) ? 0 : 1);
      }),
    );
  });

  it('a refusal names the present status and what may follow', () => {
    const refused = change(as('finished'), 'active');
    expect(refused).toMatchObject({ ok: false, violations: [{ rule: 'transition-not-allowed', says: 'The episode is finished and cannot become active; it may become entered-in-error.' }] });
  });
});

describe('the end of a referral', () => {
  it.each<[Parameters<typeof statusAfter>[1], boolean, EpisodeStatus]>([
    ['completed', true, 'finished'],
    ['failed', false, 'finished'],
    ['cancelled', true, 'finished'],
    ['cancelled', false, 'cancelled'],
    ['marked-in-error', true, 'entered-in-error'],
  ])('%s (contact: %s) leaves the episode %s', (ending, hadContact, status) => {
    expect(statusAfter(as('active'), ending, undefined, hadContact)).toBe(status);
  });

  it('leaves an episode that has ended as it is', () => {
    expect(statusAfter(as('finished'), 'cancelled', undefined, true)).toBeUndefined();
    expect(statusAfter(as('entered-in-error'), 'marked-in-error', undefined, true)).toBeUndefined();
  });

  it('for want of consent leaves the episode to its receiver', () => {
    expect(statusAfter(as('active'), 'cancelled', 'consent-withdrawn', true)).toBeUndefined();
  });
});
