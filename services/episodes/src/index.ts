export { episodes } from './episodes.module.js';
export { EpisodesTables1700000000000 } from './migrations/episodes.migration.js';
