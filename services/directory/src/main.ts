import { runAlone } from '@baton/service-host';
import { directory } from './directory.module.js';
import { PathwaysRefused } from './pathway-loader.js';

await runAlone(directory, [PathwaysRefused]);
