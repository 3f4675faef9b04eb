// The spans of a pair, in the trace of the request it came from. Ids and times follow from entry and row alone, so that
// a repeated export makes the same spans.
import type { Bus } from '#shared/bus/bus.ts';
import { toErrorCode } from '#shared/exchange/error-code.ts';
import type { ExchangeEntry } from '#shared/exchange/exchange.ts';
import type { Observation } from '#shared/exchange/observation.ts';
import { pairSpanId } from '#shared/ids.ts';
import type { ArmSummary, PairRow } from '#shared/store/store.ts';
import { annotationKeys, CCPROXY, GEN_AI, OPENINFERENCE, OTEL, PLAIN } from '#shared/telemetry/attribute-keys.ts';
import type { AttributeValue, SpanEvent, SpanRecord } from '#shared/telemetry/tracing.ts';
import { pairNotes } from './pair-notes.ts';
import { type PairTrace, traceOf } from './pair-row.ts';

type Attributes = SpanRecord['attributes'];

export interface PairSpanParts {
  entry: ExchangeEntry;
  row: PairRow;
  bus: Bus['kind'];
  messageId: string;
  /** What a model span says about request and answer; empty when only the row is left of them. */
  llm: Attributes;
  /** The secondary's reading; null when only the row is left. */
  secondary: Observation | null;
  bodyBytes: number | null;
  /** Whether text may be on them. */
  content: boolean;
}

/** The secondary's call, where there was one, and the pair. */
export function pairSpans(parts: PairSpanParts): SpanRecord[] {
  const { row } = parts;
  const spans = [pairSpan(parts)];
  if (row.secondary !== null) spans.unshift(requestSpan(parts, row.secondary));
  return spans;
}

function requestSpan(parts: PairSpanParts, secondary: ArmSummary): SpanRecord {
  const { entry, row } = parts;
  const trace = traceOf(entry);
  const startMs = callStartMs(entry, row);
  const failed = ERROR_OUTCOMES.has(secondary.outcome);
  return {
    ...common(entry, trace),
    name: 'compare_request',
    kind: 'client',
    spanId: pairSpanId('compare_request', entry.id, row.target, row.replicate),
    startMs,
    endMs: startMs + (secondary.duration_ms ?? 0),
    attributes: {
      ...identity(row),
      [CCPROXY.mode]: entry.mode,
      [CCPROXY.leg]: 'target',
      [CCPROXY.upstream]: parts.llm[OPENINFERENCE.provider],
      [CCPROXY.compareSampled]: true,
      [OPENINFERENCE.sessionId]: row.session_id,
      [CCPROXY.sessionSource]: sourceOf(entry),
      [OPENINFERENCE.metadata]: metadataOf(entry, row),
      ...numbers(secondary),
      [PLAIN.ttfbMs]: parts.secondary?.timing.firstByteMs,
      ...messaging(parts),
      'ccproxy.rewrites': row.rewrites,
      [OPENINFERENCE.spanKind]: 'LLM',
      [OTEL.httpStatus]: secondary.http_status || null,
      [OTEL.errorType]: failed ? errorType(secondary) : null,
      'ccproxy.outcome': secondary.outcome,
      ...parts.llm,
    },
    events: requestEvents(startMs, secondary, parts.secondary),
    links: links(trace.traceId, trace.parentSpanId),
    status: failed ? 'error' : 'unset',
    ...(failed ? { statusMessage: (parts.content && secondary.error) || secondary.outcome } : {}),
  };
}

function pairSpan({ entry, row, llm }: PairSpanParts): SpanRecord {
  const trace = traceOf(entry);
  const atMs = callStartMs(entry, row) + (row.secondary?.duration_ms ?? 0);
  const judged = row.secondary?.span_id ?? trace.parentSpanId;
  return {
    ...common(entry, trace),
    name: 'compare_pair',
    kind: 'internal',
    spanId: pairSpanId('compare_pair', entry.id, row.target, row.replicate),
    startMs: atMs,
    endMs: atMs,
    attributes: {
      ...identity(row),
      [CCPROXY.verdict]: row.verdict,
      'ccproxy.level': row.level,
      'ccproxy.skip_reason': row.skip_reason,
      [CCPROXY.latencyRatio]: row.latency_ratio,
      [CCPROXY.ttftRatio]: row.ttft_ratio,
      [CCPROXY.outputTokensRatio]: row.output_tokens_ratio,
      [CCPROXY.primarySpanId]: trace.parentSpanId,
      [CCPROXY.targetSpanId]: row.secondary?.span_id,
      [CCPROXY.compareSampled]: true,
      'ccproxy.scorer_version': row.scorer_version,
      [OPENINFERENCE.userId]: llm[OPENINFERENCE.userId],
      [OPENINFERENCE.sessionId]: row.session_id,
      [CCPROXY.sessionSource]: sourceOf(entry),
      [OPENINFERENCE.spanKind]: 'EVALUATOR',
      [OPENINFERENCE.metadata]: metadataOf(entry, row),
      ...annotations(row),
    },
    events: evaluations(row, atMs),
    links: links(trace.traceId, judged),
    status: 'unset',
  };
}

/** Said where the client did not name the session. */
function sourceOf({ sessionSource }: ExchangeEntry): string | null {
  return sessionSource === 'fallback' ? sessionSource : null;
}

/** The call began when the primary's answer had ended and the entry had waited. */
function callStartMs(entry: ExchangeEntry, row: PairRow): number {
  return entry.startedAtMs + entry.totalDurationMs + row.queue_wait_ms;
}

function common(entry: ExchangeEntry, trace: PairTrace) {
  const { traceId, parentSpanId, sampled } = trace;
  return { traceId, parentSpanId, sampled, tracestate: entry.tracestate };
}

function links(traceId: string, spanId: string | null): SpanRecord['links'] {
  return spanId === null ? [] : [{ traceId, spanId }];
}

function identity(row: PairRow): Attributes {
  return {
    [CCPROXY.pairId]: row.pair_id,
    [CCPROXY.requestId]: row.exchange_id,
    [CCPROXY.target]: row.target,
    [CCPROXY.replicate]: row.replicate,
    [CCPROXY.service]: 'comparator',
  };
}

/** Small and important ones first, and all that a row alone still knows. */
function numbers(arm: ArmSummary): Attributes {
  const { input_tokens, output_tokens, cache_read_input_tokens, cache_creation_input_tokens } = arm.usage;
  const prompt =
    input_tokens === null ? null : input_tokens + (cache_read_input_tokens ?? 0) + (cache_creation_input_tokens ?? 0);
  return {
    [PLAIN.ttftMs]: arm.ttft_ms,
    [PLAIN.totalDurationMs]: arm.duration_ms,
    [CCPROXY.ttfvtMs]: arm.ttfvt_ms,
    [OPENINFERENCE.finishReason]: arm.stop_reason,
    [OPENINFERENCE.tokensPrompt]: prompt,
    [OPENINFERENCE.tokensCompletion]: output_tokens,
    [OPENINFERENCE.tokensTotal]: prompt === null || output_tokens === null ? null : prompt + output_tokens,
  };
}

function messaging({ row, bus, messageId, bodyBytes }: PairSpanParts): Attributes {
  return {
    [OTEL.messagingSystem]: bus,
    [OTEL.messagingOperationName]: bus === 'redis' ? 'xreadgroup' : 'read',
    [OTEL.messagingOperationType]: 'process',
    [OTEL.messagingDestination]: 'ccproxy:exchanges',
    [OTEL.messagingConsumerGroup]: 'compare',
    [OTEL.messagingMessageId]: messageId,
    [OTEL.messagingBodySize]: bodyBytes,
    [OTEL.messagingConversationId]: row.pair_id,
    [CCPROXY.queueWaitMs]: row.queue_wait_ms,
    [CCPROXY.deliveryCount]: row.delivery_count,
  };
}

function requestEvents(startMs: number, arm: ArmSummary, observation: Observation | null): SpanEvent[] {
  const events: SpanEvent[] = [{ name: 'upstream_attempt', atMs: startMs }];
  const firstByteMs = observation?.timing.firstByteMs ?? null;
  if (firstByteMs !== null) events.push({ name: 'first_byte', atMs: startMs + firstByteMs });
  if (arm.ttft_ms !== null) events.push({ name: 'First Token Stream Event', atMs: startMs + arm.ttft_ms });
  return events;
}

const ERROR_OUTCOMES = new Set(['http_error', 'timeout_first_byte', 'timeout_total', 'stream_broken', 'empty']);

/** By the type that is written in front of its message. */
function errorType({ error, http_status }: ArmSummary): string {
  const [told = ''] = (error ?? '').split(':', 1);
  return toErrorCode(told || (http_status === 0 ? 'connection_error' : null), http_status);
}

function annotations(row: PairRow): Attributes {
  const attributes: Record<string, AttributeValue | null> = {};
  for (const [index, note] of pairNotes(row).entries()) {
    const keys = annotationKeys(index);
    attributes[keys.name] = note.name;
    attributes[keys.label] = note.label;
    attributes[keys.score] = note.score;
    attributes[keys.explanation] = note.explanation;
    attributes[keys.kind] = 'CODE';
    attributes[keys.identifier] = row.pair_id;
  }
  return attributes;
}

/** The same notes in the words of OpenTelemetry. */
function evaluations(row: PairRow, atMs: number): SpanEvent[] {
  return pairNotes(row).map(({ name, label, score, explanation }) => ({
    name: GEN_AI.evaluationResult,
    atMs,
    attributes: {
      [GEN_AI.evaluationName]: name,
      [GEN_AI.evaluationLabel]: label,
      ...(score === null ? {} : { [GEN_AI.evaluationScore]: score }),
      ...(explanation === null ? {} : { [GEN_AI.evaluationExplanation]: explanation }),
    },
  }));
}

/** For lists and filters of trace stores, which show no resource. */
function metadataOf(entry: ExchangeEntry, row: PairRow): string {
  return JSON.stringify({
    service: 'comparator',
    request_id: entry.id,
    pair_id: row.pair_id,
    mode: entry.mode,
    leg: 'target',
    target: row.target,
    verdict: row.verdict,
  });
}
