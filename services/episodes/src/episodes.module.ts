import type { Service } from '@baton/service-host';
import { parkingMigration } from '@baton/messaging';
import { episodesHandlers } from './episodes.consumer.js';
import { carePlanRules, encounterRules, episodeRules, flagRules, observationRules } from './episodes.rules.js';
import { EpisodesTables1700000000000 } from './migrations/episodes.migration.js';

/** The service `episodes`: EpisodeOfCare, and what is recorded while a service holds responsibility. */
export const episodes: Service = {
  name: 'episodes',
  migrations: [EpisodesTables1700000000000, parkingMigration('episodes')],
  types: [episodeRules, encounterRules, carePlanRules, flagRules, observationRules],
  publishes: true,
  handlers: () => episodesHandlers,
};
