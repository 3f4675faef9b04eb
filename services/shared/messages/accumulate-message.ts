// Anthropic stream events → the message they add up to (https://docs.claude.com/en/docs/build-with-claude/streaming).
// Unknown events are passed over; unknown blocks, deltas and fields are kept.
import { mergeUsage } from '#shared/messages/usage.ts';
import type { ContentBlock, Message, Usage } from '#shared/wire/anthropic.ts';

/** The JSON of one event's data. */
export interface StreamEvent {
  type: string;
  [key: string]: unknown;
}

export interface AccumulateOptions {
  /**
   * `strict` (default) is the contract with clients. `lenient` also takes what clients read without harm and servers do
   * send: blocks that stay open while others start, stops that come late, a second `message_start`, an end without
   * `message_delta`.
   */
  order?: 'strict' | 'lenient';
}

export interface MessageAccumulator {
  /** @throws StreamOrderError on an event that cannot come here; StreamErrorEvent on an `error` event. */
  add(event: StreamEvent): void;
  /** The message so far, also after `add` threw; null before `message_start`. Each call makes a new one. */
  message(): Message | null;
  /** True once `message_stop` came. */
  readonly complete: boolean;
  /** The JSON of a block's input as it was streamed; undefined when the block had no `input_json_delta`. */
  rawInput(index: number): string | undefined;
}

/** An event came where none like it may come. */
export class StreamOrderError extends Error {
  constructor(message: string) {
    super(message);
    this.name = 'StreamOrderError';
  }
}

/** The stream said itself that it failed. */
export class StreamErrorEvent extends Error {
  readonly errorType: string;

  constructor(errorType: string, message: string) {
    super(message);
    this.name = 'StreamErrorEvent';
    this.errorType = errorType;
  }
}

type Fields = Record<string, unknown>;

interface OpenBlock {
  fields: Fields;
  rawInput: string | undefined;
  open: boolean;
}

export function createMessageAccumulator(options: AccumulateOptions = {}): MessageAccumulator {
  const lenient = options.order === 'lenient';
  const blocks: OpenBlock[] = [];
  let head: Fields | null = null;
  let deltaSeen = false;

  function started(event: StreamEvent): Fields {
    if (head === null) throw new StreamOrderError(`${event.type} before message_start`);
    return head;
  }

  function noneOpen(event: StreamEvent): void {
    const index = blocks.findIndex((block) => block.open);
    if (index !== -1 && !lenient) throw new StreamOrderError(`${event.type} while block ${index} is open`);
  }

  function openBlock(event: StreamEvent): OpenBlock {
    started(event);
    const block = typeof event.index === 'number' ? blocks[event.index] : undefined;
    if (!block?.open) throw new StreamOrderError(`${event.type} for block ${String(event.index)}, which is not open`);
    return block;
  }

  function start(event: StreamEvent): void {
    const message = fieldsOf(event.message, 'message_start.message');
    if (head !== null) {
      if (!lenient) throw new StreamOrderError('a second message_start');
      head = { ...head, usage: mergeUsage(usageOf(head.usage), usageOf(message.usage)) };
      return;
    }
    const { content, ...rest } = message;
    head = { ...rest, usage: usageOf(message.usage) };
    for (const block of Array.isArray(content) ? content : []) {
      blocks.push({ fields: fieldsOf(block, 'content block'), rawInput: undefined, open: false });
    }
  }

  function startBlock(event: StreamEvent): void {
    const message = started(event);
    noneOpen(event);
    if (event.index !== blocks.length) {
      throw new StreamOrderError(`content_block_start with index ${String(event.index)}, expected ${blocks.length}`);
    }
    const fields = { ...fieldsOf(event.content_block, 'content_block') };
    blocks.push({ fields, rawInput: undefined, open: true });
    const successor = fields.type === 'fallback' ? (fields.to as Fields | undefined)?.model : undefined;
    if (typeof successor === 'string') head = { ...message, model: successor };
  }

  function finish(event: StreamEvent): void {
    started(event);
    noneOpen(event);
    if (!deltaSeen && !lenient) throw new StreamOrderError('message_stop before message_delta');
    for (const block of blocks) block.open = false;
    accumulator.complete = true;
  }

  function change(event: StreamEvent): void {
    const message = started(event);
    noneOpen(event);
    const { type: _type, delta, usage, ...others } = event;
    const changed = keepKnown(message, { ...(isFields(delta) ? delta : {}), ...others });
    head = { ...changed, usage: mergeUsage(usageOf(message.usage), usageOf(usage)) };
    deltaSeen = true;
  }

  const accumulator = {
    complete: false,
    add(event: StreamEvent): void {
      if (event.type === 'error') throw streamError(event);
      if (accumulator.complete && event.type !== 'ping') throw new StreamOrderError(`${event.type} after message_stop`);
      if (event.type === 'message_start') start(event);
      else if (event.type === 'content_block_start') startBlock(event);
      else if (event.type === 'content_block_delta') applyDelta(openBlock(event), event.delta);
      else if (event.type === 'content_block_stop') openBlock(event).open = false;
      else if (event.type === 'message_delta') change(event);
      else if (event.type === 'message_stop') finish(event);
    },
    message(): Message | null {
      if (head === null) return null;
      const defaults = {
        id: '',
        type: 'message',
        role: 'assistant',
        model: '',
        stop_reason: null,
        stop_sequence: null,
      };
      return { ...defaults, ...head, content: blocks.map(toContentBlock) } as Message;
    },
    rawInput: (index: number): string | undefined => blocks[index]?.rawInput,
  };
  return accumulator;
}

function applyDelta(block: OpenBlock, value: unknown): void {
  const delta = fieldsOf(value, 'content_block_delta.delta');
  const { fields } = block;
  if (delta.type === 'text_delta') append(fields, 'text', delta.text);
  else if (delta.type === 'thinking_delta') append(fields, 'thinking', delta.thinking);
  else if (delta.type === 'input_json_delta') block.rawInput = (block.rawInput ?? '') + text(delta.partial_json);
  else if (delta.type === 'signature_delta') fields.signature = delta.signature;
  else if (delta.type === 'citations_delta') {
    fields.citations = [...(Array.isArray(fields.citations) ? fields.citations : []), delta.citation];
  } else block.fields = grow(fields, delta);
}

/** A delta of an unknown type: text and lists grow, everything else is replaced; null changes nothing. */
function grow(fields: Fields, delta: Fields): Fields {
  let grown = fields;
  for (const [key, value] of Object.entries(delta)) {
    const known = Object.hasOwn(grown, key) ? grown[key] : undefined;
    if (key === 'type' || value === null || value === undefined) continue;
    if (typeof known === 'string' && typeof value === 'string') grown = { ...grown, [key]: known + value };
    else if (Array.isArray(known) && Array.isArray(value)) grown = { ...grown, [key]: [...known, ...value] };
    else grown = { ...grown, [key]: value };
  }
  return grown;
}

function keepKnown(known: Fields, update: Fields): Fields {
  let kept = known;
  for (const [key, value] of Object.entries(update)) {
    if (value === null || value === undefined) {
      if (!Object.hasOwn(kept, key)) kept = { ...kept, [key]: null };
    } else kept = { ...kept, [key]: value };
  }
  return kept;
}

/** Input whose JSON is broken or cut stays what the block started with; `rawInput` has the text. */
function toContentBlock({ fields, rawInput }: OpenBlock): ContentBlock {
  if (rawInput === undefined || rawInput === '') return { ...fields } as ContentBlock;
  const parsed = parseInput(rawInput);
  return { ...fields, ...(parsed.ok ? { input: parsed.value } : {}) } as ContentBlock;
}

/** Tool input is JSON or it is broken: nothing is repaired. */
export function parseInput(raw: string): { ok: true; value: unknown } | { ok: false } {
  try {
    return { ok: true, value: JSON.parse(raw) };
  } catch {
    return { ok: false };
  }
}

function streamError(event: StreamEvent): StreamErrorEvent {
  const error = isFields(event.error) ? event.error : {};
  return new StreamErrorEvent(text(error.type) || 'api_error', text(error.message));
}

function append(fields: Fields, key: 'text' | 'thinking', value: unknown): void {
  fields[key] = text(fields[key]) + text(value);
}

function text(value: unknown): string {
  return typeof value === 'string' ? value : '';
}

function usageOf(value: unknown): Usage {
  return isFields(value) ? value : {};
}

function isFields(value: unknown): value is Fields {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

function fieldsOf(value: unknown, what: string): Fields {
  if (!isFields(value)) throw new StreamOrderError(`${what} is not an object`);
  return value;
}
