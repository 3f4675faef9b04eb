// The only producer of Anthropic stream events. Readers say what happened at their upstream; the writer alone knows block
// indices, what is open, what has to wait, and how a message may end.
//
// Contract: verbs come in any order an upstream may send them. One block is open at a time; what belongs to a later block
// waits until the one before it has ended. `finish` and `fail` are terminal, exactly one of them ends the message, and a
// verb after it throws: that is a mistake of the reader. Nothing is emitted twice, nothing after the end.
import { type ErrorEnvelope, type GatewayError, toErrorEnvelope } from '#shared/errors.ts';
import type { ContentBlock, Usage } from '#shared/wire/anthropic.ts';
import { createJsonBalance, type JsonBalance } from './json-balance.ts';
import { mergeUsage } from './usage.ts';

export interface AnthropicEvent {
  type: string;
  [key: string]: unknown;
}

export interface MessageStart {
  /** `msg_…` */
  id: string;
  /** The name the client asked for. */
  model: string;
  /** Known or estimated at the start. */
  usage: Usage;
}

export interface MessageWriter {
  /** `message_start`; once, by whichever verb comes first. */
  begin(): void;
  readonly hasBegun: boolean;
  readonly hasEnded: boolean;
  text(delta: string): void;
  thinking(delta: string): void;
  /** Signature of the thinking that was written last; without any it makes an empty thinking block. */
  signature(value: string): void;
  /** A tool call; `key` names it among the calls of this message. May come before or after its arguments' first piece. */
  toolStart(key: string | number, id: string, name: string): void;
  toolArguments(key: string | number, json: string): void;
  /** No more arguments will come. */
  toolEnd(key: string | number): void;
  /** A block that is known as a whole: `redacted_thinking`, `server_tool_use`, `web_search_tool_result` … */
  block(content: ContentBlock): void;
  /** Replaces the totals it names. */
  usage(update: Usage): void;
  /** Ends the message. With a complete tool call the reason is `tool_use`, unless the answer was cut. */
  finish(stopReason: StopReason, stopSequence?: string | null, fields?: Record<string, unknown>): void;
  /** Ends the message with one error event; an open block stays open. */
  fail(error: GatewayError): void;
  /** A sign of life between two events. Nothing before the start and after the end. */
  ping(): void;
}

export type StopReason =
  | 'end_turn'
  | 'max_tokens'
  | 'stop_sequence'
  | 'tool_use'
  | 'pause_turn'
  | 'refusal'
  | 'model_context_window_exceeded';

/** Reasons that say the answer was cut: a tool call in it must not look complete. */
const CUT: ReadonlySet<StopReason> = new Set(['max_tokens', 'refusal', 'model_context_window_exceeded']);

/** What is or will be one content block. Only the first of the queue is written; the others hold their parts. */
interface Segment {
  kind: 'text' | 'thinking' | 'tool' | 'block';
  key: string | number | null;
  block: ContentBlock;
  parts: string[];
  signature: string | null;
  isStarted: boolean;
  isEnded: boolean;
  /** Of a tool call's arguments. */
  balance: JsonBalance | null;
}

export function createMessageWriter(start: MessageStart, emit: (event: AnthropicEvent) => void): MessageWriter {
  return new Writer(start, emit);
}

class Writer implements MessageWriter {
  hasBegun = false;
  hasEnded = false;
  readonly #start: MessageStart;
  readonly #emit: (event: AnthropicEvent) => void;
  readonly #queue: Segment[] = [];
  readonly #tools = new Map<string | number, Segment>();
  #index = 0;
  #usage: Usage;
  #hasCompleteTool = false;

  constructor(start: MessageStart, emit: (event: AnthropicEvent) => void) {
    this.#start = start;
    this.#emit = emit;
    this.#usage = { ...start.usage };
  }

  begin(): void {
    this.#refuseAfterEnd();
    if (this.hasBegun) return;
    this.hasBegun = true;
    const { id, model, usage } = this.#start;
    const message = {
      id,
      type: 'message',
      role: 'assistant',
      model,
      content: [],
      stop_reason: null,
      stop_sequence: null,
      usage,
    };
    this.#emit({ type: 'message_start', message });
  }

  text(delta: string): void {
    if (delta !== '') this.#prose('text', { type: 'text', text: '' }).parts.push(delta);
    this.#flush();
  }

  thinking(delta: string): void {
    if (delta !== '') this.#prose('thinking', { type: 'thinking', thinking: '', signature: '' }).parts.push(delta);
    this.#flush();
  }

  signature(value: string): void {
    this.#prose('thinking', { type: 'thinking', thinking: '', signature: '' }).signature = value;
    this.#flush();
  }

  toolStart(key: string | number, id: string, name: string): void {
    this.#refuseAfterEnd();
    if (this.#tools.has(key)) throw new Error(`tool call ${key} was started twice`);
    this.#endProse();
    const segment = this.#append('tool', { type: 'tool_use', id, name, input: {} });
    segment.key = key;
    segment.balance = createJsonBalance();
    this.#tools.set(key, segment);
    this.#flush();
  }

  toolArguments(key: string | number, json: string): void {
    const segment = this.#tool(key);
    if (json === '') return;
    if (segment.isEnded) throw new Error(`arguments for tool call ${key}, which has ended`);
    segment.parts.push(json);
    segment.balance?.push(json);
    this.#flush();
  }

  toolEnd(key: string | number): void {
    this.#tool(key).isEnded = true;
    this.#flush();
  }

  block(content: ContentBlock): void {
    this.#refuseAfterEnd();
    this.#endProse();
    this.#append('block', content).isEnded = true;
    this.#flush();
  }

  usage(update: Usage): void {
    this.#refuseAfterEnd();
    this.#usage = mergeUsage(this.#usage, update);
  }

  finish(stopReason: StopReason, stopSequence: string | null = null, fields: Record<string, unknown> = {}): void {
    this.begin();
    for (const segment of this.#queue) segment.isEnded = true;
    this.#flush();
    const isTool = this.#hasCompleteTool && !CUT.has(stopReason);
    const reason = isTool ? 'tool_use' : stopReason === 'tool_use' ? 'end_turn' : stopReason;
    this.#emit({
      type: 'message_delta',
      delta: { stop_reason: reason, stop_sequence: stopSequence, ...fields },
      usage: this.#usage,
    });
    this.#emit({ type: 'message_stop' });
    this.hasEnded = true;
  }

  fail(error: GatewayError): void {
    this.#refuseAfterEnd();
    this.hasEnded = true;
    this.#emit({ ...toErrorEnvelope(error) });
  }

  ping(): void {
    if (this.hasBegun && !this.hasEnded) this.#emit({ type: 'ping' });
  }

  #refuseAfterEnd(): void {
    if (this.hasEnded) throw new Error('the message has ended');
  }

  #tool(key: string | number): Segment {
    this.#refuseAfterEnd();
    const segment = this.#tools.get(key);
    if (!segment) throw new Error(`tool call ${key} was not started`);
    return segment;
  }

  /** The text or thinking that is being written, or a new one when something else came last. */
  #prose(kind: 'text' | 'thinking', block: ContentBlock): Segment {
    this.#refuseAfterEnd();
    const last = this.#queue.at(-1);
    // A signature ends its thinking: more of it is another block.
    if (last?.kind === kind && !last.isEnded && last.signature === null) return last;
    this.#endProse();
    return this.#append(kind, block);
  }

  #endProse(): void {
    const last = this.#queue.at(-1);
    if (last && last.kind !== 'tool') last.isEnded = true;
  }

  #append(kind: Segment['kind'], block: ContentBlock): Segment {
    const segment: Segment = {
      kind,
      key: null,
      block,
      parts: [],
      signature: null,
      isStarted: false,
      isEnded: false,
      balance: null,
    };
    this.#queue.push(segment);
    return segment;
  }

  /** Writes what may be written: the first segment as it grows, and the next when that one has ended. */
  #flush(): void {
    for (let first = this.#queue[0]; first; first = this.#queue[0]) {
      this.#write(first);
      // A call whose arguments are whole is over when something waits behind it, also if nobody said so.
      const isOver = first.isEnded || (first.balance?.isWhole === true && this.#queue.length > 1);
      if (!isOver) return;
      this.#stop(first);
      this.#queue.shift();
    }
  }

  #write(segment: Segment): void {
    if (!segment.isStarted) {
      // White space alone makes no block.
      if (segment.kind === 'text' && segment.parts.every((part) => part.trim() === '')) return;
      this.begin();
      segment.isStarted = true;
      this.#emit({ type: 'content_block_start', index: this.#index, content_block: segment.block });
    }
    for (const part of segment.parts)
      this.#emit({ type: 'content_block_delta', index: this.#index, delta: toDelta(segment, part) });
    segment.parts = [];
  }

  #stop(segment: Segment): void {
    segment.isEnded = true;
    if (!segment.isStarted) return;
    const { signature } = segment;
    if (signature !== null) {
      this.#emit({ type: 'content_block_delta', index: this.#index, delta: { type: 'signature_delta', signature } });
    }
    this.#emit({ type: 'content_block_stop', index: this.#index });
    this.#index++;
    if (segment.kind === 'tool' && segment.balance?.isWholeOrEmpty) this.#hasCompleteTool = true;
  }
}

function toDelta(segment: Segment, part: string): Record<string, unknown> {
  switch (segment.kind) {
    case 'text':
      return { type: 'text_delta', text: part };
    case 'thinking':
      return { type: 'thinking_delta', thinking: part };
    case 'tool':
      return { type: 'input_json_delta', partial_json: part };
    case 'block':
      throw new Error('a whole block has no deltas');
  }
}

/** One event as bytes: its name, then its JSON on one line. */
export function toSse(event: AnthropicEvent): Buffer {
  return Buffer.from(`event: ${event.type}\ndata: ${JSON.stringify(event)}\n\n`);
}

/** The one event that ends a stream whose source failed between two events. */
export function errorEvent(envelope: ErrorEnvelope): Buffer {
  return toSse({ ...envelope });
}
