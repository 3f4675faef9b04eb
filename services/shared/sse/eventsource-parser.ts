// Loads eventsource-parser's built code. The package exports TypeScript under a condition of its own named `source`,
// the name of ours too, and Node strips no types below node_modules.
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';

const require = createRequire(import.meta.url);
const folder = dirname(require.resolve('eventsource-parser/package.json'));

export const { createParser } = require(join(folder, 'dist/index.js')) as typeof import('eventsource-parser');
