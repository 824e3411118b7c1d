import { roleOf } from '@baton/postgres';
import type { Service } from '@baton/service-host';
import { parkingMigration } from '@baton/messaging';
import { acknowledgementWorker } from './acknowledgement.worker.js';
import { Ineligible } from './ineligible.js';
import { recordIneligible } from './ineligible.store.js';
import { referralsHandlers } from './referrals.consumer.js';
import { watchReferrals } from './referrals.metrics.js';
import { ReferralsTables1700000000000 } from './referrals.tables.js';
import { serviceRequestRules } from './service-request.rules.js';
import { taskRules } from './task.rules.js';

/** The service `referrals`: ServiceRequest and Task, eligibility, the closed loop. */
export const referrals: Service = {
  name: 'referrals',
  migrations: [ReferralsTables1700000000000, parkingMigration('referrals')],
  types: [serviceRequestRules, taskRules],
  publishes: true,
  handlers: () => referralsHandlers,
  workers: (host) => [acknowledgementWorker(host)],
  prepare: async (host) => watchReferrals(host),
  // In the gateway the host's connection is the gateway's, which takes on this service's role.
  onRefused: async (host, _caller, refused) => {
    if (refused instanceof Ineligible) await host.database.transaction((tx) => recordIneligible(tx.as(roleOf('referrals')), refused));
  },
};
