import { runAlone } from '@baton/service-host';
import { consent } from './consent.module.js';

await runAlone(consent);
