// What rules may ask of a request. Each fact is found when a rule first asks for it, out of as little of the body as it
// takes, and kept; the whole body is parsed only for those that are spread over it, and then once. Pure.
import type { RequestClass } from '#shared/exchange/exchange.ts';
import { estimateTokens } from '#shared/messages/estimate-tokens.ts';
import { type Span, scanList } from '#shared/messages/scan-top-level.ts';
import { fieldsOf, listOf } from '#shared/providers/fields.ts';
import { type ReadRequest, readRequest, type ScannedBody } from '../read-request.ts';
import { type ClientHeaders, classifyRequest, hintedClass } from './classify-request.ts';
import { findPlanMode } from './find-plan-mode.ts';
import { MAX_DEPTH, skimRequest, toolHeads, valueAt } from './skim-request.ts';

/** A body as the gateway's `parse` leaves it. */
export interface ScannedRequest extends ScannedBody {
  readonly model: string;
  readonly stream: boolean;
}

/** null and empty = not known, or not there; no rule holds for it then. */
export interface RequestFacts {
  readonly model: string;
  readonly stream: boolean;
  readonly requestClass: RequestClass | null;
  readonly thinking: Thinking | null;
  /** Of typed tools: their types and their names. */
  readonly serverTools: readonly string[];
  readonly toolsOffered: readonly string[];
  /** At most one. */
  readonly toolForced: readonly string[];
  /** By the last assistant turn. */
  readonly toolsUsed: readonly string[];
  readonly isPlanning: boolean | null;
  readonly hasImages: boolean | null;
  /** Estimated, of all that the model will read. */
  readonly inputTokens: number | null;
}

export interface Thinking {
  isOn: boolean;
  /** null = none that counts. */
  budget: number | null;
}

/** The facts, and the body if one of them needed all of it. */
export interface ReadFacts extends RequestFacts {
  readonly parsed: ReadRequest | null;
}

/** Never throws, whatever the request is. */
export function readFacts(request: ScannedRequest, headers: ClientHeaders): ReadFacts {
  return new LazyFacts(request, headers);
}

interface ToolHead {
  name: string | null;
  /** Null for the client's own tools. */
  type: string | null;
}

class LazyFacts implements ReadFacts {
  readonly #request: ScannedRequest;
  readonly #headers: ClientHeaders;
  #whole: ReadRequest | null | undefined;
  #class: RequestClass | null | undefined;
  #thinking: Thinking | null | undefined;
  #tools: ToolHead[] | undefined;
  #forced: string[] | undefined;
  #used: string[] | undefined;
  #planning: boolean | null | undefined;
  #images: boolean | null | undefined;
  #tokens: number | null | undefined;

  constructor(request: ScannedRequest, headers: ClientHeaders) {
    this.#request = request;
    this.#headers = headers;
  }

  get model(): string {
    return this.#request.model;
  }

  get stream(): boolean {
    return this.#request.stream;
  }

  get parsed(): ReadRequest | null {
    return this.#whole ?? null;
  }

  get requestClass(): RequestClass | null {
    if (this.#class === undefined) this.#class = hintedClass(this.#headers) ?? this.#classify();
    return this.#class;
  }

  get thinking(): Thinking | null {
    if (this.#thinking === undefined) this.#thinking = this.#field('thinking', toThinking, NOT_THINKING, null);
    return this.#thinking;
  }

  get serverTools(): string[] {
    return this.#toolHeads().flatMap(({ name, type }) =>
      type === null ? [] : [type, ...(name === null ? [] : [name])],
    );
  }

  get toolsOffered(): string[] {
    return this.#toolHeads().flatMap(({ name }) => name ?? []);
  }

  get toolForced(): string[] {
    this.#forced ??= this.#field('tool_choice', toForcedTool, [], []);
    return this.#forced;
  }

  get toolsUsed(): string[] {
    this.#used ??= this.#at('messages', (span) => lastCalls(this.#request.bytes, span), [], []);
    return this.#used;
  }

  get isPlanning(): boolean | null {
    if (this.#planning === undefined)
      this.#planning = this.#at('messages', (span) => findPlanMode(this.#request.bytes, span), false, null);
    return this.#planning;
  }

  get hasImages(): boolean | null {
    if (this.#images === undefined) {
      const whole = this.#wholeRequest();
      this.#images = whole && listOf(whole.request.messages).some((message) => holdsImage(fieldsOf(message).content));
    }
    return this.#images;
  }

  get inputTokens(): number | null {
    if (this.#tokens === undefined) {
      const whole = this.#wholeRequest();
      this.#tokens = whole && estimateTokens(whole.request, whole.texts?.countText);
    }
    return this.#tokens;
  }

  #classify(): RequestClass | null {
    const { bytes, spans } = this.#request;
    const request = skimRequest(bytes, { spans, users: 'last' });
    return request ? classifyRequest(request, this.#headers).class : null;
  }

  #toolHeads(): ToolHead[] {
    this.#tools ??= this.#at('tools', (span) => toolHeads(this.#request.bytes, span).map(toToolHead), [], []);
    return this.#tools;
  }

  #wholeRequest(): ReadRequest | null {
    if (this.#whole === undefined) this.#whole = readRequest(this.#request, false);
    return this.#whole;
  }

  #field<T>(key: string, read: (value: unknown) => T, absent: T, unreadable: T): T {
    return this.#at(key, (span) => read(valueAt(this.#request.bytes, span)), absent, unreadable);
  }

  #at<T>(key: string, read: (span: Span) => T, absent: T, unreadable: T): T {
    const span = this.#request.spans.get(key);
    if (span === undefined) return absent;
    try {
      return read(span);
    } catch {
      return unreadable; // ours to look at, the upstream's to refuse
    }
  }
}

const NOT_THINKING: Thinking = Object.freeze({ isOn: false, budget: null });

function toThinking(value: unknown): Thinking {
  const { type, budget_tokens: budget } = fieldsOf(value);
  if (type !== 'enabled') return type === 'adaptive' ? { isOn: true, budget: null } : NOT_THINKING;
  return { isOn: true, budget: typeof budget === 'number' ? budget : null };
}

function toForcedTool(value: unknown): string[] {
  const { type, name } = fieldsOf(value);
  return type === 'tool' && typeof name === 'string' ? [name] : [];
}

function toToolHead(tool: unknown): ToolHead {
  const { name, type } = fieldsOf(tool);
  return {
    name: typeof name === 'string' ? name : null,
    type: typeof type === 'string' && type !== 'custom' ? type : null,
  };
}

/** What the last assistant message calls; the messages after it are the answers to that. */
function lastCalls(bytes: Buffer, span: Span): string[] {
  for (const place of scanList(bytes, span, MAX_DEPTH).reverse()) {
    const { role, content } = fieldsOf(valueAt(bytes, place));
    if (role === 'assistant') return listOf(content).flatMap(toCall);
  }
  return [];
}

/** `tool_use`, `server_tool_use`, `mcp_tool_use`. */
function toCall(block: unknown): string[] {
  const { type, name } = fieldsOf(block);
  return typeof type === 'string' && type.endsWith('tool_use') && typeof name === 'string' ? [name] : [];
}

/** Tools give back images inside of their results. */
function holdsImage(content: unknown): boolean {
  return listOf(content).some((block) => {
    const { type, content: inner } = fieldsOf(block);
    return (
      type === 'image' || (type === 'tool_result' && listOf(inner).some((part) => fieldsOf(part).type === 'image'))
    );
  });
}
