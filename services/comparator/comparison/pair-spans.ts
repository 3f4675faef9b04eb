// The spans of a pair, in the trace of the request it came from. Ids and times follow from entry and row alone, so that
// a repeated export makes the same spans.
import type { Bus } from '#shared/bus/bus.ts';
import type { ExchangeEntry } from '#shared/exchange/exchange.ts';
import type { Observation } from '#shared/exchange/observation.ts';
import { pairSpanId } from '#shared/ids.ts';
import type { ArmSummary, PairRow } from '#shared/store/store.ts';
import type { AttributeValue, SpanEvent, SpanRecord } from '#shared/telemetry/tracing.ts';
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
      'ccproxy.leg': 'target',
      'ccproxy.compare.sampled': true,
      'session.id': row.session_id,
      ...numbers(secondary, parts.secondary),
      ...messaging(parts),
      'ccproxy.rewrites': row.rewrites,
      'openinference.span.kind': 'LLM',
      'http.response.status_code': secondary.http_status || null,
      'error.type': failed ? errorType(secondary) : null,
      'ccproxy.outcome': secondary.outcome,
      ...parts.llm,
    },
    events: requestEvents(startMs, secondary, parts.secondary),
    links: links(trace.traceId, trace.parentSpanId),
    status: failed ? 'error' : 'unset',
    ...(failed && secondary.error !== null ? { statusMessage: secondary.error } : {}),
  };
}

function pairSpan({ entry, row }: PairSpanParts): SpanRecord {
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
      'ccproxy.verdict': row.verdict,
      'ccproxy.level': row.level,
      'ccproxy.skip_reason': row.skip_reason,
      'ccproxy.latency_ratio': row.latency_ratio,
      'ccproxy.ttft_ratio': row.ttft_ratio,
      'ccproxy.output_tokens_ratio': row.output_tokens_ratio,
      'ccproxy.primary.span_id': trace.parentSpanId,
      'ccproxy.target.span_id': row.secondary?.span_id,
      'ccproxy.compare.sampled': true,
      'ccproxy.scorer_version': row.scorer_version,
      'session.id': row.session_id,
      'openinference.span.kind': 'EVALUATOR',
      ...annotations(row),
    },
    events: [],
    links: links(trace.traceId, judged),
    status: 'unset',
  };
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
    'ccproxy.pair_id': row.pair_id,
    'ccproxy.request_id': row.exchange_id,
    'ccproxy.target': row.target,
    'ccproxy.replicate': row.replicate,
    'ccproxy.service': 'cc-comparator',
  };
}

function numbers(arm: ArmSummary, observation: Observation | null): Attributes {
  const { input_tokens, output_tokens, cache_read_input_tokens, cache_creation_input_tokens } = arm.usage;
  const prompt =
    input_tokens === null ? null : input_tokens + (cache_read_input_tokens ?? 0) + (cache_creation_input_tokens ?? 0);
  const generatedMs = generationMs(observation);
  const later = output_tokens === null ? 0 : output_tokens - 1;
  const paced = generatedMs !== null && generatedMs > 0 && later > 0;
  return {
    ttft_ms: arm.ttft_ms,
    total_duration_ms: arm.duration_ms,
    'ccproxy.ttfvt_ms': arm.ttfvt_ms,
    'ccproxy.itl_mean_ms': paced ? generatedMs / later : null,
    'ccproxy.tokens_per_s': paced ? (later * 1000) / generatedMs : null,
    'llm.finish_reason': arm.stop_reason,
    'llm.token_count.prompt': prompt,
    'llm.token_count.completion': output_tokens,
    'llm.token_count.total': prompt === null || output_tokens === null ? null : prompt + output_tokens,
  };
}

/** From the first to the last delta. */
function generationMs(observation: Observation | null): number | null {
  const { ttftMs, lastDeltaMs } = observation?.timing ?? { ttftMs: null, lastDeltaMs: null };
  return ttftMs === null || lastDeltaMs === null ? null : lastDeltaMs - ttftMs;
}

function messaging({ row, bus, messageId, bodyBytes }: PairSpanParts): Attributes {
  return {
    'messaging.system': bus,
    'messaging.operation.name': bus === 'redis' ? 'xreadgroup' : 'read',
    'messaging.operation.type': 'process',
    'messaging.destination.name': 'ccproxy:exchanges',
    'messaging.consumer.group.name': 'compare',
    'messaging.message.id': messageId,
    'messaging.message.body.size': bodyBytes,
    'messaging.message.conversation_id': row.pair_id,
    'ccproxy.queue_wait_ms': row.queue_wait_ms,
    'ccproxy.delivery_count': row.delivery_count,
  };
}

function requestEvents(startMs: number, arm: ArmSummary, observation: Observation | null): SpanEvent[] {
  const events: SpanEvent[] = [{ name: 'upstream_attempt', atMs: startMs }];
  const headersMs = observation?.timing.headersMs ?? null;
  if (headersMs !== null) events.push({ name: 'first_byte', atMs: startMs + headersMs });
  if (arm.ttft_ms !== null) events.push({ name: 'First Token Stream Event', atMs: startMs + arm.ttft_ms });
  return events;
}

const ERROR_OUTCOMES = new Set(['http_error', 'timeout_first_byte', 'timeout_total', 'stream_broken', 'empty']);

/** Type of the error, written in front of its message. */
function errorType(arm: ArmSummary): string {
  const [type = ''] = (arm.error ?? '').split(':', 1);
  return type || String(arm.http_status || 'connection_error');
}

function annotations(row: PairRow): Attributes {
  const notes: Array<{ name: string; label: string; score: number | null }> = [
    { name: 'verdict', label: row.verdict, score: null },
  ];
  for (const { scorer, label, value } of row.scores)
    if (label !== 'na') notes.push({ name: scorer, label, score: value });
  const attributes: Record<string, AttributeValue | null> = {};
  for (const [index, note] of notes.entries()) {
    const prefix = `annotations.${index}.annotation.`;
    attributes[`${prefix}name`] = note.name;
    attributes[`${prefix}label`] = note.label;
    attributes[`${prefix}score`] = note.score;
    attributes[`${prefix}annotator_kind`] = 'CODE';
    attributes[`${prefix}identifier`] = row.pair_id;
  }
  return attributes;
}
