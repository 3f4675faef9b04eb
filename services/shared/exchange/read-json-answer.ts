// A recorded answer that was not streamed → message or error envelope.
import type { TimedChunk } from '#shared/exchange/exchange.ts';
import type { Reading } from '#shared/exchange/to-observation.ts';
import type { ContentBlock, Message, Usage } from '#shared/wire/anthropic.ts';

type Fields = Record<string, unknown>;

export function readJsonAnswer(chunks: TimedChunk[]): Reading {
  const [first] = chunks;
  const bytes = chunks.length === 1 && first ? first.bytes : Buffer.concat(chunks.map((chunk) => chunk.bytes));
  const body = bytes.toString('utf8');
  const value = parseJson(body);
  const message = isFields(value) ? toMessage(value) : null;
  return {
    streamed: false,
    message,
    complete: message !== null,
    error: message === null && !isCutJson(body, value) ? toError(value) : null,
    rawInput: () => undefined,
    times: { messageStartMs: null, ttftMs: null, ttfvtMs: null, lastDeltaMs: null, endMs: null },
  };
}

/** A message has a list of blocks; everything else may be missing, as self-hosted servers show. */
function toMessage(value: Fields): Message | null {
  if (!Array.isArray(value.content) || !value.content.every(isFields) || value.type === 'error') return null;
  const defaults = { id: '', type: 'message', role: 'assistant', model: '', stop_reason: null, stop_sequence: null };
  const usage = isFields(value.usage) ? (value.usage as Usage) : {};
  return { ...defaults, ...value, content: value.content as ContentBlock[], usage } as Message;
}

/** Anthropic's envelope, and the flat shapes of others. */
function toError(value: unknown): NonNullable<Reading['error']> {
  if (value === undefined) return { type: 'invalid_response', message: 'the answer is neither a stream nor JSON' };
  const error = isFields(value) ? value.error : undefined;
  if (typeof error === 'string') return { type: 'api_error', message: error };
  if (isFields(error)) return { type: text(error.type) || 'api_error', message: text(error.message) };
  return { type: 'invalid_response', message: 'the answer is JSON, but no message' };
}

function parseJson(body: string): unknown {
  try {
    return JSON.parse(body);
  } catch {
    return undefined;
  }
}

/** Nothing, or the beginning of an object: no statement about what the upstream meant. */
function isCutJson(body: string, value: unknown): boolean {
  return value === undefined && /^\s*(?:\{|$)/.test(body);
}

function text(value: unknown): string {
  return typeof value === 'string' ? value : '';
}

function isFields(value: unknown): value is Fields {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
