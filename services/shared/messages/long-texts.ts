// A request whose long texts stay where they stand. Its JSON holds the beginning of each and a mark; in the body that is
// sent, the rest takes the mark's place as the JSON it came as, neither written anew nor copied. Who converts it may move,
// join, drop and quote a text and read its beginning, not its end.
import { randomUUID } from 'node:crypto';
import type { MessagesRequest } from '#shared/wire/anthropic.ts';
import { approximateJsonTokens, approximateTokens } from './approximate-tokens.ts';
import type { Span } from './scan-top-level.ts';
import { borderBefore, isSoundText } from './sound-text.ts';

export interface LongTexts {
  /** Tokens of a text of the request, also of what is not in it. */
  countText(text: string): number;
  /** A body made of the request → the pieces to send. */
  restore(body: Buffer): Buffer[];
}

export interface ParsedRequest {
  request: MessagesRequest;
  /** null = it has none. */
  texts: LongTexts | null;
}

/** So many characters are in its beginning, from the first to the last that is no white space. */
const SEEN_CHARS = 400;
/** Holds as many: none of them is escaped as four digits, and none takes more than three bytes. */
const START_BYTES = 1280;
/** A character by its number. */
const BY_NUMBER = '\\u';
/** Pieces below this are copied together: each costs a write. */
const SMALL_BYTES = 8192;

interface LongText {
  /** Where it stands, without quotes. */
  span: Span;
  /** Behind what is parsed. */
  restAt: number;
  /** Of what is parsed. */
  startLength: number;
  tokens: number;
}

/** Tools of the request that need not be parsed, and where they stand. */
export interface ToolsBeside {
  span: Span;
  list: unknown[];
}

/** `parts`: where its long texts are looked for, as a scan with a watch found them. Null when the bytes are no JSON object. */
export function parseBesideTexts(
  bytes: Buffer,
  parts: readonly Span[],
  tools: ToolsBeside | null = null,
): ParsedRequest | null {
  try {
    const texts = parts
      .flatMap(({ outline }) => outline?.longStrings ?? [])
      .filter((span) => isText(bytes, span.start))
      .flatMap((span) => setAside(bytes, span) ?? [])
      .sort((a, b) => a.restAt - b.restAt);
    const mark = createMark();
    const value: unknown = JSON.parse(replace(bytes, toCuts(texts, mark, tools)));
    if (typeof value !== 'object' || value === null || Array.isArray(value)) return null;
    const request = value as MessagesRequest;
    if (tools !== null) request.tools = tools.list as MessagesRequest['tools'] & object;
    if (texts.length === 0) return { request, texts: null };
    return {
      request,
      texts: {
        countText: (text) => countText(text, texts, mark),
        restore: (body) => joinSmall(restore(body, bytes, texts, mark)),
      },
    };
  } catch (error) {
    if (error instanceof SyntaxError) return null;
    throw error;
  }
}

const TEXT_KEYS = ['"text"', '"content"'].map((key) => Buffer.from(key));
const COLON = 0x3a;
const BACKSLASH = 0x5c;
const QUOTE = 0x22;
const TILDE = 0x7e;

/** Is it the value of a key under which texts stand? */
function isText(bytes: Buffer, at: number): boolean {
  const colon = skipSpaceBack(bytes, at - 1);
  if (bytes[colon] !== COLON) return false;
  const end = skipSpaceBack(bytes, colon - 1) + 1;
  return TEXT_KEYS.some((key) => {
    const start = end - key.length;
    return start > 0 && bytes[start - 1] !== BACKSLASH && key.equals(bytes.subarray(start, end));
  });
}

function skipSpaceBack(bytes: Buffer, from: number): number {
  let at = from;
  while (at >= 0 && (bytes[at] ?? 0) <= 0x20) at--;
  return at;
}

/** Null when it has to be parsed where it stands. @throws SyntaxError when it does not begin as JSON */
function setAside(bytes: Buffer, { start, end }: Span): LongText | null {
  const restAt = borderBefore(bytes, start + 1 + START_BYTES);
  const json = bytes.toString('utf8', start + 1, restAt);
  if (json.includes(BY_NUMBER)) return null;
  const begin = JSON.parse(`"${json}"`) as string;
  // White space alone is no text.
  if (begin.trim().length < SEEN_CHARS || !isSoundText(bytes, { start: restAt, end: end - 1 })) return null;
  return {
    span: { start: start + 1, end: end - 1 },
    restAt,
    startLength: begin.length,
    tokens: approximateJsonTokens(bytes.subarray(start + 1, end - 1)),
  };
}

/** Nobody can know it who wrote the request. Its quote shows how deep in JSON it is quoted. */
function createMark(): string {
  return `"${randomUUID()}:`;
}

/** What stands in the place of bytes. */
interface Cut extends Span {
  json: string;
}

function toCuts(texts: readonly LongText[], mark: string, tools: ToolsBeside | null): Cut[] {
  const cuts = texts.map(({ span: { end }, restAt }, index) => ({ start: restAt, end, json: `~\\${mark}${index}~` }));
  if (tools === null) return cuts;
  return [...cuts, { ...tools.span, json: 'null' }].sort((a, b) => a.start - b.start);
}

function replace(bytes: Buffer, cuts: readonly Cut[]): string {
  let json = '';
  let at = 0;
  for (const { start, end, json: instead } of cuts) {
    json += bytes.toString('utf8', at, start) + instead;
    at = end;
  }
  return json + bytes.toString('utf8', at);
}

function countText(text: string, texts: readonly LongText[], mark: string): number {
  let tokens = 0;
  let rest = '';
  let at = 0;
  for (let found = text.indexOf(mark); found !== -1; found = text.indexOf(mark, at)) {
    const end = text.indexOf('~', found);
    const long = texts[Number(text.slice(found + mark.length, end))];
    rest += text.slice(at, Math.max(at, found - 1 - (long?.startLength ?? 0)));
    tokens += long?.tokens ?? 0;
    at = end + 1;
  }
  return tokens + approximateTokens(at === 0 ? text : rest + text.slice(at));
}

function restore(body: Buffer, bytes: Buffer, texts: readonly LongText[], mark: string): Buffer[] {
  const pieces: Buffer[] = [];
  let at = 0;
  for (let found = body.indexOf(mark); found !== -1; found = body.indexOf(mark, at)) {
    let start = found;
    while (body[start - 1] === BACKSLASH) start--;
    const end = body.indexOf(TILDE, found);
    const long = texts[Number(body.toString('latin1', found + mark.length, end))];
    if (long === undefined || body[found] !== QUOTE || body[start - 1] !== TILDE) throw new Error('a mark was changed');
    // One backslash in a string of the body; in JSON inside of a string three.
    const depth = Math.log2(found - start + 1);
    pieces.push(body.subarray(at, start - 1), quoted(bytes.subarray(long.restAt, long.span.end), depth - 1));
    at = end + 1;
  }
  return [...pieces, body.subarray(at)];
}

function quoted(json: Buffer, times: number): Buffer {
  if (times === 0) return json;
  let text = json.toString('latin1');
  for (let time = 0; time < times; time++) text = JSON.stringify(text).slice(1, -1);
  return Buffer.from(text, 'latin1');
}

function joinSmall(pieces: readonly Buffer[]): Buffer[] {
  const joined: Buffer[] = [];
  let small: Buffer[] = [];
  const flush = (): void => {
    if (small.length > 0) joined.push(small.length === 1 && small[0] ? small[0] : Buffer.concat(small));
    small = [];
  };
  for (const piece of pieces) {
    if (piece.length < SMALL_BYTES) small.push(piece);
    else {
      flush();
      joined.push(piece);
    }
  }
  flush();
  return joined;
}
