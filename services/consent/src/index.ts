export { consent } from './consent.module.js';
export { lockForRelink, relink, type PersonChange } from './relink.js';
