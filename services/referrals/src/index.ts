export { assess, type Assessment } from './assessment.service.js';
export { Ineligible, type Route } from './ineligible.js';
export { recordIneligible } from './ineligible.store.js';
export { referrals } from './referrals.module.js';
export { ReferralsTables1700000000000 } from './referrals.tables.js';
export { REQUEST_STATUS_REASON } from './service-request.fhir.js';
export { serviceRequestRules } from './service-request.rules.js';
export { taskRules } from './task.rules.js';
