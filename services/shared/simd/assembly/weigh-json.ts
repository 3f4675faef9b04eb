// How many tokens a text has, told from its letters as messages/approximate-tokens.ts tells it, of ASCII alone: where one
// kind of characters ends and the next begins is found for a block of them at once.
import { BLOCK, firstBits, toBits, VECTOR } from './blocks';

const START: u8 = 0;
const LETTER: u8 = 1;
const DIGIT: u8 = 2;
const SPACE: u8 = 3;
const NEWLINE: u8 = 4;
const SIGN: u8 = 5;

const BACKSLASH: i8 = 0x5c;
const LETTER_N: u8 = 0x6e;
const LINE_END: u8 = 0x0a;

const MOST_BYTES: usize = 1024;
const text = memory.data(MOST_BYTES + BLOCK, BLOCK);
/** Of the characters of the text, behind a vector of none. */
const kinds = memory.data(MOST_BYTES + VECTOR + BLOCK, BLOCK);

/** Up to 1 KB of a text as it stands in JSON: what is escaped is read as if it were not, and is a line's end if it is `n`. */
export function weighJson(from: usize, end: usize): f64 {
  return weigh(withoutEscapes(from, end));
}

/** Copies it, and returns its length. */
function withoutEscapes(from: usize, end: usize): usize {
  let to = text;
  for (let at = from; at < end; ) {
    const bytes = v128.load(at);
    v128.store(to, bytes);
    const slashes = i8x16.bitmask(i8x16.eq(bytes, i8x16.splat(BACKSLASH)));
    const plain = slashes === 0 ? VECTOR : <usize>ctz(slashes);
    const length = min(plain, end - at);
    at += length;
    to += length;
    if (plain === VECTOR || at >= end) continue;
    const isLineEnd = at + 1 < end && load<u8>(at + 1) === LETTER_N;
    if (isLineEnd) store<u8>(to++, LINE_END);
    at += isLineEnd ? 2 : 1;
  }
  return to - text;
}

/** Each border ends a run of one kind; `camelCase` is two words. */
function weigh(length: usize): f64 {
  let tokens: f64 = 0;
  let kind = START;
  let before = START;
  let start: usize = 0;
  /** Capitals in front of the block, and those up to the first character of the run. */
  let capitals: i32 = 0;
  let passed: i32 = 0;
  let last: u64 = 0;
  for (let at: usize = 0; at < length; at += BLOCK) {
    const present = firstBits(min(BLOCK, length - at));
    const upper = capitalsIn(text + at) & present;
    noteKinds(at);
    let borders = (changes(kinds + VECTOR + at) | (upper & ~((upper << 1) | last))) & present;
    for (; borders !== 0; borders &= borders - 1) {
      const bit = ctz(borders);
      const run = <i32>(at + <usize>bit - start);
      const inFront = capitals + <i32>popcnt(upper & (((<u64>1) << bit) - 1));
      tokens += costOf(kind, run, inFront - passed, before);
      before = kind === SPACE && run > 1 ? START : kind;
      start = at + <usize>bit;
      kind = load<u8>(kinds + VECTOR + start);
      passed = inFront + <i32>((upper >> bit) & 1);
    }
    capitals += <i32>popcnt(upper);
    last = upper >> 63;
  }
  return tokens + costOf(kind, <i32>(length - start), capitals - passed, before);
}

function capitalsIn(at: usize): u64 {
  return toBits(
    isWithin(v128.load(at), 0x41, 26),
    isWithin(v128.load(at, 16), 0x41, 26),
    isWithin(v128.load(at, 32), 0x41, 26),
    isWithin(v128.load(at, 48), 0x41, 26),
  );
}

function noteKinds(from: usize): void {
  for (let at = from; at < from + BLOCK; at += VECTOR) v128.store(kinds + VECTOR + at, kindsOf(v128.load(text + at)));
}

function kindsOf(bytes: v128): v128 {
  const letters = isWithin(v128.or(bytes, i8x16.splat(0x20)), 0x61, 26);
  const digits = isWithin(bytes, 0x30, 10);
  const spaces = v128.or(i8x16.eq(bytes, i8x16.splat(0x20)), i8x16.eq(bytes, i8x16.splat(0x09)));
  const lines = v128.or(i8x16.eq(bytes, i8x16.splat(0x0a)), i8x16.eq(bytes, i8x16.splat(0x0d)));
  let found = v128.bitselect(i8x16.splat(LETTER), i8x16.splat(SIGN), letters);
  found = v128.bitselect(i8x16.splat(DIGIT), found, digits);
  found = v128.bitselect(i8x16.splat(SPACE), found, spaces);
  return v128.bitselect(i8x16.splat(NEWLINE), found, lines);
}

function isWithin(bytes: v128, first: i8, count: i8): v128 {
  return i8x16.lt_u(i8x16.sub(bytes, i8x16.splat(first)), i8x16.splat(count));
}

/** Whose kind is not that of the one before. */
function changes(at: usize): u64 {
  return toBits(
    i8x16.ne(v128.load(at), v128.load(at - 1)),
    i8x16.ne(v128.load(at, 16), v128.load(at - 1, 16)),
    i8x16.ne(v128.load(at, 32), v128.load(at - 1, 32)),
    i8x16.ne(v128.load(at, 48), v128.load(at - 1, 48)),
  );
}

/** What it costs is said, and why, where other texts are weighed. */
function costOf(kind: u8, run: i32, upper: i32, before: u8): f64 {
  switch (kind) {
    case LETTER:
      return 1 + <f64>max(0, run - 7) / 5 + <f64>upper * 0.35;
    case DIGIT:
      return <f64>((run + 2) / 3 + (before === SPACE ? 1 : 0));
    case SPACE:
      return run > 1 ? 1 : 0;
    case NEWLINE:
      return before === SIGN ? 0 : 1;
    case SIGN:
      return 0.7 + <f64>(run - 1) * 0.35;
    default:
      return 0;
  }
}
