import { consent } from '@baton/consent';
import { directory } from '@baton/directory';
import { episodes } from '@baton/episodes';
import { gateway } from '@baton/gateway';
import { notifications } from '@baton/notifications';
import { referrals } from '@baton/referrals';
import type { Service } from '@baton/service-host';

const stored: readonly Service[] = [directory, consent, referrals, episodes, notifications];

/** Every service of a Baton, in the order in which they start: what others read comes first. */
export const SERVICES: readonly Service[] = [...stored, gateway(stored)];
