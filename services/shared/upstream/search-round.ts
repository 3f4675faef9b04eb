// One answer of a model whose searches the gateway makes. Its reader speaks to a round as to the client's writer: what is
// for the client goes on at once; calls of the search stay here, as does the end, for it may not be the client's.
import type { GatewayError } from '#shared/errors.ts';
import { createMessageAccumulator } from '#shared/messages/accumulate-message.ts';
import { createMessageWriter, type MessageWriter, type StopReason } from '#shared/messages/message-writer.ts';
import { addUsage } from '#shared/messages/usage.ts';
import type { ContentBlock, ToolUseBlock, Usage } from '#shared/wire/anthropic.ts';

export interface RoundStart {
  client: MessageWriter;
  /** Name of the search as the client knows it. */
  searchName: string;
  /** From 0. */
  number: number;
  /** What the rounds before used. */
  usedBefore: Usage;
  /** Estimate of this round's prompt. */
  inputTokens: number;
}

export interface RoundEnd {
  /** As the model said it, calls of the search included. */
  content: ContentBlock[];
  searches: ToolUseBlock[];
  /** Calls that are the client's to answer. */
  hasClientCalls: boolean;
  usage: Usage;
  stopReason: StopReason;
  stopSequence: string | null;
  fields: Record<string, unknown>;
}

type Key = string | number;

interface Call {
  /** Unknown until its name is told. */
  owner: 'unknown' | 'gateway' | 'client';
  /** What was said of it before. */
  held: Array<() => void>;
}

export class SearchRound implements MessageWriter {
  readonly #start: RoundStart;
  readonly #client: MessageWriter;
  /** The answer as it would be without a search by the gateway: the judge of what is whole. */
  readonly #own: MessageWriter;
  readonly #message = createMessageAccumulator();
  readonly #calls = new Map<Key, Call>();
  #ending: Pick<RoundEnd, 'stopReason' | 'stopSequence' | 'fields'> | null = null;

  constructor(start: RoundStart) {
    this.#start = start;
    this.#client = start.client;
    const usage = { input_tokens: start.inputTokens, output_tokens: 0 };
    this.#own = createMessageWriter({ id: 'msg_round', model: '', usage }, (event) => this.#message.add(event));
  }

  get hasBegun(): boolean {
    return this.#client.hasBegun;
  }

  get hasEnded(): boolean {
    return this.#own.hasEnded;
  }

  /** Once it has ended. */
  result(): RoundEnd {
    const message = this.#message.message();
    if (message === null || this.#ending === null) throw new Error('the round has not ended');
    const calls = message.stop_reason === 'tool_use' ? message.content.filter(isToolUse) : [];
    const searches = calls.filter(({ name }) => name === this.#start.searchName);
    return {
      ...this.#ending,
      content: message.content,
      searches,
      hasClientCalls: calls.length > searches.length,
      usage: message.usage,
    };
  }

  begin(): void {
    this.#own.begin();
    this.#client.begin();
  }

  text(delta: string): void {
    this.#own.text(delta);
    this.#client.text(delta);
  }

  thinking(delta: string): void {
    this.#own.thinking(delta);
    this.#client.thinking(delta);
  }

  citation(value: unknown): void {
    this.#own.citation(value);
    this.#client.citation(value);
  }

  signature(value: string): void {
    this.#own.signature(value);
    this.#client.signature(value);
  }

  block(content: ContentBlock): void {
    this.#own.block(content);
    this.#client.block(content);
  }

  toolStart(key: Key, id: string, name: string): void {
    this.#own.toolStart(key, id, name);
    const call = this.#callOf(key);
    call.owner = name === this.#start.searchName ? 'gateway' : 'client';
    if (call.owner === 'gateway') return;
    this.#client.toolStart(this.#keyOf(key), id, name);
    for (const tell of call.held.splice(0)) tell();
  }

  toolArguments(key: Key, json: string): void {
    this.#own.toolArguments(key, json);
    this.#tell(key, () => this.#client.toolArguments(this.#keyOf(key), json));
  }

  toolEnd(key: Key): void {
    this.#own.toolEnd(key);
    this.#tell(key, () => this.#client.toolEnd(this.#keyOf(key)));
  }

  usage(update: Usage): void {
    this.#own.usage(update);
    this.#client.usage(addUsage(this.#start.usedBefore, update));
  }

  finish(stopReason: StopReason, stopSequence: string | null = null, fields: Record<string, unknown> = {}): void {
    this.#own.finish(stopReason, stopSequence, fields);
    this.#ending = { stopReason, stopSequence, fields };
  }

  fail(error: GatewayError): void {
    this.#own.fail(error);
    this.#client.fail(error);
  }

  ping(): void {
    this.#client.ping();
  }

  #callOf(key: Key): Call {
    const call = this.#calls.get(key) ?? { owner: 'unknown', held: [] };
    this.#calls.set(key, call);
    return call;
  }

  #tell(key: Key, tell: () => void): void {
    const { owner, held } = this.#callOf(key);
    if (owner === 'client') tell();
    else if (owner === 'unknown') held.push(tell);
  }

  /** The next round's calls are others. */
  #keyOf(key: Key): string {
    return `${this.#start.number}:${key}`;
  }
}

function isToolUse(block: ContentBlock): block is ToolUseBlock {
  return block.type === 'tool_use';
}
