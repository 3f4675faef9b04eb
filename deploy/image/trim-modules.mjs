// Removes from a node_modules folder what no program reads at run time: declarations, maps, documentation, tests, and the
// vocabularies of tokenizers that are not used. Licences stay. Usage: node trim-modules.mjs FOLDER
import { lstatSync, readdirSync, rmSync } from 'node:fs';
import { join } from 'node:path';

const LICENCE = /^(licen[cs]e|copying|notice|authors|patents)/i;
const UNREAD_FILE = /\.([cm]?ts|map|md|markdown|tsbuildinfo)$/i;
/** At the top of a package; deeper down such names may be code. */
const UNREAD_FOLDER = /^(tests?|__tests__|docs?|examples?|benchmarks?|\.github)$/;
/** By package: of several builds and vocabularies only one is loaded. `keep` wins over `drop`. */
const UNUSED = {
  'gpt-tokenizer': {
    drop: /^(cjs|data|src|esm\/(bpeRanks|encoding|model)\/)/,
    keep: /^esm\/(bpeRanks|encoding)\/o200k_base\.js$/,
  },
};

let removed = 0;

/** @param path of the folder; @param inPackage its path inside the package, with a slash at the end */
function trim(path, packageName, inPackage) {
  for (const entry of readdirSync(path, { withFileTypes: true })) {
    const full = join(path, entry.name);
    const inner = `${inPackage}${entry.name}`;
    if (entry.isDirectory() && entry.name === 'node_modules') trimPackages(full);
    else if (entry.isDirectory() && inPackage === '' && UNREAD_FOLDER.test(entry.name)) remove(full);
    else if (entry.isDirectory()) trim(full, packageName, `${inner}/`);
    else if (isUnread(entry.name, packageName, inner)) remove(full);
  }
  removeEmpty(path);
}

function removeEmpty(folder) {
  if (readdirSync(folder).length === 0) rmSync(folder, { recursive: true });
}

function isUnread(name, packageName, inner) {
  if (LICENCE.test(name)) return false;
  const { drop, keep } = UNUSED[packageName] ?? {};
  return UNREAD_FILE.test(name) || (drop?.test(inner) === true && keep?.test(inner) !== true);
}

function trimPackages(folder, scope = '') {
  for (const entry of readdirSync(folder, { withFileTypes: true })) {
    if (!entry.isDirectory() || entry.name === '.bin') continue;
    const full = join(folder, entry.name);
    if (entry.name.startsWith('@') && scope === '') trimPackages(full, `${entry.name}/`);
    else trim(full, `${scope}${entry.name}`, '');
  }
  removeEmpty(folder);
}

function remove(path) {
  removed += sizeOf(path);
  rmSync(path, { recursive: true });
}

function sizeOf(path) {
  const stat = lstatSync(path);
  if (!stat.isDirectory()) return stat.size;
  return readdirSync(path).reduce((sum, name) => sum + sizeOf(join(path, name)), 0);
}

trimPackages(process.argv[2] ?? 'node_modules');
console.log(`removed ${(removed / 1e6).toFixed(0)} MB that nothing reads at run time`);
