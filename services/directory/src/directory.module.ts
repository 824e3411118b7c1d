import { openIssuerKeys, type EgressPolicy } from '@baton/access';
import type { TypeRules } from '@baton/fhir-store';
import type { Host, Service } from '@baton/service-host';
import { endpointRules, pathwayOwned, practitionerRoleRules, practitionerRules, relatedPersonRules } from './directory.rules.js';
import { DirectoryTables1700000000000 } from './migrations/directory.migration.js';
import { EXAMPLE_PATHWAY } from './pathway-files.js';
import { loadPathways } from './pathway-loader.js';
import { PATHWAY_TYPES } from './pathway-publishing.js';
import { PathwaysModule } from './pathways.controller.js';
import { registerDemoOperator } from './partner-keys.service.js';
import { patientRules, type Relink } from './patient.rules.js';
import { PersonKey } from './person-key.js';
import { TokenEndpointModule } from './token-endpoint.module.js';
import { TokenEndpoint } from './token-endpoint.service.js';

/** The directory, and what the process that composes its commands needs of it besides. */
export interface DirectoryService extends Service {
  /**
   * Makes its commands work in this process: the key by which persons are found, and where Baton may connect to.
   */
  equip(host: Pick<Host, 'home' | 'egress'>): Promise<void>;
  /** Patient as it comes in a message: an NHS number that fails its check is kept, and never used. */
  readonly patientFromMessage: TypeRules;
}

/** @param relink consent's part of a change of person; where it is left out, Patient updates that change one are refused */
export function directoryService({ relink }: { readonly relink?: Relink } = {}): DirectoryService {
  const key = new PersonKey();
  let egress: EgressPolicy | undefined;
  const equip = async (host: Pick<Host, 'home' | 'egress'>): Promise<void> => {
    await key.open(host.home);
    egress = host.egress;
  };
  const issuerKeys = new Map<string, Awaited<ReturnType<typeof openIssuerKeys>>>();
  return {
    name: 'directory',
    migrations: [DirectoryTables1700000000000],
    publishes: true,
    types: [patientRules({ key, relink }), relatedPersonRules, practitionerRules, practitionerRoleRules, endpointRules(() => egress), ...PATHWAY_TYPES.map(pathwayOwned)],
    // A Patient's link to a person is consent's business too.
    fronted: ['Patient'],
    routes: ['/oauth2', '/fhir/R4/.well-known'],
    patientFromMessage: patientRules({ key, relink, keepsInvalidNumbers: true }),
    equip,
    async prepare(host) {
      issuerKeys.set(host.home, await openIssuerKeys(host.home));
      const { present, added, written } = await loadPathways(host.database, host.home, host.env['BATON_PATHWAY'] || EXAMPLE_PATHWAY);
      await registerDemoOperator(host.database, host.home);
      for (const { id, version } of present) host.log.info('pathway in force', { key: `${id}|${version}` });
      host.log.info('pathways loaded', { count: added + written });
    },
    modules(host) {
      const keys = issuerKeys.get(host.home);
      if (!keys) throw new Error('The directory must be prepared before it is served');
      return [TokenEndpointModule.with(new TokenEndpoint({ db: host.database, keys, fhirBase: host.fhirBase, clock: host.clock })), PathwaysModule.with(host.database)];
    },
  };
}

export const directory: DirectoryService = directoryService();
