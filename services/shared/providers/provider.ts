// What a protocol must say to be a provider: three pure functions and its capabilities as data. Anthropic Messages is the
// hub; only the file of a provider knows its protocol. No I/O, no clock, no randomness, no configuration here.
import type { GatewayError } from '#shared/errors.ts';
import type { MessageWriter } from '#shared/messages/message-writer.ts';
import type { ReadAhead, SseEvent } from '#shared/sse/read-sse.ts';
import type { MessagesRequest } from '#shared/wire/anthropic.ts';
import type { KeyHeader, Target } from './target.ts';

export interface ConversionInput {
  target: Target;
  /** The name to send upstream. */
  model: string;
  /** The name the client asked for; answers carry it. */
  modelAsked: string;
  /** Stable for one client session, says nothing about it; null when unknown. */
  sessionKey: string | null;
  /** Estimate of the prompt's tokens. */
  inputTokens: number;
  /** What earlier refusals of this upstream and model taught. */
  learned?: LearnedTraits;
  /** Of Anthropic's API, as the client named them; for who speaks it too. */
  anthropicVersion?: string | null;
  anthropicBeta?: string | null;
}

/**
 * What an upstream turned out to do without, in the words of the provider that learned it; others do not read it. As a
 * lesson it may hold for one request alone: lessons.ts.
 */
export type LearnedTraits = Readonly<Record<string, string | number | boolean>>;

/** What reading the answer needs to know of the request. */
export interface ConversionMemory {
  model: string;
  modelAsked: string;
  /** Who is asked, by the name the operator gave it. */
  upstream?: string;
  /** Tool names as sent → as the client knows them; only those that differ. */
  toolNames: ReadonlyMap<string, string>;
  /** Sequences the gateway itself must stop at, because the upstream cannot. */
  stopSequences: readonly string[];
  inputTokens: number;
  /** What the client wants of the model's thinking: all (absent), its state without the words, or nothing. */
  thinking?: 'shown' | 'state' | 'none';
  /** What ids are made from that the upstream does not give; another for every request. */
  idSeed?: string;
}

export interface ConvertedRequest {
  /** Relative to the target's base URL, with its query. */
  path: string;
  /** Flat protocol headers; credentials are attached elsewhere. */
  headers: string[];
  body: Buffer;
  /** What was approximated, by name (`max_tokens:8192`, `image-omitted:2`), for `x-ccproxy-route` and the span. */
  notes: string[];
  memory: ConversionMemory;
}

/** Reads one answer. Calls writer verbs and nothing else; never `begin` before there is output. */
export interface StreamReader {
  /** The model that answers, as the upstream calls it; '' or absent = it has not said. */
  readonly model?: string;
  /** @throws GatewayError when the event says that the upstream failed */
  onEvent(event: SseEvent): void;
  /** Of events that it knows by sight; the others come as events. @throws as `onEvent` */
  readAhead?: ReadAhead;
  /** The upstream ended its answer. @throws GatewayError when the answer is not whole. Ends the message otherwise. */
  onEnd(): void;
}

export interface UpstreamError {
  status: number;
  /** Flat, as received. */
  rawHeaders: readonly string[];
  body: Buffer;
}

/** How an upstream is asked how long a prompt is for it. */
export interface TokenCount {
  /** From the address and the body of the request itself; null when this one cannot be counted. */
  toQuestion(path: string, body: Record<string, unknown>): { path: string; body: unknown } | null;
  /** null when the answer holds no count. */
  readCount(answer: unknown): number | null;
}

/** One line of docs/providers.md. */
export interface Capability {
  /** E.g. `images`, `pdf-input`, `thinking`. */
  feature: string;
  support: 'carried' | 'approximated' | 'refused';
  how: string;
}

export type OwnSearch = 'beside-tools' | 'alone' | 'never';

export interface Provider {
  readonly type: string;
  /** How the upstream frames its stream. */
  readonly framing: 'sse' | 'ndjson';
  /** Where it takes its key, unless the settings say otherwise; absent = a bearer token. */
  readonly keyHeader?: KeyHeader;
  /** Names under which a server of the protocol may deviate from it. */
  readonly profiles?: readonly string[];
  readonly capabilities: readonly Capability[];
  /** It is asked for no output at all too: that warms its cache. */
  readonly takesNoOutput?: boolean;
  /** Can it search the web itself for that model, only without other tools, or not at all, as when this is absent? */
  searches?(input: ConversionInput): OwnSearch;
  /** @throws GatewayError 400 that names the field or block which cannot be carried */
  toUpstreamRequest(request: MessagesRequest, input: ConversionInput): ConvertedRequest;
  createReader(writer: MessageWriter, memory: ConversionMemory): StreamReader;
  /** The upstream's error → ours: type, status, its own words, an integer `retry-after`. */
  readError(error: UpstreamError): GatewayError;
  /** Absent = it counts nothing before it is asked. */
  readonly tokenCount?: TokenCount;
  /** What a refusal (400, 422) says that this upstream cannot be asked; null when it says no such thing. */
  learn?(error: UpstreamError): LearnedTraits | null;
}
