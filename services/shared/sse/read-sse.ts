// Bytes of a server-sent event stream → events (https://html.spec.whatwg.org/multipage/server-sent-events.html). The
// only place that turns stream bytes into text: one streaming decoder, so that a character split over two chunks stays
// whole, and CR, LF and CRLF split anywhere mean the same.
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';

const require = createRequire(import.meta.url);
/**
 * The package's built code by path: it also exports TypeScript under a condition named `source`, as ours is, and Node
 * strips no types below node_modules.
 */
const built = join(dirname(require.resolve('eventsource-parser/package.json')), 'dist/index.js');
const { createParser } = require(built) as typeof import('eventsource-parser');

/** One event. `event` is undefined when the stream named none. */
export interface SseEvent {
  event: string | undefined;
  data: string;
}

/**
 * Reads events ahead of decoder and parser: given the stream's bytes and where an event begins in them, says how far it has
 * read whole events; the same place = none.
 */
export type ReadAhead = (bytes: Buffer, at: number) => number;

export interface SseReaderOptions {
  /** `atMs` is the time given with the chunk that completed the event. When it throws, the error leaves `push`. */
  onEvent(event: SseEvent, atMs: number): void;
  /** Most characters that one unfinished event may hold; 16 Mi by default. */
  maxBufferBytes?: number;
  /** For who knows most events by sight. */
  readAhead?: ReadAhead;
}

export interface SseReader {
  /**
   * An event without its closing blank line is never delivered.
   * @throws SseBufferError when an event is over the limit; what `onEvent` threw. The reader takes nothing afterwards.
   */
  push(bytes: Buffer, atMs: number): void;
}

/** An event that is too long to be held. */
export class SseBufferError extends Error {
  constructor(limit: number, cause?: unknown) {
    super(`an event of the stream is longer than ${limit} characters`, cause === undefined ? undefined : { cause });
    this.name = 'SseBufferError';
  }
}

const DEFAULT_LIMIT = 16 * 1024 * 1024;
/** Room for field names beside the data, so that the limit on data alone decides, however the bytes were split. */
const FIELD_ROOM = 1024;

export function createSseReader({ onEvent, maxBufferBytes = DEFAULT_LIMIT, readAhead }: SseReaderOptions): SseReader {
  const decoder = new TextDecoder('utf-8', { ignoreBOM: true });
  let failure: unknown;
  let nowMs = 0;
  const parser = createParser({
    maxBufferSize: maxBufferBytes + FIELD_ROOM,
    onEvent: ({ event, data }) => {
      if (data.length > maxBufferBytes) throw new SseBufferError(maxBufferBytes);
      onEvent({ event, data }, nowMs);
    },
    onError: (error) => {
      if (error.type === 'max-buffer-size-exceeded') throw new SseBufferError(maxBufferBytes, error);
    },
  });
  const parse = (bytes: Buffer): void => parser.feed(decoder.decode(bytes, { stream: true }));
  const feed = readAhead ? feedBehind(readAhead, parse) : parse;
  return {
    push(bytes, atMs) {
      if (failure !== undefined) throw failure;
      nowMs = atMs;
      try {
        feed(bytes);
      } catch (error) {
        failure = error;
        throw error;
      }
    },
  };
}

const EVENT_END = Buffer.from('\n\n');
/** After so many events in a row that were not known by sight, one look at each piece of the stream is enough. */
const MOST_MISSES = 4;

/** The parser gets what was not read ahead: an event at a time, or all of them where none is known. */
function feedBehind(readAhead: ReadAhead, parse: (bytes: Buffer) => void): (bytes: Buffer) => void {
  let isBetween = true;
  let misses = 0;
  return (bytes) => {
    for (let at = 0; at < bytes.length; ) {
      const read = isBetween ? readAhead(bytes, at) : at;
      if (read > at) {
        at = read;
        misses = 0;
        continue;
      }
      if (isBetween) misses++;
      const found = misses > MOST_MISSES ? bytes.lastIndexOf(EVENT_END) : bytes.indexOf(EVENT_END, at);
      isBetween = found >= at;
      const end = isBetween ? found + EVENT_END.length : bytes.length;
      parse(bytes.subarray(at, end));
      at = end;
    }
  };
}

const LF = 10;
const CR = 13;
const COLON = 58;

export interface EventBoundary {
  push(bytes: Uint8Array): void;
  /** True when nothing but blank lines and whole comments came after the last event: bytes may be added here. */
  betweenEvents(): boolean;
}

/** Follows where in an event the bytes stand, without making text of them: for a relay that may only look. */
export function createEventBoundary(): EventBoundary {
  let lineOpen = false;
  let lineIsComment = false;
  let fieldSeen = false;
  let afterCr = false;
  return {
    push(bytes) {
      const hasCr = bytes.includes(CR);
      let at = 0;
      while (at < bytes.length) {
        const byte = bytes[at];
        if (byte === LF || byte === CR) {
          const secondHalf = byte === LF && afterCr;
          if (!secondHalf) {
            if (!lineOpen) fieldSeen = false;
            else if (!lineIsComment) fieldSeen = true;
            lineOpen = false;
          }
          afterCr = byte === CR;
          at += 1;
          continue;
        }
        if (!lineOpen) lineIsComment = byte === COLON;
        lineOpen = true;
        afterCr = false;
        at = hasCr ? at + 1 : nextLineEnd(bytes, at);
      }
    },
    betweenEvents: () => !lineOpen && !fieldSeen,
  };
}

function nextLineEnd(bytes: Uint8Array, from: number): number {
  const at = bytes.indexOf(LF, from);
  return at === -1 ? bytes.length : at;
}
