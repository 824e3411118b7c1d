import { consent, lockForRelink, relink } from '@baton/consent';
import { directoryService } from '@baton/directory';
import { episodes } from '@baton/episodes';
import { write } from '@baton/fhir-store';
import { notifications } from '@baton/notifications';
import { roleOf } from '@baton/postgres';
import { referrals } from '@baton/referrals';
import type { Service } from '@baton/service-host';
import { gateway } from './gateway.module.js';

/** A Patient that changes its person is the directory's business and consent's, in one transaction. */
const directory = directoryService({
  relink: {
    lock: (tx, change) => lockForRelink(tx.as(roleOf('consent')), change),
    settle: async (tx, caller, change) => {
      const own = tx.as(roleOf('consent'));
      await write(own, 'consent', caller, await relink(own, change));
    },
  },
});

const stored: readonly Service[] = [directory, consent, referrals, episodes, notifications];

/** The gateway over all services of a Baton. */
export const composed: Service = gateway(stored);

/** Every service of a Baton, in the order in which they start: what others read comes first. */
export const SERVICES: readonly Service[] = [...stored, composed];
