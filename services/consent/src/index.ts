export type { Decision } from './decision.js';
