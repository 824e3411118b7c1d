import { homedir } from 'node:os';
import { join } from 'node:path';

/** Where this user's machine keeps what is dear to make anew. */
export const CACHE = join(process.env['XDG_CACHE_HOME'] ?? join(homedir(), '.cache'), 'baton');
