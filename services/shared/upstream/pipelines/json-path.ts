// Places in JSON, written as a small strict part of JSONPath: `$`, `.name`, `["any name"]`, `[0]`, `[*]`. A change copies
// what lies on the way and nothing else. Pure.
import { isDeepStrictEqual } from 'node:util';
import { isFields } from '#shared/providers/fields.ts';

type Segment = { kind: 'name'; name: string } | { kind: 'index'; index: number } | { kind: 'each' };

export interface JsonPath {
  readonly text: string;
  readonly segments: readonly Segment[];
}

/** What is not there; as the result of a change: what shall not be there. */
export const ABSENT = Symbol('absent');

const SEGMENT = /\.([A-Za-z_][\w-]*)|\[(\d{1,6})\]|\[(\*)\]|\[("(?:[^"\\]|\\.)*")\]/y;
const MOST_SEGMENTS = 32;

/** null when it is no path of this kind. */
export function parsePath(text: string): JsonPath | null {
  if (!text.startsWith('$')) return null;
  const segments: Segment[] = [];
  let at = 1;
  while (at < text.length) {
    SEGMENT.lastIndex = at;
    const match = SEGMENT.exec(text);
    const segment = match && toSegment(match);
    if (!segment || segments.length === MOST_SEGMENTS) return null;
    segments.push(segment);
    at = SEGMENT.lastIndex;
  }
  return { text, segments };
}

function toSegment([, name, index, each, quoted]: RegExpExecArray): Segment | null {
  if (each !== undefined) return { kind: 'each' };
  if (index !== undefined) return { kind: 'index', index: Number(index) };
  const called = name ?? unquote(quoted ?? '');
  return called === null || called === '__proto__' ? null : { kind: 'name', name: called };
}

function unquote(quoted: string): string | null {
  try {
    return JSON.parse(quoted) as string;
  } catch {
    return null; // an escape that JSON does not know
  }
}

/** The name directly under the root that a path leads to or through; null for the root itself. */
export function topName({ segments: [first] }: JsonPath): string | null {
  return first?.kind === 'name' ? first.name : null;
}

export interface ChangeOptions {
  /** Tables on the way that are not there are made. */
  creates?: boolean;
}

/** The root with `change` made at each place the path leads to; the root itself when nothing came of it. */
export function changeAt(
  root: unknown,
  path: JsonPath,
  change: (value: unknown) => unknown,
  { creates = false }: ChangeOptions = {},
): unknown {
  const go = (value: unknown, at: number): unknown => {
    const segment = path.segments[at];
    if (segment === undefined) {
      const changed = change(value);
      return isDeepStrictEqual(changed, value) ? value : changed;
    }
    if (segment.kind === 'name') return inTable(value, segment.name, (member) => go(member, at + 1), creates);
    if (!Array.isArray(value)) return value;
    const isMeant = (index: number): boolean => segment.kind === 'each' || index === segment.index;
    const items = value.map((item: unknown, index) => (isMeant(index) ? go(item, at + 1) : item));
    return items.every((item, index) => item === value[index]) ? value : items.filter((item) => item !== ABSENT);
  };
  return go(root, 0);
}

function inTable(value: unknown, name: string, go: (member: unknown) => unknown, creates: boolean): unknown {
  const table = value === ABSENT && creates ? {} : value;
  if (!isFields(table)) return value;
  const member = Object.hasOwn(table, name) ? table[name] : ABSENT;
  const changed = go(member);
  if (changed === member) return value;
  if (changed !== ABSENT) return { ...table, [name]: changed };
  const { [name]: _, ...rest } = table;
  return rest;
}
