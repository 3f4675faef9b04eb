// A Messages stream that deviates → writer verbs. What the upstream says of order and indices is used to tell its blocks
// apart and for nothing else: the writer makes its own.
import { GatewayError } from '#shared/errors.ts';
import type { MessageWriter, StopReason } from '#shared/messages/message-writer.ts';
import type { SseEvent } from '#shared/sse/read-sse.ts';
import type { ContentBlock } from '#shared/wire/anthropic.ts';
import { createCallIds } from '../call-ids.ts';
import { type Fields, fieldsOf, isFields, listOf, numberOf, parseJson, textOf } from '../fields.ts';
import type { ConversionMemory, StreamReader } from '../provider.ts';
import { readStreamError } from '../read-error.ts';
import { encodeThinkingState } from '../thinking-state.ts';
import type { Profile } from './profiles.ts';
import { toUsage } from './usage.ts';

/** A block the upstream has started and not stopped. */
type OpenBlock =
  | { kind: 'text' }
  | { kind: 'thinking'; signature: string; isWritten: boolean }
  | { kind: 'tool'; key: number; input: unknown; hasArguments: boolean }
  /** Written when it is whole. */
  | { kind: 'held'; block: Fields; json: string };

type Thinking = Extract<OpenBlock, { kind: 'thinking' }>;

export function createMessagesReader(writer: MessageWriter, memory: ConversionMemory, profile: Profile): StreamReader {
  return new MessagesReader(writer, memory, profile);
}

class MessagesReader implements StreamReader {
  readonly #writer: MessageWriter;
  readonly #memory: ConversionMemory;
  readonly #profile: Profile;
  readonly #open = new Map<number, OpenBlock>();
  readonly #toolId: (given: string, key: number) => string;
  model = '';
  #calls = 0;
  /** The thinking that was written last, with nothing after it and without its signature. */
  #unsigned: Thinking | null = null;
  #stop: { reason: StopReason; sequence: string | null; fields: Fields } | null = null;

  constructor(writer: MessageWriter, memory: ConversionMemory, profile: Profile) {
    this.#writer = writer;
    this.#memory = memory;
    this.#profile = profile;
    this.#toolId = createCallIds(memory.idSeed ?? '');
  }

  onEvent({ event, data }: SseEvent): void {
    if (this.#writer.hasEnded || data.trim() === '' || data.trim() === '[DONE]') return;
    const body = parseJson(data);
    if (isFields(body)) this.#dispatch(textOf(body.type) || (event ?? ''), body);
    // A last event that was cut takes nothing from a turn that has said how it ended.
    else if (this.#stop === null) throw unreadable('an event that is no JSON object');
  }

  onEnd(): void {
    if (this.#writer.hasEnded) return;
    if (this.#stop !== null && this.#open.size === 0) this.#finish();
    else throw new GatewayError('api_error', 'the upstream closed the stream before finishing');
  }

  #dispatch(type: string, body: Fields): void {
    if (type === 'error' || body.object === 'error' || isFields(body.error) || typeof body.error === 'string') {
      throw readStreamError(body);
    }
    const index = numberOf(body.index) ?? [...this.#open.keys()].at(-1) ?? 0;
    switch (type) {
      case 'message_start':
        this.model ||= textOf(fieldsOf(body.message).model);
        this.#writer.usage(toUsage(fieldsOf(body.message).usage, this.#profile));
        break;
      case 'content_block_start':
        this.#close(index);
        this.#start(index, fieldsOf(body.content_block));
        break;
      case 'content_block_delta':
        this.#delta(this.#open.get(index), fieldsOf(body.delta));
        break;
      case 'content_block_stop':
        this.#close(index);
        break;
      case 'message_delta':
        this.#writer.usage(toUsage(body.usage, this.#profile));
        this.#readStop(fieldsOf(body.delta));
        break;
      case 'message_stop':
        this.#finish();
        break;
      case 'message':
      case 'whole':
        this.#whole(body);
        break;
    }
  }

  #start(index: number, block: Fields): void {
    if (block.type === 'fallback') this.model = textOf(fieldsOf(block.to).model) || this.model;
    switch (block.type) {
      case 'text':
        this.#open.set(index, { kind: 'text' });
        this.#text(textOf(block.text));
        for (const citation of listOf(block.citations)) this.#writer.citation(citation);
        break;
      case 'thinking': {
        const open: Thinking = { kind: 'thinking', signature: textOf(block.signature), isWritten: false };
        this.#open.set(index, open);
        this.#think(open, textOf(block.thinking));
        break;
      }
      case 'tool_use': {
        const name = textOf(block.name);
        if (name === '') throw unreadable('a tool call without a name');
        this.#endThinking();
        const key = this.#calls++;
        this.#open.set(index, { kind: 'tool', key, input: block.input, hasArguments: false });
        this.#writer.toolStart(key, this.#toolId(textOf(block.id), key), name);
        break;
      }
      default:
        this.#open.set(index, { kind: 'held', block, json: '' });
    }
  }

  #delta(open: OpenBlock | undefined, delta: Fields): void {
    switch (delta.type) {
      case 'text_delta':
        this.#text(textOf(delta.text));
        break;
      case 'citations_delta':
        this.#endThinking();
        this.#writer.citation(delta.citation);
        break;
      case 'thinking_delta':
        this.#think(open?.kind === 'thinking' ? open : null, textOf(delta.thinking));
        break;
      case 'signature_delta':
        if (open?.kind === 'thinking') open.signature = textOf(delta.signature);
        break;
      case 'input_json_delta':
        this.#arguments(open, textOf(delta.partial_json));
        break;
      default:
        if (open?.kind === 'held') open.block = grown(open.block, delta);
    }
  }

  #text(text: string): void {
    if (text === '') return;
    this.#endThinking();
    this.#writer.text(text);
  }

  #think(open: Thinking | null, text: string): void {
    if (text === '' || this.#memory.thinking === 'none') return;
    if (open === null || this.#unsigned !== open) this.#endThinking();
    this.#unsigned = open ?? { kind: 'thinking', signature: '', isWritten: true };
    this.#unsigned.isWritten = true;
    this.#writer.thinking(text);
  }

  #endThinking(): void {
    if (this.#unsigned === null) return;
    this.#writer.signature(this.#signatureOf(this.#unsigned));
    this.#unsigned = null;
  }

  /** One that no server checks is marked as ours, so that it is never shown to one that does. */
  #signatureOf({ signature }: Thinking): string {
    const isReal = this.#profile.signatures === 'checked' && signature !== '';
    return isReal ? signature : encodeThinkingState('anthropic', {});
  }

  #arguments(open: OpenBlock | undefined, json: string): void {
    if (json === '') return;
    if (open?.kind === 'held') open.json += json;
    else if (open?.kind === 'tool') {
      open.hasArguments = true;
      this.#writer.toolArguments(open.key, json);
    } else throw unreadable('arguments without a tool call');
  }

  #close(index: number): void {
    const open = this.#open.get(index);
    this.#open.delete(index);
    if (open?.kind === 'thinking') this.#closeThinking(open);
    else if (open?.kind === 'tool') this.#closeTool(open.key, open.hasArguments ? undefined : open.input);
    else if (open?.kind === 'held') this.#closeHeld(open.block, open.json);
  }

  #closeThinking(open: Thinking): void {
    if (this.#unsigned === open) this.#endThinking();
    // Thinking whose words are kept back is its signature alone.
    const isHidden = !open.isWritten && open.signature !== '' && this.#profile.signatures === 'checked';
    if (isHidden && this.#memory.thinking !== 'none') this.#writer.signature(open.signature);
  }

  #closeTool(key: number, input: unknown): void {
    if (isFields(input) && Object.keys(input).length > 0) this.#writer.toolArguments(key, JSON.stringify(input));
    this.#writer.toolEnd(key);
  }

  #closeHeld(block: Fields, json: string): void {
    if (typeof block.type !== 'string') throw unreadable('a block without a type');
    const input = json === '' ? undefined : parseJson(json);
    if (json !== '' && input === undefined) throw unreadable(`a ${block.type.slice(0, 40)} whose input is no JSON`);
    if (block.type.endsWith('_tool_use')) this.#checkServerCall(textOf(block.id), input ?? block.input ?? {});
    this.#endThinking();
    this.#writer.block((input === undefined ? block : { ...block, input }) as ContentBlock);
  }

  /** Its result names it: it cannot be given another id. */
  #checkServerCall(id: string, input: unknown): void {
    if (!isFields(input)) throw unreadable('a call of its own whose input is no JSON object');
    const isOwn = id !== '' && this.#toolId(id, this.#calls++) === id;
    if (!isOwn) throw unreadable('a call of its own without an id of its own');
  }

  #readStop(delta: Fields): void {
    const reason = textOf(delta.stop_reason);
    if (reason === '') return;
    const { stop_sequence: sequence } = delta;
    const said = this.#profile.stopFields.filter((name) => (delta[name] ?? null) !== null);
    this.#stop = {
      reason: STOP_REASONS[reason] ?? 'end_turn',
      sequence: typeof sequence === 'string' ? sequence : null,
      fields: Object.fromEntries(said.map((name) => [name, delta[name]])),
    };
  }

  #finish(): void {
    for (const index of [...this.#open.keys()]) this.#close(index);
    this.#endThinking();
    const { reason, sequence, fields } = this.#stop ?? { reason: 'end_turn' as const, sequence: null, fields: {} };
    this.#writer.finish(reason, sequence, fields);
  }

  #whole(message: Fields): void {
    const { content } = message;
    this.model ||= textOf(message.model);
    if (typeof content !== 'string' && !Array.isArray(content)) throw unreadable('no message');
    this.#writer.usage(toUsage(message.usage, this.#profile));
    const blocks = typeof content === 'string' ? [{ type: 'text', text: content }] : content.map(fieldsOf);
    for (const [index, block] of blocks.entries()) {
      this.#start(index, block);
      this.#close(index);
    }
    this.#readStop(message);
    this.#finish();
  }
}

/** A block that nobody here knows, and what its delta says: texts go on, all else is replaced. */
function grown(block: Fields, { type: _, ...said }: Fields): Fields {
  const more = Object.entries(said).map(([name, value]) => {
    const before = block[name];
    return [name, typeof before === 'string' && typeof value === 'string' ? before + value : value];
  });
  return { ...block, ...Object.fromEntries(more) };
}

/** The protocol's own, and what servers that translate let through. */
const STOP_REASONS: Readonly<Record<string, StopReason>> = {
  end_turn: 'end_turn',
  max_tokens: 'max_tokens',
  stop_sequence: 'stop_sequence',
  tool_use: 'tool_use',
  pause_turn: 'pause_turn',
  refusal: 'refusal',
  model_context_window_exceeded: 'model_context_window_exceeded',
  stop: 'end_turn',
  length: 'max_tokens',
  tool_calls: 'tool_use',
  function_call: 'tool_use',
  content_filter: 'refusal',
};

function unreadable(what: string): GatewayError {
  return new GatewayError('api_error', `the upstream sent ${what}`, { status: 502 });
}
