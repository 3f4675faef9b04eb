// Which settings there are, by path and by variable, and which one somebody may have meant.
import { isKey, type Key, type SectionSchema } from './schema.ts';
import { ALIASES, MAPS, SECTIONS, topLevel } from './sections/index.ts';
import { own } from './tree.ts';

/** Of the variables that are settings. */
export const PREFIX = 'CC_';

type Node = Key<unknown> | SectionSchema;

/** Every known dotted path; `*` stands for a free key. */
export function knownPaths(): string[] {
  const paths: string[] = [];
  const walk = (schema: SectionSchema, prefix: string): void => {
    for (const [name, node] of Object.entries(schema)) {
      if (isKey(node)) paths.push(`${prefix}${name}`);
      else walk(node, `${prefix}${name}.`);
    }
  };
  walk(topLevel, '');
  for (const [name, schema] of Object.entries(SECTIONS)) walk(schema, `${name}.`);
  for (const [name, schema] of Object.entries(MAPS)) walk(schema, `${name}.*.`);
  for (const { from } of ALIASES) paths.push(from.join('.'));
  return paths;
}

/** Names of all settings as environment variables, but those of maps. */
export function environmentNames(): string[] {
  return knownPaths()
    .filter((path) => !path.includes('*'))
    .map(toVariable);
}

export function toVariable(path: string): string {
  return PREFIX + path.toUpperCase().replaceAll('.', '__');
}

export function keyAt(path: string[]): Key<unknown> | undefined {
  const aliased = ALIASES.find(({ from }) => from.join('.') === path.join('.'))?.to ?? path;
  const [first = '', ...rest] = aliased;
  const map = own<SectionSchema>(MAPS, first);
  let node: Node | undefined = map ?? own<SectionSchema>(SECTIONS, first);
  if (!node) return aliased.length === 1 ? own<Key<unknown>>(topLevel, first) : undefined;
  for (const name of map ? rest.slice(1) : rest) {
    if (!node || isKey(node)) return undefined;
    node = own<Node>(node, name);
  }
  return node && isKey(node) ? node : undefined;
}

export function toPattern(path: string[]): string {
  const [first = '', , ...rest] = path;
  return path.length > 1 && Object.hasOwn(MAPS, first) ? [first, '*', ...rest].join('.') : path.join('.');
}

export function nearestOf(name: string, candidates: string[]): string | undefined {
  const ranked = candidates
    .map((candidate) => ({ candidate, distance: editDistance(name, candidate) }))
    .sort((a, b) => a.distance - b.distance);
  const best = ranked[0];
  const isNear = best && best.distance <= Math.max(3, name.length / 3) && isAlike(name, best.candidate);
  return isNear ? best.candidate : undefined;
}

/** The same path in front makes names look alike that are not: of the last part, half has to be the same. */
function isAlike(name: string, candidate: string): boolean {
  const last = lastPart(name);
  return editDistance(last, lastPart(candidate)) <= Math.max(2, last.length / 2);
}

function lastPart(path: string): string {
  return path.slice(path.lastIndexOf('.') + 1);
}

function editDistance(a: string, b: string): number {
  let row = Array.from({ length: b.length + 1 }, (_, index) => index);
  for (let i = 1; i <= a.length; i++) {
    const next = [i];
    for (let j = 1; j <= b.length; j++) {
      const substitution = (row[j - 1] ?? 0) + (a[i - 1] === b[j - 1] ? 0 : 1);
      next.push(Math.min(substitution, (row[j] ?? 0) + 1, (next[j - 1] ?? 0) + 1));
    }
    row = next;
  }
  return row[b.length] ?? 0;
}
