// Values → JSON that every server can read: half a surrogate pair, which JSON can escape but Unicode does not know,
// becomes the replacement character.

const LONE_SURROGATE = /\\ud[89a-f]/;

export function writeJson(value: unknown): string {
  const json = JSON.stringify(value) ?? 'null';
  // Most hold none at all, which a search for the two letters finds out much sooner.
  return json.includes('\\ud') && LONE_SURROGATE.test(json) ? JSON.stringify(value, repair) : json;
}

function repair(_key: string, value: unknown): unknown {
  if (typeof value === 'string') return value.toWellFormed();
  if (typeof value !== 'object' || value === null || Array.isArray(value)) return value;
  const entries = Object.entries(value);
  if (entries.every(([key]) => key.isWellFormed())) return value;
  return Object.fromEntries(entries.map(([key, item]) => [key.toWellFormed(), item]));
}
