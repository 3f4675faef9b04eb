// Strings of JSON, 64 bytes at a time with a bit for each: where one ends, and whether what stands in it is sound.
import { BLOCK, firstBits, toBits } from './blocks';

const QUOTE: i8 = 0x22;
const BACKSLASH: i8 = 0x5c;
const SPACE: i8 = 0x20;

/** The place of the quote that ends the string whose inside begins at `from`. Not before `end`: where to look on. */
export function stringEnd(from: usize, end: usize): usize {
  let carried: u64 = 0;
  for (let at = from; at < end; at += BLOCK) {
    const length = min(BLOCK, end - at);
    if (load<i8>(at + length - 1) !== BACKSLASH && !holds(at, QUOTE)) {
      carried = 0;
      continue;
    }
    const slashes = equalTo(at, BACKSLASH) & firstBits(length);
    const escaped = escapedIn(slashes, carried);
    const quotes = equalTo(at, QUOTE) & firstBits(length) & ~escaped;
    if (quotes !== 0) return at + <usize>ctz(quotes);
    carried = isOpen(slashes, escaped, length);
  }
  return end + <usize>carried;
}

/** The place before the first character that may not stand in a string, or the end. A number is not cut short at `end`. */
export function soundEnd(from: usize, end: usize): usize {
  let carried: u64 = 0;
  for (let at = from; at < end; at += BLOCK) {
    const length = min(BLOCK, end - at);
    const slashes = equalTo(at, BACKSLASH) & firstBits(length);
    const escaped = escapedIn(slashes, carried);
    let doubtful = hasControls(at) ? escaped | controls(at) : escaped;
    for (doubtful &= firstBits(length); doubtful !== 0; doubtful &= doubtful - 1) {
      const place = at + <usize>ctz(doubtful);
      if (!isShort(load<u8>(place)) && !isNumber(place, end)) return place - 1;
    }
    carried = isOpen(slashes, escaped, length);
  }
  return end - <usize>carried;
}

/** Every second bit. */
const ODD: u64 = (~(<u64>0) / 3) * 2;

/**
 * What stands behind an odd number of backslashes: a subtraction carries along each run of them, and its length tells where
 * it ends, as in simdjson. `carried`: 1 when the first byte is escaped.
 */
function escapedIn(slashes: u64, carried: u64): u64 {
  const first = slashes & ~carried;
  const escapes = (((first << 1) | ODD) - first) ^ ODD;
  return escapes ^ (slashes | carried);
}

/** 1 when the last of them escapes what comes next. */
function isOpen(slashes: u64, escaped: u64, length: usize): u64 {
  return ((slashes & ~escaped) >> (<u64>length - 1)) & 1;
}

function holds(at: usize, byte: i8): bool {
  const wanted = i8x16.splat(byte);
  const first = v128.or(i8x16.eq(v128.load(at), wanted), i8x16.eq(v128.load(at, 16), wanted));
  const last = v128.or(i8x16.eq(v128.load(at, 32), wanted), i8x16.eq(v128.load(at, 48), wanted));
  return v128.any_true(v128.or(first, last));
}

function equalTo(at: usize, byte: i8): u64 {
  const wanted = i8x16.splat(byte);
  return toBits(
    i8x16.eq(v128.load(at), wanted),
    i8x16.eq(v128.load(at, 16), wanted),
    i8x16.eq(v128.load(at, 32), wanted),
    i8x16.eq(v128.load(at, 48), wanted),
  );
}

function hasControls(at: usize): bool {
  const low = i8x16.min_u(v128.load(at), v128.load(at, 16));
  const least = i8x16.min_u(low, i8x16.min_u(v128.load(at, 32), v128.load(at, 48)));
  return v128.any_true(i8x16.lt_u(least, i8x16.splat(SPACE)));
}

function controls(at: usize): u64 {
  const space = i8x16.splat(SPACE);
  return toBits(
    i8x16.lt_u(v128.load(at), space),
    i8x16.lt_u(v128.load(at, 16), space),
    i8x16.lt_u(v128.load(at, 32), space),
    i8x16.lt_u(v128.load(at, 48), space),
  );
}

/** A bit for `"` and for `/`. */
const SIGNS: u64 = (1 << 0x22) | (1 << 0x2f);
/** For a backslash, `b`, `f`, `n`, `r` and `t`, less 0x40. */
const LETTERS: u64 = (1 << 0x1c) | (1 << 0x22) | (1 << 0x26) | (1 << 0x2e) | (1 << 0x32) | (1 << 0x34);

/** Is it escaped by a backslash alone? */
function isShort(byte: u8): bool {
  const bits = byte < 0x40 ? SIGNS : LETTERS;
  return byte < 0x80 && ((bits >> <u64>(byte & 0x3f)) & 1) !== 0;
}

/** A character by its number, from its `u` on. Not half a one, nor one that is escaped as two halves. */
function isNumber(at: usize, end: usize): bool {
  if (load<u8>(at) !== 0x75 || at + 4 >= end) return false;
  const first = digit(at + 1);
  const second = digit(at + 2);
  return (first | second | digit(at + 3) | digit(at + 4)) >= 0 && (first !== 0xd || second < 8);
}

/** Hexadecimal; negative when it is none. */
function digit(at: usize): i32 {
  const byte = <i32>load<u8>(at);
  if (byte >= 0x30 && byte <= 0x39) return byte - 0x30;
  const letter = byte | 0x20;
  return letter >= 0x61 && letter <= 0x66 ? letter - 0x57 : -1;
}
