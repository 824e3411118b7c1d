export * from './codes.js';
export * from './events.js';
export * from './relations.js';
export * from './topics.js';
