// Seeded randomness: the same seed and the same parts give the same numbers, so a run can be repeated.

export interface Random {
  /** In [0, 1). */
  next(): number;
  /** A whole number, both ends included. */
  integer(min: number, max: number): number;
  /** @throws on an empty list. */
  pick<Item>(items: readonly Item[]): Item;
  chance(probability: number): boolean;
  /** `prefix` followed by letters and digits. */
  id(prefix: string, length?: number): string;
}

const ALPHABET = '123456789ABCDEFGHJKLMNPQRSTUVWXYZabcdefghijkmnopqrstuvwxyz';

/** Numbers that depend on all parts and on nothing else. */
export function createRandom(...parts: ReadonlyArray<string | number>): Random {
  const next = mulberry32(hash(parts.join('\u0000')));
  const integer = (min: number, max: number): number => min + Math.floor(next() * (max - min + 1));
  return {
    next,
    integer,
    pick: (items) => {
      const item = items[integer(0, items.length - 1)];
      if (item === undefined) throw new Error('nothing to pick from');
      return item;
    },
    chance: (probability) => next() < probability,
    id: (prefix, length = 24) =>
      prefix + Array.from({ length }, () => ALPHABET.charAt(integer(0, ALPHABET.length - 1))).join(''),
  };
}

/** FNV-1a with a final mix, 32 bits. */
function hash(text: string): number {
  let value = 0x811c9dc5;
  for (let index = 0; index < text.length; index++) {
    value = Math.imul(value ^ text.charCodeAt(index), 0x01000193);
  }
  value = Math.imul(value ^ (value >>> 16), 0x85ebca6b);
  return (value ^ (value >>> 13)) >>> 0;
}

function mulberry32(seed: number): () => number {
  let state = seed;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let value = Math.imul(state ^ (state >>> 15), 1 | state);
    value = (value + Math.imul(value ^ (value >>> 7), 61 | value)) ^ value;
    return ((value ^ (value >>> 14)) >>> 0) / 4294967296;
  };
}
