import type { DirectoryService } from '@baton/directory';
import type { Service } from '@baton/service-host';
import type { Registry } from '../transaction.js';

const isDirectory = (service: Service): service is DirectoryService => 'patientFromMessage' in service;

/** Rules by type for what comes in messages: those of the services, but that a Patient's NHS number may fail its check (standards §5). */
export const rulesForMessages = (services: readonly Service[]): Registry =>
  new Map([...services.flatMap(({ types }) => types), ...services.filter(isDirectory).map(({ patientFromMessage }) => patientFromMessage)].map((rules) => [rules.type, rules]));
