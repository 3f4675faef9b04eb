// Builds the bytes of Anthropic answers for tests, independent of the product's own writer.
import type { AnswerEnd, RecordedAnswer, TimedChunk } from '#shared/exchange/exchange.ts';

export type AnswerEvent = { type: string; [key: string]: unknown };

export interface ToolCallSpec {
  id?: string;
  name: string;
  input: unknown;
  /** Streamed instead of the input's JSON. */
  rawInput?: string;
}

export interface AnswerSpec {
  text?: string;
  thinking?: string;
  tools?: ToolCallSpec[];
  stopReason?: string;
  model?: string;
  inputTokens?: number;
  outputTokens?: number;
}

/** The events of a well-formed answer. */
export function answerEvents(spec: AnswerSpec): AnswerEvent[] {
  const events: AnswerEvent[] = [messageStart(spec)];
  let index = 0;
  const block = (start: Record<string, unknown>, deltas: Array<Record<string, unknown>>): void => {
    events.push({ type: 'content_block_start', index, content_block: start });
    for (const delta of deltas) events.push({ type: 'content_block_delta', index, delta });
    events.push({ type: 'content_block_stop', index });
    index += 1;
  };
  if (spec.thinking !== undefined) {
    block({ type: 'thinking', thinking: '', signature: '' }, [
      { type: 'thinking_delta', thinking: spec.thinking },
      { type: 'signature_delta', signature: 'c2ln' },
    ]);
  }
  if (spec.text !== undefined) {
    block(
      { type: 'text', text: '' },
      halves(spec.text).map((text) => ({ type: 'text_delta', text })),
    );
  }
  for (const [position, tool] of (spec.tools ?? []).entries()) {
    block(
      { type: 'tool_use', id: tool.id ?? `toolu_${position}`, name: tool.name, input: {} },
      halves(tool.rawInput ?? JSON.stringify(tool.input)).map((partial_json) => ({
        type: 'input_json_delta',
        partial_json,
      })),
    );
  }
  const stop_reason = spec.stopReason ?? ((spec.tools?.length ?? 0) > 0 ? 'tool_use' : 'end_turn');
  events.push({
    type: 'message_delta',
    delta: { stop_reason, stop_sequence: null },
    usage: { output_tokens: spec.outputTokens ?? 20 },
  });
  events.push({ type: 'message_stop' });
  return events;
}

function messageStart(spec: AnswerSpec): AnswerEvent {
  return {
    type: 'message_start',
    message: {
      id: 'msg_1',
      type: 'message',
      role: 'assistant',
      model: spec.model ?? 'claude-test-1',
      content: [],
      stop_reason: null,
      stop_sequence: null,
      usage: { input_tokens: spec.inputTokens ?? 10, output_tokens: 1, cache_read_input_tokens: 5 },
    },
  };
}

/** The same answer without streaming. */
export function answerJson(spec: AnswerSpec): Buffer {
  const content: unknown[] = [];
  if (spec.thinking !== undefined) content.push({ type: 'thinking', thinking: spec.thinking, signature: 'c2ln' });
  if (spec.text !== undefined) content.push({ type: 'text', text: spec.text });
  for (const [position, tool] of (spec.tools ?? []).entries()) {
    content.push({ type: 'tool_use', id: tool.id ?? `toolu_${position}`, name: tool.name, input: tool.input });
  }
  const stop_reason = spec.stopReason ?? ((spec.tools?.length ?? 0) > 0 ? 'tool_use' : 'end_turn');
  const usage = { input_tokens: spec.inputTokens ?? 10, output_tokens: spec.outputTokens ?? 20 };
  const head = { id: 'msg_1', type: 'message', role: 'assistant', model: spec.model ?? 'claude-test-1' };
  return Buffer.from(JSON.stringify({ ...head, content, stop_reason, stop_sequence: null, usage }));
}

export function sseBytes(events: AnswerEvent[], newline = '\n'): Buffer {
  const frames = events.map((e) => `event: ${e.type}${newline}data: ${JSON.stringify(e)}${newline}${newline}`);
  return Buffer.from(frames.join(''));
}

/** Cuts bytes into chunks of one size; chunk n arrives at (n + 1) times `stepMs`. */
export function chunksOf(bytes: Buffer, size: number, stepMs = 1): TimedChunk[] {
  const chunks: TimedChunk[] = [];
  for (let at = 0; at < bytes.length; at += size) {
    chunks.push({ atMs: (chunks.length + 1) * stepMs, bytes: bytes.subarray(at, at + size) });
  }
  return chunks;
}

/** Cuts bytes at the given places. */
export function chunksAt(bytes: Buffer, cuts: number[]): TimedChunk[] {
  const places = [0, ...[...cuts].sort((a, b) => a - b), bytes.length];
  return places.slice(1).map((end, index) => ({ atMs: index + 1, bytes: bytes.subarray(places[index], end) }));
}

export interface AnswerOverrides {
  status?: number;
  rawHeaders?: string[];
  upstream?: RecordedAnswer['upstream'];
  end?: AnswerEnd;
  endAtMs?: number;
}

export function recordedAnswer(chunks: TimedChunk[], overrides: AnswerOverrides = {}): RecordedAnswer {
  return {
    status: 200,
    rawHeaders: ['content-type', 'text/event-stream', 'request-id', 'req_1'],
    upstream: null,
    headersAtMs: 0.5,
    chunks,
    end: 'complete',
    endAtMs: (chunks.at(-1)?.atMs ?? 0) + 1,
    ...overrides,
  };
}

function halves(text: string): string[] {
  const points = [...text];
  const middle = Math.ceil(points.length / 2);
  return [points.slice(0, middle).join(''), points.slice(middle).join('')].filter((part) => part !== '');
}
