// Clients are installed beside the project, each version in a folder of its own, once.
import { spawn } from 'node:child_process';
import { existsSync } from 'node:fs';
import { join } from 'node:path';

const CACHE = join(import.meta.dirname, '../../.cache');

/** Where a version of a package is, or will be. */
export function packageFolder(name: string, version: string): string {
  return join(CACHE, name.replace('@anthropic-ai/', ''), version);
}

/** @throws when npm cannot install it */
export async function installPackage(name: string, version: string): Promise<string> {
  const folder = packageFolder(name, version);
  if (existsSync(join(folder, 'node_modules', name))) return folder;
  process.stderr.write(`cc-proxy: installing ${name} ${version} into .cache\n`);
  const settings = ['--no-save', '--no-package-lock', '--no-audit', '--no-fund', '--ignore-scripts'];
  const args = ['i', '--prefix', folder, ...settings, '--loglevel=error', `${name}@${version}`];
  const child = spawn('npm', args, { stdio: ['ignore', 2, 2] });
  const code = await new Promise<number | null>((resolve, reject) => {
    child.on('error', reject);
    child.on('close', resolve);
  });
  if (code !== 0) throw new Error(`npm could not install ${name}@${version}`);
  return folder;
}
