import { runAlone } from '@baton/service-host';
import { composed } from './services.js';

await runAlone(composed);
