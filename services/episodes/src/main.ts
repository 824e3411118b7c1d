import { runAlone } from '@baton/service-host';
import { episodes } from './episodes.module.js';

await runAlone(episodes);
