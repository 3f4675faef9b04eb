// The chunks of an HTTP/1.1 body (RFC 9112, 7.1) as nearly all servers write them, with neither extensions nor a trailer.
import { inputAt } from './memory';
import { clearOutput, write } from './output';

const CR: i32 = 13;
const LF: i32 = 10;
/** What the next byte is, by the numbers of relay-agent.ts. */
const DATA: i32 = 0;
const DATA_CR: i32 = 1;
const DATA_LF: i32 = 2;
const SIZE: i32 = 3;
const SIZE_LF: i32 = 4;
const LAST_CR: i32 = 5;
const LAST_LF: i32 = 6;
const NOTHING: i32 = 7;
const MAX_SIZE_DIGITS: i32 = 7;

let next: i32 = DATA;
let left: i32 = 0;
let sizeDigits: i32 = 0;

/** Where the last call stopped. */
export function chunkNext(): i32 {
  return next;
}

/** Bytes of the chunk that are still to come. */
export function chunkLeft(): i32 {
  return left;
}

export function chunkDigits(): i32 {
  return sizeDigits;
}

/**
 * Goes on with a body of which that much stands in the input, and writes what its chunks hold. Returns how many bytes it has
 * read: up to the end of the body, or to one that is none of a plain body's.
 */
export function joinChunks(length: usize, nextByte: i32, bytesLeft: i32, digits: i32): usize {
  next = nextByte;
  left = bytesLeft;
  sizeDigits = digits;
  clearOutput();
  const end = inputAt() + length;
  let at = inputAt();
  while (at < end && next !== NOTHING) {
    if (next === DATA) {
      const part = min(<usize>left, end - at);
      write(at, part);
      at += part;
      left -= <i32>part;
      if (left === 0) next = DATA_CR;
    } else if (takeFraming(load<u8>(at))) at++;
    else break;
  }
  return at - inputAt();
}

/** False = the byte is none of a plain body's, and nothing has changed. */
function takeFraming(byte: i32): bool {
  switch (next) {
    case SIZE: {
      if (byte === CR && sizeDigits > 0) return expect(SIZE_LF);
      const digit = hexDigit(byte);
      if (digit === -1 || sizeDigits === MAX_SIZE_DIGITS) return false;
      left = left * 16 + digit;
      sizeDigits++;
      return true;
    }
    case SIZE_LF:
      return byte === LF && expect(left === 0 ? LAST_CR : DATA);
    case DATA_CR:
      return byte === CR && expect(DATA_LF);
    case DATA_LF:
      sizeDigits = 0;
      return byte === LF && expect(SIZE);
    case LAST_CR:
      return byte === CR && expect(LAST_LF);
    default:
      return byte === LF && expect(NOTHING);
  }
}

function expect(what: i32): bool {
  next = what;
  return true;
}

function hexDigit(byte: i32): i32 {
  if (byte >= 48 && byte <= 57) return byte - 48;
  const letter = byte | 32;
  return letter >= 97 && letter <= 102 ? letter - 87 : -1;
}
