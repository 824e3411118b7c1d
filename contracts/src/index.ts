export * from './async-api.js';
export * from './cloud-events.js';
export * from './codes.js';
export * from './events.js';
export * from './pathway.js';
export * from './pathway-ids.js';
export * from './relations.js';
export * from './topics.js';
export { publishedOpenApi } from './interfaces.js';
