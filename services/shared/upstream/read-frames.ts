// Bytes of an upstream's answer → the events a provider reads, by how the upstream frames them: server-sent events, one
// JSON document a line, or one document although a stream was asked for.
import { GatewayError } from '#shared/errors.ts';
import { createSseReader, type ReadAhead, type SseEvent } from '#shared/sse/read-sse.ts';

export interface FrameReader {
  push(bytes: Buffer): void;
  /** Hands over what the upstream left without its last line end. */
  end(): void;
}

/** Name of the event that holds a whole answer in one document. */
export const WHOLE = 'whole';
const LONGEST_DOCUMENT = 32 * 1024 * 1024;
const SNIFFED = 64;
const EMPTY = Buffer.alloc(0);

export function createFrameReader(
  framing: 'sse' | 'ndjson',
  onEvent: (event: SseEvent) => void,
  readAhead?: ReadAhead,
): FrameReader {
  let held: Buffer = EMPTY;
  let reader: FrameReader | undefined;
  const decide = (): FrameReader => {
    const start = held;
    held = EMPTY;
    const chosen = choose(framing, start, onEvent, readAhead);
    reader = chosen;
    chosen.push(start);
    return chosen;
  };
  return {
    push: (bytes) => {
      if (reader) {
        reader.push(bytes);
        return;
      }
      held = held.length === 0 ? bytes : Buffer.concat([held, bytes]);
      // No event is whole before its first line is.
      if (held.length >= SNIFFED || /\S.*[\r\n]/.test(held.toString('latin1'))) decide();
    },
    end: () => {
      if (!reader && held.toString('utf8').trim() === '')
        throw new GatewayError('api_error', 'the upstream answered nothing', { status: 502 });
      (reader ?? decide()).end();
    },
  };
}

function choose(
  framing: 'sse' | 'ndjson',
  start: Buffer,
  onEvent: (event: SseEvent) => void,
  readAhead?: ReadAhead,
): FrameReader {
  const text = start.subarray(0, SNIFFED).toString('utf8').replace(BOM, '').trimStart();
  if (/^<(?:!doctype|html|head|body|\?xml)/i.test(text)) {
    throw new GatewayError('api_error', 'the upstream answered with a web page', { status: 502 });
  }
  // Servers also answer in the other framing than the one they are known for.
  if (/^(?:data|event|id|retry)?:/.test(text)) return events(onEvent, readAhead);
  if (framing === 'ndjson') return lines(onEvent);
  return /^[{[]/.test(text) ? document(onEvent) : events(onEvent, readAhead);
}

const BOM = /^\ufeff/;

function events(onEvent: (event: SseEvent) => void, readAhead?: ReadAhead): FrameReader {
  const reader = createSseReader({ onEvent: (event) => onEvent(event), ...(readAhead ? { readAhead } : {}) });
  return {
    push: (bytes) => reader.push(bytes, 0),
    // A last event without its blank line is an event all the same; whether the answer is whole is the provider's to say.
    end: () => reader.push(Buffer.from('\n\n'), 0),
  };
}

function lines(onEvent: (event: SseEvent) => void): FrameReader {
  let parts: Buffer[] = [];
  let size = 0;
  const keep = (part: Buffer): void => {
    size += part.length;
    if (size > LONGEST_DOCUMENT)
      throw new GatewayError('api_error', 'a line of the answer is too long', { status: 502 });
    parts.push(part);
  };
  const emit = (): void => {
    const data = Buffer.concat(parts).toString('utf8').replace(BOM, '').trim();
    parts = [];
    size = 0;
    if (data !== '') onEvent({ event: undefined, data });
  };
  return {
    push: (bytes) => {
      let rest = bytes;
      for (let end = rest.indexOf(0x0a); end !== -1; end = rest.indexOf(0x0a)) {
        keep(rest.subarray(0, end));
        emit();
        rest = rest.subarray(end + 1);
      }
      if (rest.length > 0) keep(rest);
    },
    end: emit,
  };
}

function document(onEvent: (event: SseEvent) => void): FrameReader {
  const parts: Buffer[] = [];
  let size = 0;
  return {
    push: (bytes) => {
      size += bytes.length;
      if (size > LONGEST_DOCUMENT) throw new GatewayError('api_error', 'the answer is too long', { status: 502 });
      parts.push(bytes);
    },
    end: () => onEvent({ event: WHOLE, data: Buffer.concat(parts).toString('utf8').replace(BOM, '') }),
  };
}
