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
 * Reads events ahead of the parser: given the stream's text and where an event begins in it, says how far it has read
 * whole events; the same place = none.
 */
export type ReadAhead = (text: string, at: number) => number;

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
  push(bytes: Uint8Array, atMs: number): void;
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
  const feed = readAhead ? feedBehind(readAhead, (text) => parser.feed(text)) : (text: string) => parser.feed(text);
  return {
    push(bytes, atMs) {
      if (failure !== undefined) throw failure;
      nowMs = atMs;
      try {
        feed(decoder.decode(bytes, { stream: true }));
      } catch (error) {
        failure = error;
        throw error;
      }
    },
  };
}

const EVENT_END = '\n\n';
/** After so many events in a row that were not known by sight, one look at each piece of the stream is enough. */
const MOST_MISSES = 4;

/** The parser gets what was not read ahead: an event at a time, or all of them where none is known. */
function feedBehind(readAhead: ReadAhead, parse: (text: string) => void): (text: string) => void {
  let isBetween = true;
  let misses = 0;
  return (text) => {
    for (let at = 0; at < text.length; ) {
      if (isBetween) {
        const read = readAhead(text, at);
        misses = read > at ? 0 : misses + 1;
        at = read;
      }
      const found = misses > MOST_MISSES ? text.lastIndexOf(EVENT_END) : text.indexOf(EVENT_END, at);
      const end = found < at ? text.length : found + EVENT_END.length;
      if (end > at) {
        parse(text.slice(at, end));
        isBetween = found >= at;
      }
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
