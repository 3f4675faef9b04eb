// What one call to a model looks like on its span: numbers and ids first, text last, all within a budget of bytes. Pure;
// both arms of a comparison and the gateway's own spans are described by it.
import { LLMProvider, LLMSystem, OpenInferenceSpanKind } from '@arizeai/openinference-semantic-conventions';
import { ANTHROPIC, CCPROXY, GEN_AI, OPENINFERENCE, PLAIN } from './attribute-keys.ts';
import {
  AttributeObject,
  type Attributes,
  add,
  addAll,
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
import type { AttributeSink, SayAttributes } from './tracing.ts';

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
  /** Of the whole call, where it took longer than the answer did. */
  durationMs?: number | undefined;
  modelAsked: string;
  modelSent: string;
  /** Who hosts the model: the configured provider's name. */
  provider: string;
  /** The session as the exchange knows it; else it is read from the request's metadata. */
  sessionId?: string | undefined;
  /** The hash of the user, where the request does not say it any more. */
  userId?: string | null;
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
  const { hide = [] } = input;
  const { repeated, say } = sayFigures(input);
  say(new AttributeObject(given));
  if (!input.content) return { repeated, attributes: given, content: [] };
  const before = [...repeated, given].reduce((sum, attributes) => sum + sizeOf(attributes), 0);
  const content = addContent(given, input, (input.maxContentBytes ?? MAX_CONTENT_BYTES) - before);
  if (hide.length === 0) return { repeated, attributes: given, content };
  // By their keys.
  for (const shown of content) addMessages(given, shown);
  return { repeated, attributes: hideContent(given, hide), content: [] };
}

/** All but the content. */
export function sayFigures(input: LlmAttributesInput): Pick<SaidOfCall, 'repeated'> & { say: SayAttributes } {
  const { observation, said, repeated: memory } = input;
  const { sessionId, settings } = said ?? requestAttributes(input);
  const model = modelAttributes(input);
  const say = (to: AttributeSink): void => {
    addIdentity(to, input);
    // One that is known otherwise stays.
    if (input.sessionId === undefined) to.add(OPENINFERENCE.sessionId, sessionId);
    addTiming(to, input);
    to.add(GEN_AI.responseId, shortName(observation.message?.id, input.redact));
    addTokens(to, observation.usage);
    addCost(to, input.cost ?? null);
    // What nobody keeps is of this call.
    if (!memory) addAll(to, model);
    if (!said) addAll(to, settings);
  };
  return { repeated: [...(memory ? [model] : []), ...(said ? [settings] : [])], say };
}

function addIdentity(
  to: AttributeSink,
  { request, requestBytes, counts, observation, sessionId, userId, redact }: LlmAttributesInput,
): void {
  const requestId = shortName(observation.requestId, redact);
  to.add(PLAIN.anthropicRequestId, requestId);
  to.add(ANTHROPIC.requestId, requestId);
  to.add(OPENINFERENCE.sessionId, shortName(sessionId, redact));
  to.add(OPENINFERENCE.userId, userId);
  to.add(CCPROXY.requestBytes, requestBytes);
  to.add(CCPROXY.messageCount, counts?.messages ?? lengthOf(request?.messages));
  to.add(CCPROXY.toolCount, counts?.tools ?? lengthOf(request?.tools));
}

function addTiming(to: AttributeSink, { observation, durationMs }: LlmAttributesInput): void {
  const { timing, usage } = observation;
  const outputTokens = numberOf(usage?.output_tokens);
  const streamedMs =
    timing.ttftMs === null || timing.lastDeltaMs === null ? null : Math.max(0, timing.lastDeltaMs - timing.ttftMs);
  const hasRate = streamedMs !== null && streamedMs > 0 && outputTokens !== null && outputTokens > 1;
  to.add(PLAIN.ttftMs, timing.ttftMs);
  to.add(PLAIN.totalDurationMs, durationMs ?? timing.durationMs);
  to.add(CCPROXY.ttfvtMs, timing.ttfvtMs);
  to.add(CCPROXY.itlMeanMs, hasRate ? streamedMs / (outputTokens - 1) : null);
  to.add(CCPROXY.tokensPerS, hasRate ? outputTokens / (streamedMs / 1000) : null);
  to.add(GEN_AI.timeToFirstChunk, timing.ttftMs === null ? null : timing.ttftMs / 1000);
}

/** Whose model it was, and how it ended: the same from call to call. */
function modelAttributes(input: LlmAttributesInput): Attributes {
  const { modelAsked, modelSent, provider, headers = {}, repeated } = input;
  const { model, stopReason, usage } = input.observation;
  const { [ORGANIZATION]: organization, [WORKSPACE]: workspace } = headers;
  const told = [model, stopReason, usage?.service_tier].map(textOf);
  const values = ['model', modelAsked, modelSent, provider, organization, workspace, ...told];
  return repeated === undefined ? describeModel(input) : repeated(values, () => describeModel(input));
}

function describeModel({
  observation,
  modelAsked,
  modelSent,
  provider,
  headers,
  redact,
}: LlmAttributesInput): Attributes {
  const to: Attributes = {};
  const { model, stopReason, usage } = observation;
  const short = (value: unknown): string | null => shortName(value, redact);
  const answered = short(model);
  add(to, OPENINFERENCE.spanKind, OpenInferenceSpanKind.LLM);
  add(to, ANTHROPIC.organizationId, short(headers?.[ORGANIZATION]));
  add(to, ANTHROPIC.workspaceId, short(headers?.[WORKSPACE]));
  add(to, OPENINFERENCE.modelName, answered ?? short(modelSent));
  add(to, OPENINFERENCE.requestModelName, short(modelAsked));
  add(to, OPENINFERENCE.responseModelName, answered);
  add(to, OPENINFERENCE.system, systemOf(answered ?? modelSent) ?? short(provider));
  add(to, OPENINFERENCE.provider, short(provider));
  add(to, OPENINFERENCE.finishReason, short(stopReason));
  add(to, ANTHROPIC.stopReason, short(stopReason));
  add(to, CCPROXY.modelRewritten, modelAsked !== modelSent);
  add(to, GEN_AI.operationName, 'chat');
  add(to, GEN_AI.providerName, short(provider));
  add(to, GEN_AI.requestModel, short(modelSent));
  add(to, GEN_AI.responseModel, answered);
  add(to, ANTHROPIC.responseServiceTier, short(usage?.service_tier));
  return to;
}

function addTokens(to: AttributeSink, usage: ModelObservation['usage']): void {
  if (usage === null) return;
  const fresh = numberOf(usage.input_tokens);
  const cacheRead = numberOf(usage.cache_read_input_tokens) ?? 0;
  const cacheWrite = numberOf(usage.cache_creation_input_tokens) ?? 0;
  const prompt = fresh === null ? null : fresh + cacheRead + cacheWrite;
  const completion = numberOf(usage.output_tokens);
  const reasoning = numberOf(objectOf(usage.output_tokens_details).thinking_tokens);
  const writes = objectOf(usage.cache_creation);
  to.add(OPENINFERENCE.tokensPrompt, prompt);
  to.add(OPENINFERENCE.tokensCompletion, completion);
  to.add(OPENINFERENCE.tokensTotal, prompt === null || completion === null ? null : prompt + completion);
  to.add(OPENINFERENCE.tokensCacheRead, cacheRead || null);
  to.add(OPENINFERENCE.tokensCacheWrite, cacheWrite || null);
  to.add(OPENINFERENCE.tokensReasoning, reasoning || null);
  to.add(GEN_AI.inputTokens, prompt);
  to.add(GEN_AI.outputTokens, completion);
  // Here a reported 0 is said, as the SDK of Anthropic does.
  to.add(GEN_AI.cacheReadTokens, numberOf(usage.cache_read_input_tokens));
  to.add(GEN_AI.cacheWriteTokens, numberOf(usage.cache_creation_input_tokens));
  to.add(GEN_AI.reasoningTokens, reasoning);
  to.add(ANTHROPIC.cacheWrite5m, numberOf(writes.ephemeral_5m_input_tokens));
  to.add(ANTHROPIC.cacheWrite1h, numberOf(writes.ephemeral_1h_input_tokens));
  addCompactions(to, usage.iterations);
}

/** What compactions on the server used is in no other count. */
function addCompactions(to: AttributeSink, iterations: unknown): void {
  if (!Array.isArray(iterations)) return;
  const compactions = iterations.filter(isObject).filter(({ type }) => type === 'compaction');
  if (compactions.length === 0) return;
  const sum = (names: readonly string[]): number =>
    compactions.reduce((total, each) => names.reduce((part, name) => part + (numberOf(each[name]) ?? 0), total), 0);
  to.add(ANTHROPIC.compactionInput, sum(['input_tokens', 'cache_read_input_tokens', 'cache_creation_input_tokens']));
  to.add(ANTHROPIC.compactionOutput, sum(['output_tokens']));
}

function addCost(to: AttributeSink, cost: ModelCost | null): void {
  if (cost === null) return;
  to.add(OPENINFERENCE.costPrompt, cost.prompt);
  to.add(OPENINFERENCE.costCompletion, cost.completion);
  to.add(OPENINFERENCE.costTotal, cost.total);
  to.add(OPENINFERENCE.costInput, cost.input);
  to.add(OPENINFERENCE.costCacheRead, cost.cacheRead || null);
  to.add(OPENINFERENCE.costCacheWrite, cost.cacheWrite || null);
}

/** Model names by whose they are; the first match wins. */
const VENDORS: ReadonlyArray<[RegExp, string]> = [
  [/claude/, LLMSystem.ANTHROPIC],
  [/\b(gpt|chatgpt|codex|o[1-9])\b/, LLMSystem.OPENAI],
  [/gemini|gemma/, LLMSystem.VERTEXAI],
  [/mistral|mixtral|codestral|devstral|magistral/, LLMSystem.MISTRALAI],
  [/\bcommand\b|cohere/, LLMSystem.COHERE],
  [/deepseek/, LLMProvider.DEEPSEEK],
  [/\bgrok\b/, LLMProvider.XAI],
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
