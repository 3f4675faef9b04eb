// In which line of a TOML file a setting stands. The parser tells places of its own complaints only, so it is given the
// file line by line: a setting stands where it is there for the first time.
import { parse } from 'smol-toml';
import type { Tree } from './tree.ts';

/** The line of what makes `isThere` hold, from 1; null when nothing does, or the file is too long for that. */
export type FindLine = (isThere: (tree: Tree) => boolean) => number | null;

const MOST_LINES = 2000;

interface Beginning {
  /** Where its last statement begins. */
  line: number;
  tree: Tree;
}

/** Reads nothing before it is asked. */
export function createLineFinder(text: string): FindLine {
  let beginnings: Beginning[] | undefined;
  return (isThere) => {
    beginnings ??= readBeginnings(text.split('\n'));
    return beginnings.find(({ tree }) => isThere(tree))?.line ?? null;
  };
}

function readBeginnings(lines: readonly string[]): Beginning[] {
  const found: Beginning[] = [];
  if (lines.length > MOST_LINES) return found;
  let line = 1;
  for (let end = 1; end <= lines.length; end++) {
    const tree = parseWhole(lines.slice(0, end).join('\n'));
    // Otherwise it ends in the middle of a value.
    if (tree === null) continue;
    found.push({ line, tree });
    line = end + 1;
  }
  return found;
}

function parseWhole(text: string): Tree | null {
  try {
    return parse(text) as Tree;
  } catch {
    return null;
  }
}
