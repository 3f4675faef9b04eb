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
import { type ReadTexts, readDeltaRuns } from './read-delta-runs.ts';

const VISIBLE_DELTAS = new Set(['text_delta', 'input_json_delta']);

/**
 * Sees every event, also those after the answer is over or broken; null = its data is no JSON object with a type. Deltas
 * of one kind that follow each other may come as one.
 */
export type OnStreamEvent = (name: string | undefined, event: StreamEvent | null) => void;

/** @param texts what is needed of them; a stream that is written in an unusual way is read whole all the same */
export function readStreamAnswer(chunks: TimedChunk[], texts: ReadTexts, onStreamEvent?: OnStreamEvent): Reading {
  const accumulator = createMessageAccumulator({ order: 'lenient' });
  const times: Reading['times'] = { messageStartMs: null, ttftMs: null, ttfvtMs: null, lastDeltaMs: null, endMs: null };
  let error: Reading['error'] = null;

  function onEvent(
    name: string | undefined,
    event: StreamEvent | BadEventError,
    firstMs: number,
    lastMs: number,
  ): void {
    onStreamEvent?.(name, event instanceof BadEventError ? null : event);
    if (error !== null || accumulator.complete) return;
    try {
      read(event, firstMs, lastMs);
    } catch (thrown) {
      error = toReadingError(thrown);
    }
  }

  function read(event: StreamEvent | BadEventError, firstMs: number, lastMs: number): void {
    if (event instanceof BadEventError) throw event;
    accumulator.add(event);
    if (event.type === 'message_start') times.messageStartMs ??= firstMs;
    else if (event.type === 'content_block_delta') {
      times.ttftMs ??= firstMs;
      times.lastDeltaMs = lastMs;
      if (VISIBLE_DELTAS.has(deltaType(event))) times.ttfvtMs ??= firstMs;
    } else if (event.type === 'message_stop') times.endMs = lastMs;
  }

  const runs = readDeltaRuns(chunks, texts);
  if (runs) for (const { name, event, firstMs, lastMs } of runs) onEvent(name, event, firstMs, lastMs);
  else {
    const onSse = ({ event: name, data }: SseEvent, atMs: number): void => {
      if (data === '[DONE]') return;
      const isRead = onStreamEvent !== undefined || (error === null && !accumulator.complete);
      if (isRead) onEvent(name, parseEvent(data), atMs, atMs);
    };
    try {
      readEach(chunks, onSse);
    } catch (thrown) {
      error ??= toReadingError(thrown);
    }
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

function readEach(chunks: TimedChunk[], onEvent: (event: SseEvent, atMs: number) => void): void {
  const reader = createSseReader({ onEvent });
  for (const { bytes, atMs } of chunks) reader.push(bytes, atMs);
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
