// Events that differ in nothing but one piece of text, within a JSON string: each is written as an event of another shape
// around the same piece, which nobody has to understand for it.
import { inputAt, OUTPUT_SIZE, outputAt } from './memory';

const QUOTE: u8 = 0x22;
const BACKSLASH: u8 = 0x5c;
const SPACE: u8 = 0x20;
const VECTOR: usize = 16;
/** First byte of a character of four bytes, which is two in UTF-16. */
const FOUR_BYTES: u8 = 0xf0;
/** Bytes below it, as signed ones, are a character's second to fourth. */
const LATER_BYTES: i8 = -64;

let writtenEnd: usize = 0;
let units: i32 = 0;

/** Bytes that the last call wrote. */
export function piecesWritten(): usize {
  return writtenEnd - outputAt();
}

/** The length of the pieces that it wrote, in UTF-16, had they been read as JSON. */
export function piecesLength(): i32 {
  return units;
}

/**
 * The input holds, one after the other: what stands before a piece and behind it, what is to stand there instead, and
 * events. Returns how many bytes of these were read: whole events whose piece JSON.stringify would write as it stands, given
 * that it is UTF-8. Of an empty piece nothing is written.
 */
export function copyPieces(head: usize, tail: usize, newHead: usize, newTail: usize, events: usize): usize {
  const headAt = inputAt();
  const tailAt = headAt + head;
  const newHeadAt = tailAt + tail;
  const newTailAt = newHeadAt + newHead;
  const start = newTailAt + newTail;
  const end = start + events;
  const outputEnd = outputAt() + OUTPUT_SIZE;
  writtenEnd = outputAt();
  units = 0;
  let at = start;
  while (at + head < end && isSame(at, headAt, head)) {
    const pieceAt = at + head;
    const before = units;
    const pieceEnd = endOfPiece(pieceAt, end);
    const next = pieceEnd + tail;
    const length = pieceEnd - pieceAt;
    const isKnown = pieceEnd !== 0 && next <= end && isSame(pieceEnd, tailAt, tail);
    if (!isKnown || writtenEnd + newHead + length + newTail > outputEnd) {
      units = before;
      break;
    }
    if (length > 0) {
      write(newHeadAt, newHead);
      write(pieceAt, length);
      write(newTailAt, newTail);
    }
    at = next;
  }
  return at - start;
}

/** The place of its quote, or 0 where it is not written as JSON.stringify would or does not end. Its length is counted. */
function endOfPiece(from: usize, end: usize): usize {
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
    const plain = ctz(stops | (1 << VECTOR));
    units += unitsOf(bytes, (1 << plain) - 1);
    at += plain;
    if (plain === VECTOR) continue;
    if (at >= end) return 0;
    const byte = load<u8>(at);
    if (byte === QUOTE) return at;
    if (byte !== BACKSLASH || !isShort(load<u8>(at + 1))) return 0;
    units++;
    at += 2;
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

function isSame(one: usize, other: usize, length: usize): bool {
  let at: usize = 0;
  for (; at + VECTOR <= length; at += VECTOR) {
    if (i8x16.bitmask(i8x16.eq(v128.load(one + at), v128.load(other + at))) !== 0xffff) return false;
  }
  const rest = (1 << (<i32>(length - at))) - 1;
  return (i8x16.bitmask(i8x16.eq(v128.load(one + at), v128.load(other + at))) & rest) === rest;
}

/** Appends to the output; a vector may end past what counts. */
function write(from: usize, length: usize): void {
  for (let at: usize = 0; at < length; at += VECTOR) v128.store(writtenEnd + at, v128.load(from + at));
  writtenEnd += length;
}
