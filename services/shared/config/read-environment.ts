// Variables → settings. A value is text, and its key says what is meant by it.
import { environmentNames, keyAt, nearestOf, PREFIX } from './known-settings.ts';
import type { Key } from './schema.ts';
import { assign, type Tree } from './tree.ts';

/** Names that begin with the prefix and are no settings: the config path, and Kubernetes' service links. */
const NOT_SETTINGS = /^CC_PROXY_/;

export function readEnvironment(env: Readonly<Record<string, string | undefined>>, warnings: string[]): Tree {
  const tree: Tree = {};
  for (const [name, value] of Object.entries(env)) {
    if (!name.startsWith(PREFIX) || NOT_SETTINGS.test(name) || value === undefined) continue;
    const path = name.slice(PREFIX.length).toLowerCase().split('__');
    const key = keyAt(path);
    if (!key) {
      const nearest = nearestOf(name, environmentNames());
      warnings.push(`environment: ${name} is no setting${nearest ? `; did you mean ${nearest}?` : ''}`);
      continue;
    }
    assign(tree, path, fromText(value, key));
  }
  return tree;
}

function fromText(value: string, key: Key<unknown>): unknown {
  // Compose and charts hand over variables that nobody filled in.
  if (value === '' && key.default === null) return undefined;
  switch (key.kind) {
    case 'integer':
    case 'number':
      return /^-?\d+(\.\d+)?$/.test(value.trim()) ? Number(value) : value;
    case 'boolean':
      return value === 'true' ? true : value === 'false' ? false : value;
    case 'strings':
      return value === '' ? [] : value.split(',').map((item) => item.trim());
    case 'map':
      return value === '' ? {} : Object.fromEntries(value.split(',').map(toPair));
    case 'string':
    case 'steps':
      return value;
  }
}

/** A value may hold `=` itself, as base64 does; without any the pair has no value, and is refused for it. */
function toPair(text: string): [string, string | undefined] {
  const at = text.indexOf('=');
  return at === -1 ? [text.trim(), undefined] : [text.slice(0, at).trim(), text.slice(at + 1).trim()];
}
