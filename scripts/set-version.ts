// `node scripts/set-version.ts 1.2.3` writes a version everywhere it stands; `--notes 1.2.3` prints what the changelog says
// of one, and `--check 1.2.3` ends with 1 unless it stands everywhere and has notes. A release is made of the last two.
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { isVersion, notesOf, readVersions, writeVersion } from './version-places.ts';

const root = join(import.meta.dirname, '..');

function fail(message: string): never {
  process.stderr.write(`set-version: ${message}\n`);
  process.exit(1);
}

function readNotes(version: string): string {
  const notes = notesOf(readFileSync(join(root, 'CHANGELOG.md'), 'utf8'), version);
  return notes ?? fail(`CHANGELOG.md says nothing of ${version}`);
}

const words = process.argv.slice(2);
const version = (words.at(-1) ?? '').replace(/^v/, '');
if (!isVersion(version)) fail('usage: set-version.ts [--notes | --check] X.Y.Z');
switch (words.length > 1 ? words[0] : '') {
  case '--notes':
    console.log(readNotes(version));
    break;
  case '--check': {
    const others = readVersions(root).filter((place) => place.version !== version);
    if (others.length > 0) fail(others.map((place) => `${place.file} has ${place.version}`).join(', '));
    readNotes(version);
    console.log(`${version} stands everywhere`);
    break;
  }
  case '':
    for (const file of writeVersion(root, version)) console.log(`${version}: ${file}`);
    break;
  default:
    fail(`no option ${words[0]}`);
}
