// Reads what a TypeScript file imports: static and type imports, re-exports, dynamic imports and `import.meta.resolve`.
// Works on formatted source (a statement starts its line), which the formatter guarantees here.
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { dirname, join, relative } from 'node:path';

export const ROOT = join(import.meta.dirname, '../..');

export interface ImportEdge {
  /** As written; null where it is not a string literal. */
  specifier: string | null;
  /** True for `import type` and `export type … from`: nothing is loaded. */
  typeOnly: boolean;
}

const CLAUSE = String.raw`(?:\*(?:\s+as\s+[\w$]+)?|[\w$]+(?:\s*,\s*(?:\{[^}]*\}|\*\s+as\s+[\w$]+))?|\{[^}]*\})`;
const STATIC = new RegExp(String.raw`^(?:import|export)\s+(type\s+)?${CLAUSE}\s+from\s+(['"])([^'"]+)\2`, 'gm');
const BARE = /^import\s+(['"])([^'"]+)\1/gm;
const DYNAMIC = /\bimport(?:\.meta\.resolve)?\(\s*(?:(['"])([^'"]+)\1)?/g;

export function readImports(source: string): ImportEdge[] {
  const code = withoutComments(source);
  return [
    ...[...code.matchAll(STATIC)].map((m) => ({ specifier: m[3] ?? null, typeOnly: m[1] !== undefined })),
    ...[...code.matchAll(BARE)].map((m) => ({ specifier: m[2] ?? null, typeOnly: false })),
    ...[...code.matchAll(DYNAMIC)].map((m) => ({ specifier: m[2] ?? null, typeOnly: false })),
  ];
}

/** The source with its comments blanked out; line numbers stay. Whole-line comments and block comments are enough here. */
export function withoutComments(source: string): string {
  return source
    .replace(/^\s*\/\*[\s\S]*?\*\//gm, (comment) => comment.replace(/[^\n]/g, ' '))
    .replace(/^\s*\/\/.*$/gm, (comment) => ' '.repeat(comment.length))
    .replace(/([;,{}()]\s*)\/\/.*$/gm, '$1');
}

/** Repository path of what a specifier names, or null for a package. */
export function resolveImport(fromPath: string, specifier: string): string | null {
  if (specifier.startsWith('#shared/')) return `services/shared/${specifier.slice('#shared/'.length)}`;
  if (specifier.startsWith('#services/')) return `services/${specifier.slice('#services/'.length)}`;
  if (specifier.startsWith('.')) return relative(ROOT, join(ROOT, dirname(fromPath), specifier));
  return null;
}

/** `@scope/name` or `name` of a package specifier; null for Node's own modules. */
export function packageName(specifier: string): string | null {
  if (specifier.startsWith('node:')) return null;
  const [first = '', second = ''] = specifier.split('/');
  return first.startsWith('@') ? `${first}/${second}` : first;
}

/** Fixtures, packages, and AssemblyScript, which is another language under the same ending. */
const FOREIGN = /^test\/fixtures\/|node_modules\/|\/assembly\//;

/** Repository paths of the `.ts` files under a folder that are the project's own TypeScript. */
export function listSources(folder: string): string[] {
  if (!existsSync(join(ROOT, folder))) return [];
  return readdirSync(join(ROOT, folder), { recursive: true, encoding: 'utf8' })
    .map((path) => join(folder, path))
    .filter((path) => path.endsWith('.ts') && !FOREIGN.test(path))
    .sort();
}

export function readSource(path: string): string {
  return readFileSync(join(ROOT, path), 'utf8');
}
