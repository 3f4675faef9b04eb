// A recorded event stream → message, times and what went wrong in it.
import type { TimedChunk } from '#shared/exchange/exchange.ts';
import type { Reading } from '#shared/exchange/to-observation.ts';
import {
  createMessageAccumulator,
  StreamErrorEvent,
  type StreamEvent,
  StreamOrderError,
} from '#shared/messages/accumulate-message.ts';
import { createSseReader, type SseEvent } from '#shared/sse/read-sse.ts';

const VISIBLE_DELTAS = new Set(['text_delta', 'input_json_delta']);

/** Sees every event, also those after the answer is over or broken; null = its data is no JSON object with a type. */
export type OnStreamEvent = (name: string | undefined, event: StreamEvent | null) => void;

export function readStreamAnswer(chunks: TimedChunk[], onStreamEvent?: OnStreamEvent): Reading {
  const accumulator = createMessageAccumulator({ order: 'lenient' });
  const times: Reading['times'] = { messageStartMs: null, ttftMs: null, ttfvtMs: null, lastDeltaMs: null, endMs: null };
  let error: Reading['error'] = null;

  function onEvent(sse: SseEvent, atMs: number): void {
    const isOver = error !== null || accumulator.complete;
    if (sse.data === '[DONE]' || (isOver && !onStreamEvent)) return;
    const event = parseEvent(sse.data);
    onStreamEvent?.(sse.event, event instanceof BadEventError ? null : event);
    if (isOver) return;
    try {
      read(event, atMs);
    } catch (thrown) {
      error = toReadingError(thrown);
    }
  }

  function read(event: StreamEvent | BadEventError, atMs: number): void {
    if (event instanceof BadEventError) throw event;
    accumulator.add(event);
    if (event.type === 'message_start') times.messageStartMs ??= atMs;
    else if (event.type === 'content_block_delta') {
      times.ttftMs ??= atMs;
      times.lastDeltaMs = atMs;
      if (VISIBLE_DELTAS.has(deltaType(event))) times.ttfvtMs ??= atMs;
    } else if (event.type === 'message_stop') times.endMs = atMs;
  }

  const reader = createSseReader({ onEvent });
  try {
    for (const { bytes, atMs } of chunks) reader.push(bytes, atMs);
  } catch (thrown) {
    error ??= toReadingError(thrown);
  }
  return {
    streamed: true,
    message: accumulator.message(),
    complete: accumulator.complete,
    error,
    rawInput: accumulator.rawInput,
    times,
  };
}

class BadEventError extends Error {}

function parseEvent(data: string): StreamEvent | BadEventError {
  let event: unknown;
  try {
    event = JSON.parse(data);
  } catch (cause) {
    return new BadEventError('the data of an event is not JSON', { cause });
  }
  if (typeof event !== 'object' || event === null || !('type' in event) || typeof event.type !== 'string') {
    return new BadEventError('the data of an event has no type');
  }
  return event as StreamEvent;
}

function deltaType(event: StreamEvent): string {
  const { delta } = event;
  return typeof delta === 'object' && delta !== null && 'type' in delta ? String(delta.type) : '';
}

function toReadingError(thrown: unknown): NonNullable<Reading['error']> {
  if (thrown instanceof StreamErrorEvent) return { type: thrown.errorType, message: thrown.message };
  const type = thrown instanceof StreamOrderError ? 'stream_order' : 'invalid_response';
  return { type, message: thrown instanceof Error ? thrown.message : String(thrown) };
}
