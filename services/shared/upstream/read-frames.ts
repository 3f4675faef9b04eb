// Bytes of an upstream's answer → the events a provider reads, by how the upstream frames them: server-sent events, one
// JSON document a line, or one document although a stream was asked for.
import { GatewayError } from '#shared/errors.ts';
import { createSseReader, type SseEvent } from '#shared/sse/read-sse.ts';

export interface FrameReader {
  push(bytes: Buffer): void;
  /** Hands over what the upstream left without its last line end. */
  end(): void;
}

/** Name of the event that holds a whole answer in one document. */
export const WHOLE = 'whole';
const LONGEST_DOCUMENT = 32 * 1024 * 1024;
const SNIFFED = 64;

export function createFrameReader(framing: 'sse' | 'ndjson', onEvent: (event: SseEvent) => void): FrameReader {
  let held: Buffer[] = [];
  let heldBytes = 0;
  let reader: FrameReader | undefined;
  return {
    push: (bytes) => {
      if (reader) {
        reader.push(bytes);
        return;
      }
      held.push(bytes);
      heldBytes += bytes.length;
      const start = Buffer.concat(held);
      if (start.length < SNIFFED && start.toString('latin1').trim() === '') return;
      reader = choose(framing, start, onEvent);
      held = [];
      reader.push(start);
    },
    end: () => {
      if (!reader && heldBytes > 0)
        throw new GatewayError('api_error', 'the upstream answered nothing', { status: 502 });
      reader?.end();
    },
  };
}

function choose(framing: 'sse' | 'ndjson', start: Buffer, onEvent: (event: SseEvent) => void): FrameReader {
  const text = start.subarray(0, SNIFFED).toString('latin1').trimStart();
  if (/^<(?:!doctype|html|\?xml)/i.test(text)) {
    throw new GatewayError('api_error', 'the upstream answered with a web page', { status: 502 });
  }
  if (framing === 'ndjson') return lines(onEvent);
  return /^[{[]/.test(text) ? document(onEvent) : events(onEvent);
}

function events(onEvent: (event: SseEvent) => void): FrameReader {
  const reader = createSseReader({ onEvent: (event) => onEvent(event) });
  return {
    push: (bytes) => reader.push(bytes, 0),
    // A last event without its blank line is an event all the same; whether the answer is whole is the provider's to say.
    end: () => reader.push(Buffer.from('\n\n'), 0),
  };
}

function lines(onEvent: (event: SseEvent) => void): FrameReader {
  let rest: Buffer = Buffer.alloc(0);
  const emit = (line: Buffer): void => {
    const data = line.toString('utf8').trim();
    if (data !== '') onEvent({ event: undefined, data });
  };
  return {
    push: (bytes) => {
      let all = rest.length === 0 ? bytes : Buffer.concat([rest, bytes]);
      for (let end = all.indexOf(0x0a); end !== -1; end = all.indexOf(0x0a)) {
        emit(all.subarray(0, end));
        all = all.subarray(end + 1);
      }
      if (all.length > LONGEST_DOCUMENT)
        throw new GatewayError('api_error', 'a line of the answer is too long', { status: 502 });
      rest = all;
    },
    end: () => emit(rest),
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
    end: () => onEvent({ event: WHOLE, data: Buffer.concat(parts).toString('utf8') }),
  };
}
