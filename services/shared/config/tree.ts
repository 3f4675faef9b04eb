// Settings before they are checked: nested tables with names that users chose. A name is only ever looked for among a
// table's own, so that one like `constructor` finds nothing that is not there.

export type Tree = { [key: string]: unknown };

export function isTree(value: unknown): value is Tree {
  return typeof value === 'object' && value !== null && !Array.isArray(value) && !(value instanceof Date);
}

/** What a table holds under this name itself. */
export function own<T>(table: { readonly [key: string]: T }, name: string): T | undefined {
  return Object.hasOwn(table, name) ? table[name] : undefined;
}

export function nest(flat: Readonly<Record<string, unknown>>): Tree {
  const tree: Tree = {};
  for (const [path, value] of Object.entries(flat)) if (value !== undefined) assign(tree, path.split('.'), value);
  return tree;
}

export function assign(tree: Tree, path: string[], value: unknown): void {
  if (value === undefined) return;
  const [name = '', ...rest] = path;
  if (rest.length === 0) {
    tree[name] = value;
    return;
  }
  const child = own(tree, name);
  const next: Tree = isTree(child) ? child : {};
  tree[name] = next;
  assign(next, rest, value);
}

/** Walks by known structure: a map's entry name may itself hold dots; of a list, the name of an item is its number. */
export function lookup(tree: Tree, path: string): unknown {
  if (Object.hasOwn(tree, path)) return tree[path];
  for (let dot = path.indexOf('.'); dot !== -1; dot = path.indexOf('.', dot + 1)) {
    const child = own(tree, path.slice(0, dot));
    if (isTree(child) || Array.isArray(child)) return lookup(child as Tree, path.slice(dot + 1));
  }
  return undefined;
}

/** The lower table with everything that the higher one says instead. */
export function merge(low: unknown, high: unknown): unknown {
  if (!isTree(low) || !isTree(high)) return high === undefined ? low : high;
  const result: Tree = { ...low };
  for (const [name, value] of Object.entries(high)) result[name] = merge(own(low, name), value);
  return result;
}
