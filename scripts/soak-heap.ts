// What a heap snapshot holds, added up by kind of object, and how two of them differ.
import { readFileSync } from 'node:fs';

export interface HeapKind {
  count: number;
  bytes: number;
}

export type Heap = ReadonlyMap<string, HeapKind>;

export interface HeapGrowth {
  readonly kind: string;
  readonly count: number;
  readonly bytes: number;
}

interface Snapshot {
  snapshot: { meta: { node_fields: string[]; node_types: [string[], ...unknown[]] } };
  nodes: number[];
  strings: string[];
}

/** Those are told apart by their name; of all else the type is enough. */
const NAMED = new Set(['object', 'native']);

export function readHeap(file: string): Heap {
  return addUp(JSON.parse(readFileSync(file, 'utf8')) as Snapshot);
}

export function addUp({ snapshot, nodes, strings }: Snapshot): Heap {
  const { node_fields: fields, node_types: types } = snapshot.meta;
  const [type, name, size] = ['type', 'name', 'self_size'].map((field) => fields.indexOf(field));
  const heap = new Map<string, HeapKind>();
  for (let at = 0; at < nodes.length; at += fields.length) {
    const typeName = types[0][nodes[at + (type ?? 0)] ?? 0] ?? 'unknown';
    const kind = NAMED.has(typeName) ? (strings[nodes[at + (name ?? 0)] ?? 0] ?? '') : `(${typeName})`;
    const sum = heap.get(kind) ?? { count: 0, bytes: 0 };
    sum.count++;
    sum.bytes += nodes[at + (size ?? 0)] ?? 0;
    heap.set(kind, sum);
  }
  return heap;
}

export function totalBytes(heap: Heap): number {
  return [...heap.values()].reduce((sum, { bytes }) => sum + bytes, 0);
}

/** What there is more of, most bytes first. */
export function growth(before: Heap, after: Heap): HeapGrowth[] {
  return [...after]
    .map(([kind, { count, bytes }]) => {
      const was = before.get(kind) ?? { count: 0, bytes: 0 };
      return { kind, count: count - was.count, bytes: bytes - was.bytes };
    })
    .filter(({ bytes }) => bytes > 0)
    .sort((a, b) => b.bytes - a.bytes);
}
