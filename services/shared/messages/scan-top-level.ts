// Reads the top level of a JSON object from bytes without parsing what is inside: a native request is looked at only as
// far as routing needs. Brackets, strings and the depth are checked everywhere; the rest is the upstream's to refuse.
import { byteKernel } from '#shared/simd/byte-kernel.ts';

/** Where a value stands: `bytes.subarray(start, end)` is its JSON. */
export interface Span {
  start: number;
  end: number;
  /** Of an array, where a watch is given: what is in it is passed then anyway. */
  outline?: Outline;
}

export interface Outline {
  /** Elements. */
  readonly items: number;
  /** Where the last element begins, if that is an object or array itself; else -1. */
  readonly lastStart: number;
  /** How many fields or elements that one has, if it has any, and where the objects in its arrays begin, up to one too many. */
  readonly fields: number;
  readonly objects: readonly number[];
  /** Strings in it of at least 2 KB, quotes included. */
  readonly longStrings: readonly Span[];
}

export class ScanError extends Error {
  readonly reason: 'not_json' | 'not_object' | 'too_deep' | 'too_long' | 'duplicate_key';
  readonly key: string | undefined;
  constructor(reason: ScanError['reason'], message: string, key?: string) {
    super(message);
    this.name = 'ScanError';
    this.reason = reason;
    this.key = key;
  }
}

export const NO_OUTLINE: Outline = Object.freeze({ items: 0, lastStart: -1, fields: 0, objects: [], longStrings: [] });

const QUOTE = 0x22;
const BACKSLASH = 0x5c;
const OPEN_BRACE = 0x7b;
const CLOSE_BRACE = 0x7d;
const OPEN_BRACKET = 0x5b;
const CLOSE_BRACKET = 0x5d;
const COMMA = 0x2c;
const COLON = 0x3a;

/** Looked out for on the way: is there a string below the top level that begins with these bytes, as they are? */
export interface StringWatch {
  /** At most 64 of them. */
  readonly prefix: Buffer;
  isSeen: boolean;
  /** Of the array that was passed last. */
  outline: Outline;
}

/**
 * Top-level keys → where their values stand. A key that occurs twice is kept in `unique` only when asked for; readers of
 * JSON differ in which one they take, so those keys are refused.
 * @throws ScanError
 */
export function scanTopLevel(
  bytes: Buffer,
  maxDepth: number,
  unique: ReadonlySet<string>,
  watch?: StringWatch,
): Map<string, Span> {
  const spans = new Map<string, Span>();
  const end = scanFields(
    bytes,
    skipSpace(bytes, 0),
    maxDepth,
    (key, span) => {
      if (spans.has(key) && unique.has(key)) throw new ScanError('duplicate_key', `the key "${key}" occurs twice`, key);
      spans.set(key, span);
      return true;
    },
    watch,
  );
  const rest = skipSpace(bytes, end);
  if (rest !== bytes.length) throw broken(rest, 'nothing after the object');
  return spans;
}

/**
 * Tells each field of the object that begins at `from`, in order, until `onField` says no. Returns the place after the
 * object, or where it stopped.
 * @throws ScanError
 */
export function scanFields(
  bytes: Buffer,
  from: number,
  maxDepth: number,
  onField: (key: string, span: Span) => boolean,
  watch?: StringWatch,
): number {
  let at = from;
  if (bytes[at] !== OPEN_BRACE) throw notObject(bytes, at);
  at = skipSpace(bytes, at + 1);
  if (bytes[at] === CLOSE_BRACE) return at + 1;
  for (;;) {
    if (bytes[at] !== QUOTE) throw broken(at, 'a key in double quotes');
    const keyEnd = skipString(bytes, at);
    const key = readKey(bytes, at, keyEnd);
    at = skipSpace(bytes, keyEnd);
    if (bytes[at] !== COLON) throw broken(at, 'a colon');
    const start = skipSpace(bytes, at + 1);
    const end = skipValue(bytes, start, maxDepth, watch);
    at = skipSpace(bytes, end);
    if (!onField(key, toSpan(bytes, start, end, watch))) return at;
    if (bytes[at] === CLOSE_BRACE) return at + 1;
    if (bytes[at] !== COMMA) throw broken(at, 'a comma or the end of the object');
    at = skipSpace(bytes, at + 1);
  }
}

function toSpan(bytes: Buffer, start: number, end: number, watch: StringWatch | undefined): Span {
  return watch === undefined || bytes[start] !== OPEN_BRACKET ? { start, end } : { start, end, outline: watch.outline };
}

/** No request has more messages, blocks or tools: an element a byte would take gigabytes and seconds to tell apart. */
export const MOST_ELEMENTS = 100_000;

/**
 * Where the elements of an array stand; none when the value is no array. `endOf`: for who knows better where one ends that
 * begins there; asked for one after the other.
 * @throws ScanError
 */
export function scanList(
  bytes: Buffer,
  { start, end }: Span,
  maxDepth: number,
  endOf: (at: number) => number = (at) => skipValue(bytes, at, maxDepth),
): Span[] {
  if (bytes[start] !== OPEN_BRACKET) return [];
  const elements: Span[] = [];
  let at = skipSpace(bytes, start + 1);
  if (bytes[at] === CLOSE_BRACKET) return elements;
  for (;;) {
    const elementEnd = endOf(at);
    if (elements.length === MOST_ELEMENTS)
      throw new ScanError('too_long', `longer than ${MOST_ELEMENTS} elements in a list`);
    elements.push({ start: at, end: elementEnd });
    at = skipSpace(bytes, elementEnd);
    if (bytes[at] === CLOSE_BRACKET && at < end) return elements;
    if (bytes[at] !== COMMA) throw broken(at, 'a comma or the end of the array');
    at = skipSpace(bytes, at + 1);
  }
}

function notObject(bytes: Buffer, at: number): ScanError {
  const first = bytes[at];
  const startsValue = first !== undefined && /[[\]"0-9tfn-]/.test(String.fromCharCode(first));
  return startsValue
    ? new ScanError('not_object', 'the top level is not an object')
    : new ScanError('not_json', first === undefined ? 'the body is empty' : 'it does not begin as JSON');
}

function broken(at: number, expected: string): ScanError {
  return new ScanError('not_json', `expected ${expected} at byte ${at}`);
}

function skipSpace(bytes: Buffer, from: number): number {
  let at = from;
  for (let byte = bytes[at]; byte === 0x20 || byte === 0x0a || byte === 0x0d || byte === 0x09; byte = bytes[at]) at++;
  return at;
}

/** Short strings are walked; from here on a search for the next quote is quicker. */
const WALK = 24;

/** `at` is the opening quote; returns the place after the closing one. */
function skipString(bytes: Buffer, at: number): number {
  let next = at + 1;
  const walkEnd = next + WALK;
  for (; next < walkEnd; next++) {
    const byte = bytes[next];
    if (byte === QUOTE) return next + 1;
    if (byte === BACKSLASH) next++;
    else if (byte === undefined) throw broken(next, 'the end of a string');
  }
  return skipLongString(bytes, next);
}

/** A search for the next quote is quickest where quotes are rare: so many of them are found one by one. */
const FEW_QUOTES = 4;
/** Where they take no more than so many bytes, the kernel is quicker: it passes all that are in a block at once. */
const DENSE_BYTES = 2048;
const FIRST_BLOCK = 1024;
/** So much of the kernel's memory stays in the nearest cache. */
const LARGEST_BLOCK = 16_384;

function skipLongString(bytes: Buffer, from: number): number {
  let at = from;
  for (let block = FIRST_BLOCK; ; ) {
    const start = at;
    for (let quotes = 0; quotes < FEW_QUOTES; quotes++) {
      const quote = bytes.indexOf(QUOTE, at);
      if (quote === -1) throw broken(bytes.length, 'the end of a string');
      at = quote + 1;
      if (!isEscaped(bytes, quote, start)) return at;
    }
    if (at - start > DENSE_BYTES) continue;
    const to = Math.min(bytes.length, at + block);
    at = stringEnd(bytes, at, to);
    if (at < to) return at + 1;
    block = Math.min(block * 4, LARGEST_BLOCK);
  }
}

function isEscaped(bytes: Buffer, at: number, from: number): boolean {
  let slashes = 0;
  while (at - 1 - slashes >= from && bytes[at - 1 - slashes] === BACKSLASH) slashes++;
  return slashes % 2 === 1;
}

/** Where the closing quote stands; not before `to`: where to look on. */
function stringEnd(bytes: Buffer, from: number, to: number): number {
  const { input, inputAt, run } = byteKernel;
  bytes.copy(input, 0, from, to);
  return from + run.stringEnd(inputAt, inputAt + to - from) - inputAt;
}

function readKey(bytes: Buffer, start: number, end: number): string {
  const raw = bytes.toString('utf8', start, end);
  if (!raw.includes('\\')) return raw.slice(1, -1);
  try {
    return JSON.parse(raw) as string;
  } catch {
    throw broken(start, 'a valid key');
  }
}

/**
 * Returns the place after the value that begins there.
 * @throws ScanError
 */
export function skipValue(bytes: Buffer, at: number, maxDepth: number, watch?: StringWatch): number {
  const first = bytes[at];
  if (first === QUOTE) return skipString(bytes, at);
  if (first === OPEN_BRACE || first === OPEN_BRACKET) return skipContainer(bytes, at, maxDepth, watch);
  return skipScalar(bytes, at);
}

const SCALAR = /^(?:true|false|null|-?(?:0|[1-9]\d*)(?:\.\d+)?(?:[eE][+-]?\d+)?)$/;

function skipScalar(bytes: Buffer, at: number): number {
  let end = at;
  for (
    let byte = bytes[end];
    byte !== undefined && byte > 0x20 && byte !== COMMA && byte !== CLOSE_BRACE && byte !== CLOSE_BRACKET;
    byte = bytes[end]
  ) {
    end++;
  }
  if (!SCALAR.test(bytes.toString('latin1', at, Math.min(end, at + 400)))) throw broken(at, 'a value');
  return end;
}

/** For the kernel too. */
const LONG_STRING = 2048;
/** Where the kernel tells of a walk: figures, the places of up to 64 long strings, and those of objects. */
const TOLD = { depth: 0, sawPrefix: 1, commas: 2, lastStart: 3, fields: 4, objects: 5, strings: 6 };
const STRING_PLACES = 8;
const OBJECT_PLACES = 136;

function skipContainer(bytes: Buffer, from: number, maxDepth: number, watch?: StringWatch): number {
  const { input, inputAt, numbers, run } = byteKernel;
  if (watch && !watch.isSeen) input.set(watch.prefix);
  run.beginWalk(maxDepth, watch && !watch.isSeen ? watch.prefix.length : 0);
  const longStrings: Span[] = [];
  // Quadrupled as long as there is more: beyond the container no more is copied than a first block, or four times its length.
  let size = FIRST_BLOCK;
  for (let at = from; at < bytes.length; ) {
    const to = Math.min(bytes.length, at + size);
    bytes.copy(input, 0, at, to);
    at += run.walk(inputAt, inputAt + to - at, at) - inputAt;
    if (numbers[TOLD.strings] !== 0) longStrings.push(...walkedStrings());
    if (at > from && numbers[TOLD.depth] === 0) {
      if (watch) readWalk(bytes, { start: from, end: at }, watch, longStrings);
      return at;
    }
    const start = at;
    if (at === to) size = Math.min(size * 4, LARGEST_BLOCK);
    else at = passOver(bytes, at, maxDepth, watch);
    if (at - start >= LONG_STRING) longStrings.push({ start, end: at });
  }
  throw broken(bytes.length, 'the end of an array or object');
}

/** What the walk stopped at: a string that is longer than the block, or what ends the scan. */
function passOver(bytes: Buffer, at: number, maxDepth: number, watch: StringWatch | undefined): number {
  const byte = bytes[at];
  if (byte === QUOTE) {
    if (watch && !watch.isSeen) watch.isSeen = beginsWith(bytes, at + 1, watch.prefix);
    return skipString(bytes, at);
  }
  // The object around the value is the first level.
  if (byte !== CLOSE_BRACE && byte !== CLOSE_BRACKET)
    throw new ScanError('too_deep', `nested deeper than ${maxDepth} levels`);
  throw broken(at, 'the bracket that matches');
}

/** Those that were passed in one block. */
function walkedStrings(): Span[] {
  const { numbers } = byteKernel;
  return Array.from({ length: numbers[TOLD.strings] ?? 0 }, (_, index) => {
    const place = STRING_PLACES + 2 * index;
    return { start: numbers[place] ?? 0, end: numbers[place + 1] ?? 0 };
  });
}

function readWalk(bytes: Buffer, { start, end }: Span, watch: StringWatch, longStrings: readonly Span[]): void {
  const { numbers } = byteKernel;
  const told = (figure: keyof typeof TOLD): number => numbers[TOLD[figure]] ?? 0;
  if (told('sawPrefix') !== 0) watch.isSeen = true;
  if (bytes[start] !== OPEN_BRACKET) return;
  watch.outline = {
    items: skipSpace(bytes, start + 1) === end - 1 ? 0 : told('commas') + 1,
    lastStart: told('lastStart'),
    fields: told('fields'),
    objects: [...numbers.subarray(OBJECT_PLACES, OBJECT_PLACES + told('objects'))],
    longStrings,
  };
}

function beginsWith(bytes: Buffer, at: number, prefix: Buffer): boolean {
  for (let index = 0; index < prefix.length; index++) if (bytes[at + index] !== prefix[index]) return false;
  return true;
}
