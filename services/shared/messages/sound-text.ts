// Is the inside of a JSON string what every reader of JSON takes? Told from its bytes, without decoding them.
import { isUtf8 } from 'node:buffer';
import type { Span } from './scan-top-level.ts';

const BACKSLASH = 0x5c;
const SPACE = 0x20;
/** 1 for each character that is escaped by a backslash alone. */
const ESCAPED = Uint8Array.from({ length: 128 }, (_, code) =>
  '"\\/bfnrt'.includes(String.fromCharCode(code)) ? 1 : 0,
);
/** Not of half a character, which JSON can escape and Unicode does not know; nor of one that is escaped as two halves. */
const BY_NUMBER = /^u(?!d[89a-f])[\da-f]{4}/i;
const LONGEST_ESCAPE = '\\u0000'.length;
/** A search in a string costs half of one in bytes; a short string is gone while it is young. */
const PIECE_BYTES = 32_768;
/** Called often, a loop is compiled with what surrounds it; long and rare, it would be compiled anew in each run. */
const BLOCK_WORDS = 1024;

export function isSoundText(bytes: Buffer, span: Span): boolean {
  return isUtf8(bytes.subarray(span.start, span.end)) && !hasControls(bytes, span) && hasSoundEscapes(bytes, span);
}

/** The last place up to `most` that is not inside a character, nor between a backslash and what it escapes. */
export function borderBefore(bytes: Buffer, most: number): number {
  let at = most;
  while (((bytes[at] ?? 0) & 0xc0) === 0x80) at--;
  let slashes = 0;
  while (bytes[at - 1 - slashes] === BACKSLASH) slashes++;
  return at - (slashes % 2);
}

/** Four bytes at a time where they are one word. */
function hasControls(bytes: Buffer, { start, end }: Span): boolean {
  const { buffer, byteOffset } = bytes;
  const firstWord = (byteOffset + start + 3) >> 2;
  const words = new Int32Array(buffer, firstWord * 4, Math.max(0, ((byteOffset + end) >> 2) - firstWord));
  const wordsAt = Math.min(end, firstWord * 4 - byteOffset);
  for (let from = 0; from < words.length; from += BLOCK_WORDS) {
    if (hasControlIn(words, from, Math.min(words.length, from + BLOCK_WORDS))) return true;
  }
  const isBelow = (byte: number): boolean => byte < SPACE;
  return bytes.subarray(start, wordsAt).some(isBelow) || bytes.subarray(wordsAt + words.length * 4, end).some(isBelow);
}

/** The subtraction turns on the highest bit of those that are below. */
function hasControlIn(words: Int32Array, from: number, to: number): boolean {
  for (let index = from; index < to; index++) {
    const word = words[index] ?? 0;
    if (((word - 0x20202020) & ~word & 0x80808080) !== 0) return true;
  }
  return false;
}

function hasSoundEscapes(bytes: Buffer, { start, end }: Span): boolean {
  for (let from = start; from < end; ) {
    const to = Math.min(end, from + PIECE_BYTES);
    const text = bytes.toString('latin1', from, to);
    // What may reach over the end of a piece begins the next.
    const last = to < end ? text.length - LONGEST_ESCAPE : text.length;
    let at = text.indexOf('\\');
    while (at !== -1 && at <= last) {
      if (ESCAPED[text.charCodeAt(at + 1)] === 1) at += 2;
      else if (BY_NUMBER.test(text.slice(at + 1, at + LONGEST_ESCAPE))) at += LONGEST_ESCAPE;
      else return false;
      at = text.indexOf('\\', at);
    }
    from = at === -1 ? to : from + at;
  }
  return true;
}
