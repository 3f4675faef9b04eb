// What is kept of a pair: numbers, labels and ids, no text of either arm.
import type { Delivery } from '#shared/bus/bus.ts';
import type { ExchangeEntry } from '#shared/exchange/exchange.ts';
import type { Observation } from '#shared/exchange/observation.ts';
import { pairId, pairSpanId, parseTraceparent } from '#shared/ids.ts';
import { usageCounts } from '#shared/messages/usage.ts';
import type { ArmSummary, PairRow, PairStatus, ScoreRow } from '#shared/store/store.ts';
import { shortName } from '#shared/telemetry/attribute-values.ts';
import { toArm } from './pair.ts';
import { REWRITES_VERSION } from './rewrite-request.ts';
import type { PairScore } from './score.ts';
import { SCORER_VERSION } from './scorers/index.ts';

/** What is known of a pair wherever it ends. */
export interface PairFacts {
  entry: ExchangeEntry;
  target: string;
  delivery: Delivery;
  /** From the end of the primary's answer until the comparator turned to this pair. */
  queueWaitMs: number;
  /** Cleans what client and upstreams said before it is kept. */
  redact(text: string): string;
}

export type OrphanReason = 'expired' | 'session_cap' | 'budget' | 'unknown_target' | 'no_credential';

/** Only the primary's half is there: nothing was asked. */
export function toOrphanRow(facts: PairFacts, reason: OrphanReason, primary: Observation | null): PairRow {
  return toRow(facts, { status: 'orphan', verdict: 'orphan', reason, primary });
}

export function toPrimaryErrorRow(facts: PairFacts, primary: Observation): PairRow {
  return toRow(facts, { status: 'primary_error', verdict: 'primary_error', reason: null, primary });
}

/** The secondary could not be asked for the same; counted against it. */
export function toUnsupportedRow(facts: PairFacts, primary: Observation, rewrites: string[]): PairRow {
  return toRow(facts, { status: 'incomparable', verdict: 'incomparable', reason: 'unsupported', primary, rewrites });
}

export interface ScoredPair extends PairScore {
  primary: Observation;
  secondary: Observation;
  rewrites: string[];
}

export function toScoredRow(facts: PairFacts, scored: ScoredPair): PairRow {
  const status = scored.verdict === 'equivalent' || scored.verdict === 'diverged' ? 'paired' : scored.verdict;
  return toRow(facts, { ...scored, status });
}

interface RowParts {
  status: PairStatus;
  verdict: string;
  reason: string | null;
  primary: Observation | null;
  secondary?: Observation;
  level?: string | null;
  scores?: ScoreRow[];
  rewrites?: string[];
}

function toRow({ entry, target, delivery, queueWaitMs, redact }: PairFacts, parts: RowParts): PairRow {
  const scores = parts.scores ?? [];
  const ratio = (scorer: string): number | null => scores.find((score) => score.scorer === scorer)?.value ?? null;
  const trace = traceOf(entry);
  return {
    pair_id: pairId(entry.id, target),
    exchange_id: entry.id,
    target,
    replicate: 0,
    started_at: new Date(entry.startedAtMs).toISOString(),
    session_id: redact(entry.sessionId),
    class: entry.class,
    status: parts.status,
    verdict: parts.verdict,
    skip_reason: parts.reason,
    level: parts.level ?? null,
    scores,
    primary: parts.primary && toArmSummary(parts.primary, trace.parentSpanId, redact),
    secondary: parts.secondary
      ? toArmSummary(parts.secondary, pairSpanId('compare_request', entry.id, target, 0), redact)
      : null,
    latency_ratio: ratio('latency_ratio'),
    ttft_ratio: ratio('ttft_ratio'),
    output_tokens_ratio: ratio('output_tokens_ratio'),
    rewrites: parts.rewrites ?? [],
    queue_wait_ms: queueWaitMs,
    delivery_count: delivery.deliveryCount,
    trace_id: trace.traceId,
    scorer_version: `${SCORER_VERSION}+rewrites.${REWRITES_VERSION}`,
    exported_at: null,
  };
}

function toArmSummary(observation: Observation, spanId: string | null, redact: PairFacts['redact']): ArmSummary {
  const { outcome, httpStatus, model, stopReason, toolCalls, usage, timing, visibleBytes, error } = observation;
  return {
    outcome,
    http_status: httpStatus,
    model: shortName(model, redact),
    stop_reason: shortName(stopReason, redact),
    action: toArm(observation).action,
    tools: toolCalls.map((call) => shortName(call.name, redact) ?? ''),
    usage: usageCounts(usage),
    ttft_ms: timing.ttftMs,
    ttfvt_ms: timing.ttfvtMs,
    duration_ms: timing.durationMs,
    output_bytes: visibleBytes,
    span_id: spanId,
    error: error && redact(`${error.type}: ${error.message}`).slice(0, 300),
  };
}

export interface PairTrace {
  traceId: string;
  /** The gateway's `proxy_request`; null when the entry carries no usable trace context. */
  parentSpanId: string | null;
  sampled: boolean;
}

/** Without a usable trace context the request id, which has as many digits, stands for the trace. */
export function traceOf(entry: ExchangeEntry): PairTrace {
  const parent = parseTraceparent(entry.traceparent);
  if (!parent) return { traceId: entry.id.replaceAll('-', ''), parentSpanId: null, sampled: true };
  return { traceId: parent.traceId, parentSpanId: parent.spanId, sampled: parent.sampled };
}
