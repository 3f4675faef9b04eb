// The only producer of Anthropic stream events. Readers say what happened at their upstream; the writer alone knows block
// indices, what is open, what has to wait, and how a message may end.
//
// Contract: verbs come in any order an upstream may send them. One block is open at a time; what belongs to a later block
// waits until the one before it has ended. `finish` and `fail` are terminal, exactly one of them ends the message, and a
// verb after it throws: that is a mistake of the reader. Nothing is emitted twice, nothing after the end. A call whose
// arguments are no JSON object stays open, and `finish` refuses to end the message, unless the answer was cut.
import { GatewayError, toErrorEnvelope } from '#shared/errors.ts';
import type { CopiedPieces, Pieces } from '#shared/simd/copy-pieces.ts';
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
  /** Says something where the turn would end with no word, call or result; thinking is none. */
  ifSilent?: (() => void) | null;
}

export interface MessageWriter {
  /** `message_start`; once, by whichever verb comes first. */
  begin(): void;
  readonly hasBegun: boolean;
  readonly hasEnded: boolean;
  text(delta: string): void;
  thinking(delta: string): void;
  /**
   * Text or thinking as it stands in an upstream's events. null = no block of it is open; absent where each delta has to be
   * looked at.
   */
  copy?(kind: ProseKind, pieces: Pieces): CopiedPieces | null;
  /** Belongs to the text that is being written. */
  citation(value: unknown): void;
  /** Signature of the thinking that was written last; without any it makes an empty thinking block. */
  signature(value: string): void;
  /** A tool call; `key` names it among the calls of this message. May come before or after its arguments' first piece. */
  toolStart(key: string | number, id: string, name: string): void;
  /** @throws GatewayError for arguments that follow a call whose arguments were whole */
  toolArguments(key: string | number, json: string): void;
  /** No more arguments will come. */
  toolEnd(key: string | number): void;
  /** A block that is known as a whole: `redacted_thinking`, `server_tool_use`, `web_search_tool_result` … */
  block(content: ContentBlock): void;
  /** Replaces the totals it names; a count of tokens that is no number or below 0 is none. Output nobody counts is estimated. */
  usage(update: Usage): void;
  /**
   * Ends the message. With a complete tool call the reason is `tool_use`, unless the answer was cut.
   * @throws GatewayError when a call's arguments are no JSON object although the answer was not cut; the message has
   * not ended then
   */
  finish(stopReason: StopReason, stopSequence?: string | null, fields?: Record<string, unknown>): void;
  /** Ends the message with one error event; an open block stays open. */
  fail(error: GatewayError): void;
  /** A sign of life between two events. Nothing before the start and after the end. */
  ping(): void;
}

export type ProseKind = 'text' | 'thinking';

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

/** A tool call's arguments as they come. */
interface Arguments {
  json: string;
  /** The first that is no white space. */
  firstCharacter: string;
  balance: JsonBalance;
}

/** For an estimate of what nobody counted. */
const CHARACTERS_PER_TOKEN = 4;

/** What is or will be one content block. Only the first of the queue is written; the others hold their parts. */
interface Segment {
  kind: ProseKind | 'tool' | 'block';
  /** null: a call whose arguments came before its name. */
  block: ContentBlock | null;
  deltas: Array<Record<string, unknown>>;
  /** How many of its first deltas are known to be white space. */
  blanks: number;
  signature: string | null;
  isStarted: boolean;
  isEnded: boolean;
  call: Arguments | null;
}

/** Writes pieces as deltas of one block, as many as it can. */
export type CopyDeltas = (index: number, kind: ProseKind, pieces: Pieces) => CopiedPieces;

/** Without `copyDeltas` each of those is to be said. */
export function createMessageWriter(
  start: MessageStart,
  emit: (event: AnthropicEvent) => void,
  copyDeltas: CopyDeltas | null = null,
): MessageWriter {
  return new Writer(start, emit, copyDeltas);
}

class Writer implements MessageWriter {
  hasBegun = false;
  hasEnded = false;
  readonly #start: MessageStart;
  readonly #emit: (event: AnthropicEvent) => void;
  readonly #copyDeltas: CopyDeltas | null;
  readonly #queue: Segment[] = [];
  readonly #tools = new Map<string | number, Segment>();
  #index = 0;
  #usage: Usage;
  #isOutputCounted = false;
  /** Characters that were written. */
  #length = 0;
  #hasCompleteTool = false;
  #isFinishing = false;
  #isSilent = true;

  constructor(start: MessageStart, emit: (event: AnthropicEvent) => void, copyDeltas: CopyDeltas | null) {
    this.#start = start;
    this.#emit = emit;
    this.#copyDeltas = copyDeltas;
    this.#usage = { ...start.usage };
  }

  begin(): void {
    this.#refuseAfterEnd();
    if (this.hasBegun) return;
    this.hasBegun = true;
    const { id, model } = this.#start;
    const message = {
      id,
      type: 'message',
      role: 'assistant',
      model,
      content: [],
      stop_reason: null,
      stop_sequence: null,
      usage: { ...this.#usage },
    };
    this.#emit({ type: 'message_start', message });
  }

  text(delta: string): void {
    if (delta !== '') this.#prose('text').deltas.push({ type: 'text_delta', text: delta });
    this.#flush();
  }

  thinking(delta: string): void {
    if (delta !== '') this.#prose('thinking').deltas.push({ type: 'thinking_delta', thinking: delta });
    this.#flush();
  }

  copy(kind: ProseKind, pieces: Pieces): CopiedPieces | null {
    this.#refuseAfterEnd();
    if (this.#copyDeltas === null || !this.#isWriting(kind)) return null;
    const copied = this.#copyDeltas(this.#index, kind, pieces);
    this.#length += copied.length;
    return copied;
  }

  citation(value: unknown): void {
    this.#prose('text').deltas.push({ type: 'citations_delta', citation: value });
    this.#flush();
  }

  signature(value: string): void {
    this.#prose('thinking').signature = value;
    this.#flush();
  }

  toolStart(key: string | number, id: string, name: string): void {
    const segment = this.#tools.get(key) ?? this.#appendTool(key);
    if (segment.block !== null) throw new Error(`tool call ${key} was started twice`);
    segment.block = { type: 'tool_use', id, name, input: {} };
    this.#flush();
  }

  toolArguments(key: string | number, json: string): void {
    this.#refuseAfterEnd();
    if (json === '') return;
    const { call, isEnded, deltas } = this.#tools.get(key) ?? this.#appendTool(key);
    if (call === null) return;
    if (isEnded) {
      if (json.trim() === '') return;
      throw new GatewayError('api_error', `the upstream sent more arguments for a tool call that was over`);
    }
    deltas.push({ type: 'input_json_delta', partial_json: json });
    call.json += json;
    call.firstCharacter ||= json.trimStart().charAt(0);
    call.balance.push(json);
    this.#flush();
  }

  toolEnd(key: string | number): void {
    this.#refuseAfterEnd();
    const segment = this.#tools.get(key);
    if (!segment) throw new Error(`tool call ${key} was not started`);
    segment.isEnded = true;
    this.#flush();
  }

  block(content: ContentBlock): void {
    this.#refuseAfterEnd();
    this.#endProse();
    const { input } = content as Record<string, unknown>;
    const isCall = content.type.endsWith('tool_use') && typeof input === 'object' && input !== null;
    const segment = this.#append('block', isCall ? { ...content, input: {} } : content);
    // Clients take a call's input from deltas alone.
    if (isCall) segment.deltas.push({ type: 'input_json_delta', partial_json: JSON.stringify(input) });
    segment.isEnded = true;
    this.#flush();
  }

  usage(update: Usage): void {
    this.#refuseAfterEnd();
    const known = Object.entries(update).filter(([name, value]) => !name.endsWith('_tokens') || isCount(value));
    const counts: Usage = Object.fromEntries(known);
    this.#isOutputCounted ||= (counts.output_tokens ?? 0) > 0;
    this.#usage = mergeUsage(this.#usage, counts);
  }

  finish(stopReason: StopReason, stopSequence: string | null = null, fields: Record<string, unknown> = {}): void {
    this.#refuseAfterEnd();
    const isCut = CUT.has(stopReason);
    const broken = this.#queue.find((segment) => segment.kind === 'tool' && !isComplete(segment));
    if (broken && !isCut) throw brokenCall(broken);
    this.begin();
    this.#isFinishing = true;
    for (const segment of this.#queue) segment.isEnded = true;
    this.#flush();
    const isTool = this.#hasCompleteTool && !isCut;
    const reason = isTool ? 'tool_use' : stopReason === 'tool_use' ? 'end_turn' : stopReason;
    if (this.#isSilent && reason === 'end_turn') this.#start.ifSilent?.();
    this.hasEnded = true;
    if (!this.#isOutputCounted) this.#usage.output_tokens = Math.ceil(this.#length / CHARACTERS_PER_TOKEN);
    const delta = { ...fields, stop_reason: reason, stop_sequence: stopSequence };
    this.#emit({ type: 'message_delta', delta, usage: this.#usage });
    this.#emit({ type: 'message_stop' });
  }

  fail(error: GatewayError): void {
    this.#refuseAfterEnd();
    this.hasEnded = true;
    this.#emit({ ...toErrorEnvelope(error) });
  }

  ping(): void {
    if (this.hasBegun && !this.hasEnded) this.#emit({ type: 'ping' });
  }

  /** What is said next goes straight into an open block of that kind. */
  #isWriting(kind: ProseKind): boolean {
    const [first] = this.#queue;
    return first?.kind === kind && first.isStarted && isOpenProse(first) && this.#queue.length === 1;
  }

  #refuseAfterEnd(): void {
    if (this.hasEnded) throw new Error('the message has ended');
  }

  /** The text or thinking that is being written, or a new one when something else came last. */
  #prose(kind: ProseKind): Segment {
    this.#refuseAfterEnd();
    const last = this.#queue.at(-1);
    if (last?.kind === kind && isOpenProse(last)) return last;
    this.#endProse();
    const block = kind === 'text' ? { type: kind, text: '' } : { type: kind, thinking: '', signature: '' };
    return this.#append(kind, block);
  }

  #endProse(): void {
    const last = this.#queue.at(-1);
    if (last && last.kind !== 'tool') last.isEnded = true;
  }

  #appendTool(key: string | number): Segment {
    this.#refuseAfterEnd();
    this.#endProse();
    const segment = this.#append('tool', null);
    segment.call = { json: '', firstCharacter: '', balance: createJsonBalance() };
    this.#tools.set(key, segment);
    return segment;
  }

  #append(kind: Segment['kind'], block: ContentBlock | null): Segment {
    const segment: Segment = {
      kind,
      block,
      deltas: [],
      blanks: 0,
      signature: null,
      isStarted: false,
      isEnded: false,
      call: null,
    };
    this.#queue.push(segment);
    return segment;
  }

  /** Writes what may be written: the first segment as it grows, and the next when that one has ended. */
  #flush(): void {
    for (let first = this.#queue[0]; first; first = this.#queue[0]) {
      this.#write(first);
      if (!this.#isFinishing && !isOver(first, this.#queue.length > 1)) return;
      this.#stop(first);
      this.#queue.shift();
    }
  }

  #write(segment: Segment): void {
    if (segment.block === null) return;
    if (!segment.isStarted) {
      // White space alone makes no block.
      if (segment.kind === 'text' && isAllBlank(segment)) return;
      this.begin();
      segment.isStarted = true;
      this.#isSilent &&= segment.block.type.endsWith('thinking');
      this.#emit({ type: 'content_block_start', index: this.#index, content_block: segment.block });
    }
    // What is no object yet, or never, is not shown.
    if (segment.call && segment.call.firstCharacter !== '{') return;
    for (const delta of segment.deltas) {
      this.#length += lengthOf(delta);
      this.#emit({ type: 'content_block_delta', index: this.#index, delta });
    }
    segment.deltas = [];
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
    if (segment.block?.type === 'tool_use' && isComplete(segment)) this.#hasCompleteTool = true;
  }
}

/** A signature ends its thinking: more of it is another block. */
function isOpenProse({ isEnded, signature }: Segment): boolean {
  return !isEnded && signature === null;
}

/** Upstreams send nothing, text or less than nothing for a count they do not have. */
function isCount(value: unknown): boolean {
  return typeof value === 'number' && Number.isFinite(value) && value >= 0;
}

function lengthOf({ text, thinking, partial_json }: Record<string, unknown>): number {
  const said = text ?? thinking ?? partial_json;
  return typeof said === 'string' ? said.length : 0;
}

/** Each delta is looked at once: some models say white space without end. */
function isAllBlank(segment: Segment): boolean {
  const { deltas } = segment;
  while (segment.blanks < deltas.length && isBlank(deltas[segment.blanks] ?? {})) segment.blanks++;
  return segment.blanks === deltas.length;
}

function isBlank(delta: Record<string, unknown>): boolean {
  return typeof delta.text === 'string' && delta.text.trim() === '';
}

/** A call whose arguments are whole is over when something waits behind it, also if nobody said so. */
function isOver(segment: Segment, hasNext: boolean): boolean {
  if (segment.call === null) return segment.isEnded;
  return (segment.isEnded || (hasNext && segment.call.balance.isWhole)) && isComplete(segment);
}

/** Is it a call with a name and, where it has arguments, one JSON object of them? */
function isComplete({ block, call }: Segment): boolean {
  if (block === null) return false;
  if (call === null || /^(?:null|"")?$/.test(call.json.trim())) return true;
  if (!call.balance.isWhole || call.firstCharacter !== '{') return false;
  try {
    JSON.parse(call.json);
    return true;
  } catch {
    return false; // whole brackets around what is no JSON
  }
}

function brokenCall({ block }: Segment): GatewayError {
  return block === null
    ? new GatewayError('api_error', 'the upstream called a tool without naming it')
    : new GatewayError('api_error', `the upstream's arguments for ${String(block.name)} are not a whole JSON object`);
}
