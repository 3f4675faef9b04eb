// Values → JSON that every server can read: half a surrogate pair, which JSON can escape but Unicode does not know,
// becomes the replacement character.
import { madeOnce } from '#shared/made-once.ts';
import type { Fields } from './fields.ts';

const LONE_SURROGATE = /\\ud[89a-f]/;

export function writeJson(value: unknown): string {
  const json = JSON.stringify(value) ?? 'null';
  // Most hold none at all, which a search for the two letters finds out much sooner.
  return json.includes('\\ud') && LONE_SURROGATE.test(json) ? JSON.stringify(value, repair) : json;
}

/** The same of a body whose tools come last: those that are kept are written once. */
export function writeBody({ tools, ...rest }: Fields): string {
  const json = writeJson(rest);
  if (typeof tools !== 'object' || tools === null) return json;
  const written = madeOnce(tools, 'json', () => writeJson(tools));
  return `${json.slice(0, -1)},"tools":${written}}`;
}

function repair(_key: string, value: unknown): unknown {
  if (typeof value === 'string') return value.toWellFormed();
  if (typeof value !== 'object' || value === null || Array.isArray(value)) return value;
  const entries = Object.entries(value);
  if (entries.every(([key]) => key.isWellFormed())) return value;
  return Object.fromEntries(entries.map(([key, item]) => [key.toWellFormed(), item]));
}
