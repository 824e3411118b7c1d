import { tmpdir } from 'node:os';
import { join } from 'node:path';

/** For the environment of processes that tests start again and again: loading code takes most of a start, and Node keeps there what it compiled. */
export const COMPILED = { NODE_COMPILE_CACHE: join(tmpdir(), 'node-compile-cache') } as const;
