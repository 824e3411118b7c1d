import { runAlone } from '@baton/service-host';
import { referrals } from './referrals.module.js';

await runAlone(referrals);
