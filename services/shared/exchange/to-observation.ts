// What was read of an answer, and how it ended on the wire → the frozen observation with its one outcome.
import type { RecordedAnswer } from '#shared/exchange/exchange.ts';
import type { ArmOutcome, Observation, ToolCall } from '#shared/exchange/observation.ts';
import { parseInput } from '#shared/messages/accumulate-message.ts';
import type { ContentBlock, Message } from '#shared/wire/anthropic.ts';

/** An answer's body, read. */
export interface Reading {
  streamed: boolean;
  message: Message | null;
  complete: boolean;
  error: { type: string; message: string } | null;
  /** The JSON of a block's input as it came; undefined when none came apart from the block itself. */
  rawInput(index: number): string | undefined;
  times: {
    messageStartMs: number | null;
    ttftMs: number | null;
    ttfvtMs: number | null;
    lastDeltaMs: number | null;
    /** `message_stop`. */
    endMs: number | null;
  };
}

export interface ReadAnswer {
  answer: RecordedAnswer;
  reading: Reading;
  /** False when a content-encoding could not be undone to the end. */
  whole: boolean;
  requestId: string | null;
}

export function toObservation({ answer, reading, whole, requestId }: ReadAnswer): Observation {
  const { message, streamed } = reading;
  const isSuccess = answer.status >= 200 && answer.status < 300;
  const complete = isSuccess && reading.complete;
  const content = message?.content ?? [];
  const toolCalls = content.flatMap((block, index) => toToolCall(block, reading.rawInput(index)));
  const text = content.map((block) => (block.type === 'text' ? string(block.text) : '')).join('');
  const { endMs, ...times } = reading.times;
  const facts = { answer, complete, isSuccess, whole, content, toolCalls, stopReason: message?.stop_reason ?? null };
  return Object.freeze({
    outcome: toOutcome(facts, reading.error !== null),
    httpStatus: answer.status,
    streamed,
    message,
    model: message && (answer.upstream?.model || string(message.model)),
    complete,
    error: reading.error ?? wireError(answer, complete),
    stopReason: facts.stopReason,
    usage: message?.usage ?? null,
    toolCalls: Object.freeze(toolCalls),
    text,
    thinkingBytes: sum(content.map((b) => (b.type === 'thinking' ? Buffer.byteLength(string(b.thinking)) : 0))),
    visibleBytes: Buffer.byteLength(text) + sum(toolCalls.map((call) => Buffer.byteLength(call.rawInput))),
    timing: Object.freeze({
      headersMs: answer.headersAtMs,
      firstByteMs: answer.chunks[0]?.atMs ?? null,
      ...times,
      durationMs: endMs ?? answer.endAtMs,
    }),
    requestId,
  });
}

interface OutcomeFacts {
  answer: RecordedAnswer;
  complete: boolean;
  isSuccess: boolean;
  whole: boolean;
  content: ContentBlock[];
  toolCalls: ToolCall[];
  stopReason: string | null;
}

const CUT_SHORT = new Set(['max_tokens', 'model_context_window_exceeded']);

function toOutcome(facts: OutcomeFacts, failed: boolean): ArmOutcome {
  const { answer, complete, isSuccess, whole, content, toolCalls, stopReason } = facts;
  if (!complete) {
    if (answer.end === 'timeout_first_byte' || answer.end === 'timeout_total') return answer.end;
    if (!isSuccess) return 'http_error';
    if (answer.end === 'reset' || answer.end === 'timeout_idle' || answer.end === 'connect_error')
      return 'stream_broken';
    if (failed || !whole) return 'stream_broken';
    return answer.chunks.every((chunk) => chunk.bytes.length === 0) ? 'empty' : 'truncated';
  }
  if (failed) return 'stream_broken';
  if (stopReason !== null && CUT_SHORT.has(stopReason)) return 'truncated';
  if (stopReason === 'refusal') return 'refusal';
  if (toolCalls.some((call) => !call.jsonOk)) return 'tool_parse_error';
  return content.some(isVisible) ? 'ok' : 'empty';
}

const HIDDEN_BLOCKS = new Set(['thinking', 'redacted_thinking', 'fallback', 'compaction']);

function isVisible(block: ContentBlock): boolean {
  return block.type === 'text' ? string(block.text) !== '' : !HIDDEN_BLOCKS.has(block.type);
}

/** An error for answers whose bytes do not name one. */
function wireError(answer: RecordedAnswer, complete: boolean): Observation['error'] {
  if (complete) return null;
  switch (answer.end) {
    case 'connect_error':
      return { type: 'connection_error', message: 'no connection to the upstream' };
    case 'reset':
      return { type: 'connection_error', message: 'the upstream closed the connection in the middle of its answer' };
    case 'timeout_first_byte':
    case 'timeout_idle':
    case 'timeout_total':
      return { type: 'timeout_error', message: `the upstream was too slow (${answer.end})` };
    case 'client_abort':
      return null;
    case 'complete':
      return answer.status >= 200 && answer.status < 300
        ? { type: 'api_error', message: 'the answer ended before it was finished' }
        : { type: 'api_error', message: `HTTP ${answer.status}` };
  }
}

function toToolCall(block: ContentBlock, rawInput: string | undefined): ToolCall[] {
  if (block.type !== 'tool_use') return [];
  const { id, name } = block;
  const common = { id: string(id), name: string(name) };
  if (rawInput === undefined || rawInput === '') {
    const input = block.input ?? {};
    return [{ ...common, input, rawInput: stringify(input), jsonOk: true }];
  }
  const parsed = parseInput(rawInput);
  return [{ ...common, input: parsed.ok ? parsed.value : undefined, rawInput, jsonOk: parsed.ok }];
}

/** Nesting deeper than the stack gives '': the input itself is still there. */
function stringify(input: unknown): string {
  try {
    return JSON.stringify(input);
  } catch (error) {
    if (error instanceof RangeError) return '';
    throw error;
  }
}

function string(value: unknown): string {
  return typeof value === 'string' ? value : '';
}

function sum(values: number[]): number {
  return values.reduce((total, value) => total + value, 0);
}
