// How far a native stream had come when its source ended, read from the last bytes that passed.

import { inflateChunks } from '#shared/exchange/inflate-chunks.ts';
import { createEventBoundary, createSseReader, type SseEvent } from '#shared/sse/read-sse.ts';
import type { KeptChunks } from './kept-chunks.ts';

export type Ending =
  /** `message_stop` came. */
  | 'finished'
  /** The upstream's own `event: error` was the last thing. */
  | 'error_event'
  /** A stop reason came and every block was closed; only `message_stop` is missing. */
  | 'all_but_stop'
  /** The turn is unfinished, and the bytes end where an event ends. */
  | 'between_events'
  /** The bytes end inside an event. */
  | 'inside_event';

const LAST_EVENT_BYTES = 256;
const TAIL_BYTES = 65_536;

export function readEnding(kept: KeptChunks): Ending {
  // Nearly every stream ends here, without a reader.
  const last = kept.tail(LAST_EVENT_BYTES).toString('latin1');
  if (/event: ?message_stop\r?\ndata:[^\r\n]*\r?\n\r?\n$/.test(last)) return 'finished';
  return readEvents(readable(kept));
}

/** The same of a stream that came compressed; cut inside its last compressed block it ends inside an event. */
export async function readEncodedEnding(kept: KeptChunks, encoding: string): Promise<Ending> {
  if (kept.isPartial) return 'inside_event';
  const { chunks, whole } = await inflateChunks([...kept.chunks], encoding);
  const ending = readEvents(chunks.map(({ bytes }) => bytes));
  return whole || ending === 'finished' || ending === 'error_event' ? ending : 'inside_event';
}

/** Is it an event stream, whatever its header says? */
export function looksLikeEvents(kept: KeptChunks): boolean {
  const first = kept.chunks[0]?.bytes;
  return !kept.isPartial && first !== undefined && /^(?:event|data|id|retry)?:/.test(first.toString('latin1', 0, 16));
}

interface Progress {
  /** `message_stop` or `error`: nothing after it counts. */
  end: string | null;
  openBlocks: number;
  hasStopReason: boolean;
}

function readEvents(stream: Iterable<Buffer>): Ending {
  const state: Progress = { end: null, openBlocks: 0, hasStopReason: false };
  const reader = createSseReader({ onEvent: (event) => follow(event, state) });
  const boundary = createEventBoundary();
  try {
    for (const bytes of stream) {
      reader.push(bytes, 0);
      boundary.push(bytes);
    }
  } catch {
    return 'inside_event'; // an event too long to be held has not ended
  }
  if (state.end === 'message_stop') return 'finished';
  if (!boundary.betweenEvents()) return 'inside_event';
  if (state.end === 'error') return 'error_event';
  return state.hasStopReason && state.openBlocks <= 0 ? 'all_but_stop' : 'between_events';
}

/** All chunks, or of a long stream the end, from the first event that is whole. */
function* readable(kept: KeptChunks): Generator<Buffer> {
  if (!kept.isPartial) {
    for (const { bytes } of kept.chunks) yield bytes;
    return;
  }
  const tail = kept.tail(TAIL_BYTES);
  const border = /(?:\r\n\r\n|\n\n|\r\r)/.exec(tail.toString('latin1'));
  yield border ? tail.subarray(border.index + border[0].length) : tail;
}

function follow({ event, data }: SseEvent, state: Progress): void {
  const value = parseData(data);
  const type = typeof value.type === 'string' ? value.type : event;
  // What has no type says nothing about the turn: `[DONE]` of another protocol, an event of another making.
  if (type === undefined || type === 'ping') return;
  if (type === 'message_stop' || type === 'error') state.end ??= type;
  if (type === 'content_block_start') state.openBlocks++;
  if (type === 'content_block_stop') state.openBlocks--;
  if (type === 'message_delta')
    state.hasStopReason ||= typeof (value.delta as { stop_reason?: unknown } | undefined)?.stop_reason === 'string';
}

function parseData(data: string): Record<string, unknown> {
  try {
    const value: unknown = JSON.parse(data);
    return typeof value === 'object' && value !== null ? (value as Record<string, unknown>) : {};
  } catch {
    return {}; // an event of another making says nothing about the turn
  }
}
