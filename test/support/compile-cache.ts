// Programs that tests start compile the same modules each: what one of them has compiled, the next reads.
import { join } from 'node:path';
import { ROOT } from './read-imports.ts';

/** For the environment of such a program; it writes when it ends in order. */
export const COMPILE_CACHE = { NODE_COMPILE_CACHE: join(ROOT, '.cache/node-compile-cache') };
