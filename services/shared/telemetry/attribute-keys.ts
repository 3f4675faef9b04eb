// Every span attribute key, once: OpenInference's from its package, OpenTelemetry's GenAI keys as strings (they are still
// in development there), Anthropic's own, and ours.
import { SemanticAttributePrefixes, SemanticConventions } from '@arizeai/openinference-semantic-conventions';

export const OPENINFERENCE = {
  spanKind: SemanticConventions.OPENINFERENCE_SPAN_KIND,
  sessionId: SemanticConventions.SESSION_ID,
  userId: SemanticConventions.USER_ID,
  metadata: SemanticConventions.METADATA,
  system: SemanticConventions.LLM_SYSTEM,
  provider: SemanticConventions.LLM_PROVIDER,
  modelName: SemanticConventions.LLM_MODEL_NAME,
  requestModelName: SemanticConventions.LLM_REQUEST_MODEL_NAME,
  responseModelName: SemanticConventions.LLM_RESPONSE_MODEL_NAME,
  invocationParameters: SemanticConventions.LLM_INVOCATION_PARAMETERS,
  finishReason: SemanticConventions.LLM_FINISH_REASON,
  tokensPrompt: SemanticConventions.LLM_TOKEN_COUNT_PROMPT,
  tokensCompletion: SemanticConventions.LLM_TOKEN_COUNT_COMPLETION,
  tokensTotal: SemanticConventions.LLM_TOKEN_COUNT_TOTAL,
  tokensCacheRead: SemanticConventions.LLM_TOKEN_COUNT_PROMPT_DETAILS_CACHE_READ,
  tokensCacheWrite: SemanticConventions.LLM_TOKEN_COUNT_PROMPT_DETAILS_CACHE_WRITE,
  tokensReasoning: SemanticConventions.LLM_TOKEN_COUNT_COMPLETION_DETAILS_REASONING,
  costPrompt: SemanticConventions.LLM_COST_PROMPT,
  costCompletion: SemanticConventions.LLM_COST_COMPLETION,
  costTotal: SemanticConventions.LLM_COST_TOTAL,
  costInput: SemanticConventions.LLM_COST_INPUT,
  costCacheRead: SemanticConventions.LLM_COST_PROMPT_DETAILS_CACHE_READ,
  costCacheWrite: SemanticConventions.LLM_COST_PROMPT_DETAILS_CACHE_WRITE,
  tools: SemanticConventions.LLM_TOOLS,
  inputValue: SemanticConventions.INPUT_VALUE,
  inputMimeType: SemanticConventions.INPUT_MIME_TYPE,
  outputValue: SemanticConventions.OUTPUT_VALUE,
  outputMimeType: SemanticConventions.OUTPUT_MIME_TYPE,
  inputMessages: SemanticConventions.LLM_INPUT_MESSAGES,
  outputMessages: SemanticConventions.LLM_OUTPUT_MESSAGES,
} as const;

/** In front of a header's name; its values are a list (https://opentelemetry.io/docs/specs/semconv/registry/attributes/http/). */
export const REQUEST_HEADER = 'http.request.header.';
/** In front of what Langfuse filters traces by (https://langfuse.com/integrations/native/opentelemetry). */
export const LANGFUSE_METADATA = 'langfuse.trace.metadata.';

/** Suffixes of one flattened message, below `llm.input_messages.<i>.` or `llm.output_messages.<i>.`. */
export const MESSAGE = {
  role: SemanticConventions.MESSAGE_ROLE,
  name: SemanticConventions.MESSAGE_NAME,
  content: SemanticConventions.MESSAGE_CONTENT,
  contents: SemanticConventions.MESSAGE_CONTENTS,
  toolCalls: SemanticConventions.MESSAGE_TOOL_CALLS,
  toolCallId: SemanticConventions.MESSAGE_TOOL_CALL_ID,
  callId: SemanticConventions.TOOL_CALL_ID,
  callName: SemanticConventions.TOOL_CALL_FUNCTION_NAME,
  callArguments: SemanticConventions.TOOL_CALL_FUNCTION_ARGUMENTS_JSON,
  contentType: SemanticConventions.MESSAGE_CONTENT_TYPE,
  contentText: SemanticConventions.MESSAGE_CONTENT_TEXT,
  contentData: SemanticConventions.MESSAGE_CONTENT_DATA,
  contentSignature: SemanticConventions.MESSAGE_CONTENT_SIGNATURE,
  contentImageUrl: `${SemanticConventions.MESSAGE_CONTENT_IMAGE}.${SemanticConventions.IMAGE_URL}`,
} as const;

/** Below `llm.tools.<i>.`. */
export const TOOL_SCHEMA = SemanticConventions.TOOL_JSON_SCHEMA;

type AnnotationPart = 'name' | 'score' | 'label' | 'explanation' | 'kind' | 'identifier';

/** One annotation on a span: `annotations.<i>.annotation.*`. */
export function annotationKeys(index: number): Record<AnnotationPart, string> {
  const prefix = `${SemanticAttributePrefixes.annotations}.${index}.`;
  return {
    name: `${prefix}${SemanticConventions.ANNOTATION_NAME}`,
    score: `${prefix}${SemanticConventions.ANNOTATION_SCORE}`,
    label: `${prefix}${SemanticConventions.ANNOTATION_LABEL}`,
    explanation: `${prefix}${SemanticConventions.ANNOTATION_EXPLANATION}`,
    kind: `${prefix}${SemanticConventions.ANNOTATION_ANNOTATOR_KIND}`,
    identifier: `${prefix}${SemanticConventions.ANNOTATION_IDENTIFIER}`,
  };
}

/** https://github.com/open-telemetry/semantic-conventions-genai */
export const GEN_AI = {
  operationName: 'gen_ai.operation.name',
  providerName: 'gen_ai.provider.name',
  requestModel: 'gen_ai.request.model',
  requestMaxTokens: 'gen_ai.request.max_tokens',
  requestStream: 'gen_ai.request.stream',
  requestReasoningLevel: 'gen_ai.request.reasoning.level',
  responseId: 'gen_ai.response.id',
  responseModel: 'gen_ai.response.model',
  timeToFirstChunk: 'gen_ai.response.time_to_first_chunk',
  inputTokens: 'gen_ai.usage.input_tokens',
  outputTokens: 'gen_ai.usage.output_tokens',
  cacheReadTokens: 'gen_ai.usage.cache_read.input_tokens',
  cacheWriteTokens: 'gen_ai.usage.cache_write.input_tokens',
  reasoningTokens: 'gen_ai.usage.reasoning.output_tokens',
  evaluationResult: 'gen_ai.evaluation.result',
  evaluationName: 'gen_ai.evaluation.name',
  evaluationScore: 'gen_ai.evaluation.score.value',
  evaluationLabel: 'gen_ai.evaluation.score.label',
  evaluationExplanation: 'gen_ai.evaluation.explanation',
} as const;

export const ANTHROPIC = {
  requestId: 'anthropic.request.id',
  organizationId: 'anthropic.organization.id',
  workspaceId: 'anthropic.workspace.id',
  stopReason: 'anthropic.message.stop_reason',
  beta: 'anthropic.beta',
  thinkingType: 'anthropic.thinking.type',
  thinkingBudget: 'anthropic.thinking.budget_tokens',
  requestServiceTier: 'anthropic.request.service_tier',
  responseServiceTier: 'anthropic.response.service_tier',
  cacheWrite5m: 'anthropic.usage.cache_creation.ephemeral_5m_input_tokens',
  cacheWrite1h: 'anthropic.usage.cache_creation.ephemeral_1h_input_tokens',
  compactionInput: 'anthropic.usage.compaction.input_tokens',
  compactionOutput: 'anthropic.usage.compaction.output_tokens',
} as const;

export const OTEL = {
  errorType: 'error.type',
  httpRequestMethod: 'http.request.method',
  httpResendCount: 'http.request.resend_count',
  httpRoute: 'http.route',
  httpStatus: 'http.response.status_code',
  serverAddress: 'server.address',
  serverPort: 'server.port',
  urlFull: 'url.full',
  urlPath: 'url.path',
  messagingSystem: 'messaging.system',
  messagingOperationName: 'messaging.operation.name',
  messagingOperationType: 'messaging.operation.type',
  messagingDestination: 'messaging.destination.name',
  messagingConsumerGroup: 'messaging.consumer.group.name',
  messagingMessageId: 'messaging.message.id',
  messagingBodySize: 'messaging.message.body.size',
  messagingConversationId: 'messaging.message.conversation_id',
} as const;

/** Without a prefix, because people filter by these in Phoenix. */
export const PLAIN = {
  ttftMs: 'ttft_ms',
  ttfbMs: 'ttfb_ms',
  totalDurationMs: 'total_duration_ms',
  anthropicRequestId: 'anthropic_request_id',
} as const;

export const CCPROXY = {
  service: 'ccproxy.service',
  requestId: 'ccproxy.request_id',
  mode: 'ccproxy.mode',
  leg: 'ccproxy.leg',
  upstream: 'ccproxy.upstream',
  route: 'ccproxy.route',
  target: 'ccproxy.target',
  replicate: 'ccproxy.replicate',
  requestBytes: 'ccproxy.request.bytes',
  messageCount: 'ccproxy.request.message_count',
  toolCount: 'ccproxy.request.tool_count',
  modelRewritten: 'ccproxy.model.rewritten',
  contentTruncated: 'ccproxy.content.truncated',
  clientAborted: 'ccproxy.client.aborted',
  overheadMs: 'ccproxy.overhead_ms',
  connectionWaitMs: 'ccproxy.connection_wait_ms',
  ttfvtMs: 'ccproxy.ttfvt_ms',
  itlMeanMs: 'ccproxy.itl_mean_ms',
  tokensPerS: 'ccproxy.tokens_per_s',
  compareSampled: 'ccproxy.compare.sampled',
  /** `fallback` where the client names no session and it is known by its first message. */
  sessionSource: 'ccproxy.session.source',
  pairId: 'ccproxy.pair_id',
  verdict: 'ccproxy.verdict',
  latencyRatio: 'ccproxy.latency_ratio',
  ttftRatio: 'ccproxy.ttft_ratio',
  outputTokensRatio: 'ccproxy.output_tokens_ratio',
  primarySpanId: 'ccproxy.primary.span_id',
  targetSpanId: 'ccproxy.target.span_id',
  queueWaitMs: 'ccproxy.queue_wait_ms',
  deliveryCount: 'ccproxy.delivery_count',
} as const;
