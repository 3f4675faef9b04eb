// The package as it is shipped: built, not stripped of its types at start. The compiler that strips stays in the heap and
// makes each collection dearer, so that the source would be measured with a handicap that no user has.
import { spawnSync } from 'node:child_process';
import { copyFileSync, existsSync, mkdirSync, symlinkSync } from 'node:fs';
import { join } from 'node:path';

const ROOT = join(import.meta.dirname, '../..');

/** Builds into a folder of its own; returns the file that starts the command line. @throws when nothing was built */
export function buildPackage(folder: string): string {
  const root = join(folder, 'package');
  mkdirSync(root);
  copyFileSync(join(ROOT, 'package.json'), join(root, 'package.json'));
  symlinkSync(join(ROOT, 'node_modules'), join(root, 'node_modules'));
  const compiler = join(ROOT, 'node_modules/.bin/tsc');
  const built = spawnSync(compiler, ['-p', 'tsconfig.build.json', '--outDir', join(root, 'dist')], {
    cwd: ROOT,
    encoding: 'utf8',
  });
  const main = join(root, 'dist/services/cli/main.js');
  if (!existsSync(main)) throw new Error(`the build failed: ${built.stdout}${built.stderr}`);
  return main;
}
