// What one call to a model looks like on its span: numbers and ids first, text last, all within a budget of bytes. Pure;
// both arms of a comparison and the gateway's own spans are described by it.
import { LLMSystem, OpenInferenceSpanKind } from '@arizeai/openinference-semantic-conventions';
import { ANTHROPIC, CCPROXY, GEN_AI, OPENINFERENCE, PLAIN } from './attribute-keys.ts';
import {
  type Attributes,
  add,
  isObject,
  LONGEST_NAME_BYTES,
  numberOf,
  objectOf,
  shortName,
} from './attribute-values.ts';
import { addContent } from './content-attributes.ts';
import type { Conversation } from './conversation.ts';
import { type HiddenPart, hideContent } from './hide-content.ts';
import type { ModelCost, ModelObservation, ModelRequest } from './model-call.ts';
import { utf8Size } from './protobuf-output.ts';
import type { RepeatedAttributes } from './repeated-attributes.ts';
import { type RequestAttributes, requestAttributes } from './request-attributes.ts';
import { addMessages, type ShownMessages } from './shown-messages.ts';

export interface LlmAttributesInput {
  /** null when the body was not readable. */
  request: ModelRequest | null;
  /** What is shown of it, where that was read already; then it need not hold messages, system prompt and tools. */
  conversation?: Conversation;
  /** Who remembers what calls say again and again; else it is made each time. */
  repeated?: RepeatedAttributes;
  /** What `requestAttributes` makes of it, where that is known. */
  said?: RequestAttributes | null;
  requestBytes: number;
  /** Of its messages and tools, where they were counted; else the request is asked. */
  counts?: { messages: number | undefined; tools: number | undefined };
  observation: ModelObservation;
  modelAsked: string;
  modelSent: string;
  /** Who hosts the model: the configured provider's name. */
  provider: string;
  /** The session as the exchange knows it; else it is read from the request's metadata. */
  sessionId?: string | undefined;
  /** null = its price is not known. */
  cost?: ModelCost | null;
  /** Some of the headers, lower-case name → value: `anthropic-beta` of the request, ids of the answer. */
  headers?: Readonly<Record<string, string>> | undefined;
  /** Whether prompt and answer text may be on the span. */
  content: boolean;
  maxContentBytes?: number;
  /** What of the content is left out all the same. */
  hide?: readonly HiddenPart[];
  /** Longest base64 image that is kept, in characters. */
  longestImage?: number;
  /** Applied to all text before it is measured or cut. */
  redact(text: string): string;
}

const MAX_CONTENT_BYTES = 750_000;
/** Headers of the answer. */
const ORGANIZATION = 'anthropic-organization-id';
const WORKSPACE = 'anthropic-workspace-id';

/** What a span says of a call. */
export interface SaidOfCall {
  /** What other calls say too. */
  repeated: readonly Attributes[];
  attributes: Attributes;
  /** Behind them. */
  content: readonly ShownMessages[];
}

/** All of it as attributes. */
export function llmAttributes(input: LlmAttributesInput): Attributes {
  const { repeated, attributes, content } = sayOfCall(input, {});
  const all = Object.assign({}, ...repeated, attributes);
  for (const shown of content) addMessages(all, shown);
  return all;
}

/** Added to what is given, which counts towards the budget too. */
export function sayOfCall(input: LlmAttributesInput, given: Attributes): SaidOfCall {
  const { hide = [], observation } = input;
  const { sessionId, settings } = input.said ?? requestAttributes(input);
  addIdentity(given, input);
  // One that is known otherwise stays.
  if (input.sessionId === undefined) add(given, OPENINFERENCE.sessionId, sessionId);
  addTiming(given, observation);
  add(given, GEN_AI.responseId, shortName(observation.message?.id));
  addTokens(given, observation.usage);
  addCost(given, input.cost ?? null);
  const model = modelAttributes(input);
  const repeated = [...(input.repeated ? [model] : []), ...(input.said ? [settings] : [])];
  // What nobody keeps is of this call.
  if (!input.repeated) Object.assign(given, model);
  if (!input.said) Object.assign(given, settings);
  if (!input.content) return { repeated, attributes: given, content: [] };
  const before = [...repeated, given].reduce((sum, attributes) => sum + sizeOf(attributes), 0);
  const content = addContent(given, input, (input.maxContentBytes ?? MAX_CONTENT_BYTES) - before);
  if (hide.length === 0) return { repeated, attributes: given, content };
  // By their keys.
  for (const shown of content) addMessages(given, shown);
  return { repeated, attributes: hideContent(given, hide), content: [] };
}

function addIdentity(
  to: Attributes,
  { request, requestBytes, counts, observation, sessionId }: LlmAttributesInput,
): void {
  add(to, PLAIN.anthropicRequestId, shortName(observation.requestId));
  add(to, ANTHROPIC.requestId, shortName(observation.requestId));
  add(to, OPENINFERENCE.sessionId, shortName(sessionId));
  add(to, CCPROXY.requestBytes, requestBytes);
  add(to, CCPROXY.messageCount, counts?.messages ?? lengthOf(request?.messages));
  add(to, CCPROXY.toolCount, counts?.tools ?? lengthOf(request?.tools));
}

function addTiming(to: Attributes, { timing, usage }: ModelObservation): void {
  const outputTokens = numberOf(usage?.output_tokens);
  const streamedMs =
    timing.ttftMs === null || timing.lastDeltaMs === null ? null : Math.max(0, timing.lastDeltaMs - timing.ttftMs);
  const hasRate = streamedMs !== null && streamedMs > 0 && outputTokens !== null && outputTokens > 1;
  add(to, PLAIN.ttftMs, timing.ttftMs);
  add(to, PLAIN.totalDurationMs, timing.durationMs);
  add(to, CCPROXY.ttfvtMs, timing.ttfvtMs);
  add(to, CCPROXY.itlMeanMs, hasRate ? streamedMs / (outputTokens - 1) : null);
  add(to, CCPROXY.tokensPerS, hasRate ? outputTokens / (streamedMs / 1000) : null);
  add(to, GEN_AI.timeToFirstChunk, timing.ttftMs === null ? null : timing.ttftMs / 1000);
}

/** Whose model it was, and how it ended: the same from call to call. */
function modelAttributes(input: LlmAttributesInput): Attributes {
  const { modelAsked, modelSent, provider, headers = {}, repeated } = input;
  const { message, stopReason, usage } = input.observation;
  const { [ORGANIZATION]: organization, [WORKSPACE]: workspace } = headers;
  const told = [message?.model, stopReason, usage?.service_tier].map(textOf);
  const values = ['model', modelAsked, modelSent, provider, organization, workspace, ...told];
  return repeated === undefined ? describeModel(input) : repeated(values, () => describeModel(input));
}

function describeModel({ observation, modelAsked, modelSent, provider, headers }: LlmAttributesInput): Attributes {
  const to: Attributes = {};
  const { message, stopReason, usage } = observation;
  const answered = shortName(message?.model);
  add(to, OPENINFERENCE.spanKind, OpenInferenceSpanKind.LLM);
  add(to, ANTHROPIC.organizationId, shortName(headers?.[ORGANIZATION]));
  add(to, ANTHROPIC.workspaceId, shortName(headers?.[WORKSPACE]));
  add(to, OPENINFERENCE.modelName, answered ?? shortName(modelSent));
  add(to, OPENINFERENCE.requestModelName, shortName(modelAsked));
  add(to, OPENINFERENCE.responseModelName, answered);
  add(to, OPENINFERENCE.system, systemOf(answered ?? modelSent) ?? shortName(provider));
  add(to, OPENINFERENCE.provider, shortName(provider));
  add(to, OPENINFERENCE.finishReason, shortName(stopReason));
  add(to, ANTHROPIC.stopReason, shortName(stopReason));
  add(to, CCPROXY.modelRewritten, modelAsked !== modelSent);
  add(to, GEN_AI.operationName, 'chat');
  add(to, GEN_AI.providerName, shortName(provider));
  add(to, GEN_AI.requestModel, shortName(modelSent));
  add(to, GEN_AI.responseModel, answered);
  add(to, ANTHROPIC.responseServiceTier, shortName(usage?.service_tier));
  return to;
}

function addTokens(to: Attributes, usage: ModelObservation['usage']): void {
  if (usage === null) return;
  const fresh = numberOf(usage.input_tokens);
  const cacheRead = numberOf(usage.cache_read_input_tokens) ?? 0;
  const cacheWrite = numberOf(usage.cache_creation_input_tokens) ?? 0;
  const prompt = fresh === null ? null : fresh + cacheRead + cacheWrite;
  const completion = numberOf(usage.output_tokens);
  const reasoning = numberOf(objectOf(usage.output_tokens_details).thinking_tokens);
  const writes = objectOf(usage.cache_creation);
  add(to, OPENINFERENCE.tokensPrompt, prompt);
  add(to, OPENINFERENCE.tokensCompletion, completion);
  add(to, OPENINFERENCE.tokensTotal, prompt === null || completion === null ? null : prompt + completion);
  add(to, OPENINFERENCE.tokensCacheRead, cacheRead || null);
  add(to, OPENINFERENCE.tokensCacheWrite, cacheWrite || null);
  add(to, OPENINFERENCE.tokensReasoning, reasoning || null);
  add(to, GEN_AI.inputTokens, prompt);
  add(to, GEN_AI.outputTokens, completion);
  // Here a reported 0 is said, as the SDK of Anthropic does.
  add(to, GEN_AI.cacheReadTokens, numberOf(usage.cache_read_input_tokens));
  add(to, GEN_AI.cacheWriteTokens, numberOf(usage.cache_creation_input_tokens));
  add(to, GEN_AI.reasoningTokens, reasoning);
  add(to, ANTHROPIC.cacheWrite5m, numberOf(writes.ephemeral_5m_input_tokens));
  add(to, ANTHROPIC.cacheWrite1h, numberOf(writes.ephemeral_1h_input_tokens));
  addCompactions(to, usage.iterations);
}

/** What compactions on the server used is in no other count. */
function addCompactions(to: Attributes, iterations: unknown): void {
  if (!Array.isArray(iterations)) return;
  const compactions = iterations.filter(isObject).filter(({ type }) => type === 'compaction');
  if (compactions.length === 0) return;
  const sum = (names: readonly string[]): number =>
    compactions.reduce((total, each) => names.reduce((part, name) => part + (numberOf(each[name]) ?? 0), total), 0);
  add(to, ANTHROPIC.compactionInput, sum(['input_tokens', 'cache_read_input_tokens', 'cache_creation_input_tokens']));
  add(to, ANTHROPIC.compactionOutput, sum(['output_tokens']));
}

function addCost(to: Attributes, cost: ModelCost | null): void {
  if (cost === null) return;
  add(to, OPENINFERENCE.costPrompt, cost.prompt);
  add(to, OPENINFERENCE.costCompletion, cost.completion);
  add(to, OPENINFERENCE.costTotal, cost.total);
  add(to, OPENINFERENCE.costInput, cost.input);
  add(to, OPENINFERENCE.costCacheRead, cost.cacheRead || null);
  add(to, OPENINFERENCE.costCacheWrite, cost.cacheWrite || null);
}

/** Model names by whose they are; the first match wins. */
const VENDORS: ReadonlyArray<[RegExp, string]> = [
  [/claude/, LLMSystem.ANTHROPIC],
  [/\b(gpt|chatgpt|codex|o[1-9])\b/, LLMSystem.OPENAI],
  [/gemini|gemma/, LLMSystem.VERTEXAI],
  [/mistral|mixtral|codestral|devstral|magistral/, LLMSystem.MISTRALAI],
  [/\bcommand\b|cohere/, LLMSystem.COHERE],
  [/llama/, LLMSystem.META],
  [/\bnova\b/, LLMSystem.AMAZON],
  [/jamba/, LLMSystem.AI21],
];
/** Of a model of your own none is asked. */
const ANY_VENDOR = new RegExp(VENDORS.map(([pattern]) => pattern.source).join('|'));

function systemOf(model: string): string | null {
  const name = model.slice(0, LONGEST_NAME_BYTES).toLowerCase();
  return ANY_VENDOR.test(name) ? (VENDORS.find(([pattern]) => pattern.test(name))?.[1] ?? null) : null;
}

function textOf(value: unknown): string | null {
  return typeof value === 'string' ? value : null;
}

function lengthOf(value: unknown): number | null {
  return Array.isArray(value) ? value.length : null;
}

function sizeOf(attributes: Attributes): number {
  let bytes = 0;
  for (const key of Object.keys(attributes)) {
    const value = attributes[key];
    if (value === null || value === undefined) continue;
    bytes += utf8Size(key) + (typeof value === 'string' ? utf8Size(value) : 8);
  }
  return bytes;
}
