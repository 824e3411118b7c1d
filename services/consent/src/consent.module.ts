import type { Service } from '@baton/service-host';
import { parkingMigration } from '@baton/messaging';
import { accessProjection } from './access.projection.js';
import { consentHandlers } from './consent.consumer.js';
import { consentRules } from './consent.rules.js';
import { ConsentTables1700000000000 } from './consent.tables.js';
import { JudgingAgain } from './consent.worker.js';

/** The service `consent`: decisions about who may see what, and what follows from them. */
export const consent: Service = {
  name: 'consent',
  migrations: [ConsentTables1700000000000, parkingMigration('consent')],
  types: [consentRules],
  publishes: true,
  handlers: () => consentHandlers,
  workers: ({ database, log }) => [new JudgingAgain({ database, log })],
  projections: [accessProjection],
};
