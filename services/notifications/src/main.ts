import { runAlone } from '@baton/service-host';
import { notifications } from './notifications.module.js';

await runAlone(notifications);
