// A walk through an array or object of JSON, to its end: strings are passed, brackets matched, and what its outline tells is
// noted. It goes on from one block of bytes to the next.
import { stringEnd } from './json-strings';
import { INPUT_SIZE, inputAt, outputAt } from './memory';

const QUOTE: u8 = 0x22;
const BACKSLASH: u8 = 0x5c;
const COMMA: u8 = 0x2c;
const OPEN_BRACE: u8 = 0x7b;
const OPEN_BRACKET: u8 = 0x5b;
const CLOSE_BRACE: u8 = 0x7d;
const CLOSE_BRACKET: u8 = 0x5d;

const MOST_DEPTH: i32 = 4096;
const MOST_PREFIX: i32 = 64;
/** Their places fit into the output. */
const MOST_OBJECTS: i32 = 100001;
/** Bytes, quotes included. */
const LONG_STRING: usize = 2048;
const MOST_STRINGS: usize = INPUT_SIZE / LONG_STRING;

const STRINGS_AT: usize = 32;
const OBJECTS_AT: usize = STRINGS_AT + 8 * MOST_STRINGS;

const closers = memory.data(MOST_DEPTH);
const prefix = memory.data(MOST_PREFIX);

let prefixLength: i32 = 0;
let isSeen: bool = false;
let most: i32 = 0;
let depth: i32 = 0;
let commas: i32 = 0;
let fields: i32 = 0;
let lastStart: i32 = -1;
let objects: i32 = 0;
let strings: i32 = 0;

/** Of the input so many bytes are the prefix that is looked out for; 0 = none is. */
export function beginWalk(maxDepth: i32, watched: i32): void {
  prefixLength = min(watched, MOST_PREFIX);
  memory.copy(prefix, inputAt(), prefixLength);
  isSeen = false;
  most = min(maxDepth, MOST_DEPTH);
  depth = 0;
  commas = 0;
  fields = 0;
  lastStart = -1;
  objects = 0;
}

/**
 * Where it stops: behind the container, at the end of the bytes, or at what it does not pass, which is a string that goes on
 * behind them, and a bracket that does not match or is too deep. `place`: of the first byte in the body.
 */
export function walk(from: usize, end: usize, place: i32): usize {
  strings = 0;
  const at = pass(from, end, place);
  tell();
  return at;
}

function pass(from: usize, end: usize, place: i32): usize {
  for (let at = from; at < end; at++) {
    const byte = load<u8>(at);
    if (byte === QUOTE) {
      const quote = closingQuote(at + 1, end);
      if (quote >= end) return at;
      if (prefixLength !== 0 && !isSeen) isSeen = memory.compare(at + 1, prefix, prefixLength) === 0;
      if (quote + 1 - at >= LONG_STRING) noteString(place + <i32>(at - from), place + <i32>(quote + 1 - from));
      at = quote;
    } else if (byte === COMMA) separate();
    else if (byte === OPEN_BRACE || byte === OPEN_BRACKET) {
      if (depth + 2 > most) return at;
      open(byte, place + <i32>(at - from));
    } else if (byte === CLOSE_BRACE || byte === CLOSE_BRACKET) {
      if (load<u8>(closers + depth - 1) !== byte) return at;
      if (--depth === 0) return at + 1;
    }
  }
  return end;
}

/** Behind these in the output: where each of the long strings begins and ends, then where the objects begin. */
function tell(): void {
  const at = outputAt();
  store<i32>(at, depth);
  store<i32>(at, <i32>isSeen, 4);
  store<i32>(at, commas, 8);
  store<i32>(at, lastStart, 12);
  store<i32>(at, fields, 16);
  store<i32>(at, objects, 20);
  store<i32>(at, strings, 24);
}

function open(bracket: u8, place: i32): void {
  // The closing bracket comes two characters behind the opening one.
  store<u8>(closers + depth, bracket + 2);
  depth++;
  if (depth === 2) {
    lastStart = place;
    fields = 1;
    objects = 0;
  } else if (depth === 4 && bracket === OPEN_BRACE && load<u8>(closers + 2) === CLOSE_BRACKET) {
    if (objects < MOST_OBJECTS) store<i32>(outputAt() + OBJECTS_AT + 4 * objects++, place);
  }
}

function noteString(start: i32, end: i32): void {
  const at = outputAt() + STRINGS_AT + 8 * strings;
  store<i32>(at, start);
  store<i32>(at, end, 4);
  strings++;
}

function separate(): void {
  if (depth === 1) {
    commas++;
    lastStart = -1;
  } else if (depth === 2) fields++;
}

/** Most strings are short, and end among the first bytes of them. */
function closingQuote(from: usize, end: usize): usize {
  const bytes = v128.load(from);
  const quotes = i8x16.bitmask(i8x16.eq(bytes, i8x16.splat(QUOTE)));
  const slashes = i8x16.bitmask(i8x16.eq(bytes, i8x16.splat(BACKSLASH)));
  const before = (quotes & -quotes) - 1;
  if (quotes !== 0 && (slashes & before) === 0) return from + <usize>ctz(quotes);
  return stringEnd(from, end);
}
