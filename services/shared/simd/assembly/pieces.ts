// Events that differ in nothing but one piece of text, within a JSON string: the pieces are written as events of another
// shape, or one behind the other, and nobody has to understand them for it.
import { VECTOR } from './blocks';
import { inputAt, OUTPUT_SIZE } from './memory';
import { clearOutput, write, written } from './output';

const QUOTE: u8 = 0x22;
const BACKSLASH: u8 = 0x5c;
const SPACE: u8 = 0x20;
const SLASH: u8 = 0x2f;
const LETTER_U: u8 = 0x75;
const BRACE: u8 = 0x7d;
/** Two line ends. */
const BLANK_LINE: u16 = 0x0a0a;
/** Length of a short escape. */
const SHORT: usize = 2;
/** First byte of a character of four bytes, which is two in UTF-16. */
const FOUR_BYTES: u8 = 0xf0;
/** Bytes below it, as signed ones, are a character's second to fourth. */
const LATER_BYTES: i8 = -64;

let units: i32 = 0;

/** The length of the pieces that were copied last, in UTF-16, had they been read as JSON. */
export function piecesLength(): i32 {
  return units;
}

/**
 * The input holds, one after the other: what stands before a piece and behind it, what is to stand there instead, and
 * events. Returns how many bytes of these were read: whole events whose piece JSON.stringify would write as it stands, given
 * that it is UTF-8. Of an empty piece nothing is written, unless `keepsEmpty`.
 */
export function copyPieces(
  head: usize,
  tail: usize,
  newHead: usize,
  newTail: usize,
  events: usize,
  keepsEmpty: bool,
): usize {
  const headAt = inputAt();
  const tailAt = headAt + head;
  const newHeadAt = tailAt + tail;
  const newTailAt = newHeadAt + newHead;
  const start = newTailAt + newTail;
  const end = start + events;
  clearOutput();
  units = 0;
  let at = start;
  while (at + head < end && isSame(at, headAt, head)) {
    const pieceAt = at + head;
    const before = units;
    const pieceEnd = endOfPiece(pieceAt, end, false);
    const next = pieceEnd + tail;
    const length = pieceEnd - pieceAt;
    const isKnown = pieceEnd !== 0 && next <= end && isSame(pieceEnd, tailAt, tail);
    if (!isKnown || written() + newHead + length + newTail > <usize>OUTPUT_SIZE) {
      units = before;
      break;
    }
    if (length > 0 || keepsEmpty) {
      write(newHeadAt, newHead);
      write(pieceAt, length);
      write(newTailAt, newTail);
    }
    at = next;
  }
  return at - start;
}

/**
 * Deltas as Anthropic writes them, whose heads are the first bytes of the input: their pieces are written, and the place
 * returned where the first event begins that is none of them or does not end. Any JSON string is a piece; ends too before one
 * whose first byte would go on with a broken character of the piece before.
 */
export function joinDeltas(head: usize, from: usize, end: usize): usize {
  clearOutput();
  let at = from;
  while (at + head < end && isSame(at, inputAt(), head)) {
    const pieceAt = at + head;
    const pieceEnd = endOfPiece(pieceAt, end, true);
    if (pieceEnd === 0) break;
    const next = endOfDelta(pieceEnd, end);
    if (next === 0 || (at > from && load<i8>(pieceAt) < LATER_BYTES)) break;
    write(pieceAt, pieceEnd - pieceAt);
    at = next;
  }
  return at;
}

/** From the quote behind its piece; 0 where anything but spaces stands between its braces. */
function endOfDelta(quote: usize, end: usize): usize {
  let at = quote + 2;
  while (at < end && load<u8>(at) === SPACE) at++;
  const isWhole = load<u8>(quote + 1) === BRACE && load<u8>(at) === BRACE && load<u16>(at + 1) === BLANK_LINE;
  return isWhole && at + 3 <= end ? at + 3 : 0;
}

/**
 * The place of its quote, or 0 where it does not end or is not sound; unless `isAny`, also where it is not written as
 * JSON.stringify would. Its length is counted.
 */
function endOfPiece(from: usize, end: usize, isAny: bool): usize {
  let at = from;
  while (at < end) {
    const bytes = v128.load(at);
    const stops = i8x16.bitmask(
      v128.or(
        v128.or(i8x16.eq(bytes, i8x16.splat(QUOTE)), i8x16.eq(bytes, i8x16.splat(BACKSLASH))),
        i8x16.lt_u(bytes, i8x16.splat(SPACE)),
      ),
    );
    // Past all of them where there is none.
    const plain = ctz(stops | (1 << (<i32>VECTOR)));
    units += unitsOf(bytes, (1 << plain) - 1);
    at += plain;
    if (plain === <i32>VECTOR) continue;
    if (at >= end) return 0;
    const byte = load<u8>(at);
    if (byte === QUOTE) return at;
    if (byte !== BACKSLASH) return 0;
    const length = isShort(load<u8>(at + 1)) ? SHORT : isAny ? longEscape(at + 1) : 0;
    if (length === 0) return 0;
    units++;
    at += length;
  }
  return 0;
}

/** UTF-16 code units of the characters that begin at the chosen bytes. */
function unitsOf(bytes: v128, chosen: i32): i32 {
  const first = i8x16.bitmask(i8x16.ge_s(bytes, i8x16.splat(LATER_BYTES))) & chosen;
  const double = i8x16.bitmask(i8x16.ge_u(bytes, i8x16.splat(FOUR_BYTES))) & chosen;
  return popcnt(first) + popcnt(double);
}

/** Behind a backslash: an escape that JSON.stringify writes too. The others have a longer or a shorter form. */
function isShort(byte: u8): bool {
  switch (byte) {
    case 0x22: // "
    case 0x5c: // \
    case 0x62: // b
    case 0x66: // f
    case 0x6e: // n
    case 0x72: // r
    case 0x74: // t
      return true;
    default:
      return false;
  }
}

/** The length of one of the others; 0 when it is none. */
function longEscape(at: usize): usize {
  const byte = load<u8>(at);
  if (byte === SLASH) return 2;
  if (byte !== LETTER_U) return 0;
  for (let place = at + 1; place <= at + 4; place++) {
    const digit = load<u8>(place);
    const letter = digit | 0x20;
    if (!((digit >= 0x30 && digit <= 0x39) || (letter >= 0x61 && letter <= 0x66))) return 0;
  }
  return 6;
}

function isSame(one: usize, other: usize, length: usize): bool {
  let at: usize = 0;
  for (; at + VECTOR <= length; at += VECTOR) {
    if (i8x16.bitmask(i8x16.eq(v128.load(one + at), v128.load(other + at))) !== 0xffff) return false;
  }
  const rest = (1 << (<i32>(length - at))) - 1;
  return (i8x16.bitmask(i8x16.eq(v128.load(one + at), v128.load(other + at))) & rest) === rest;
}
