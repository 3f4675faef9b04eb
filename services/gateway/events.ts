// One function per thing that happens: its log line, its metric and its span together, so that they cannot drift.

import type { PublishResult } from '#shared/bus/bus.ts';
import { priceUsage } from '#shared/cost/price.ts';
import type { PriceLookup } from '#shared/cost/price-list.ts';
import { errorMessage } from '#shared/errors.ts';
import type { Mode, SkipReason } from '#shared/exchange/exchange.ts';
import type { AnswerFigures } from '#shared/exchange/observation.ts';
import { thinkingTokens, usageCounts } from '#shared/messages/usage.ts';
import type { LogSettings } from '#shared/telemetry/log-levels.ts';
import { LEVELS_CHANGED, type Logger } from '#shared/telemetry/logger.ts';
import type { Metrics } from '#shared/telemetry/metrics.ts';
import type { Tracing } from '#shared/telemetry/tracing.ts';
import { HTTP_CODES, MODES, type OUTCOMES, type ROUTES, STOP_REASONS } from '#shared/telemetry/vocabulary.ts';
import { errorCodeOf } from './call-error.ts';
import type { DumpEvents } from './dumps/create-dumps.ts';
import type { Handover } from './handover.ts';
import type { InspectionEvents } from './inspect-call.ts';
import { isFailed } from './messages/attempt.ts';
import type { Call } from './messages/call.ts';
import type { FinishedCall } from './messages/finished-call.ts';
import { type ForwardedRequest, toPassthroughSpan } from './passthrough-span.ts';
import { createRareLines } from './rare-lines.ts';
import { sessionOfCall } from './routing/identify-turn.ts';
import type { StatsBook } from './stats.ts';
import type { TraceCall } from './trace-call.ts';

export type Route = (typeof ROUTES)[number];
type Outcome = (typeof OUTCOMES)[number];

export interface GatewayEvents extends InspectionEvents, DumpEvents {
  /** The call is over, and its answer read. */
  callRead(finished: FinishedCall, observation: AnswerFigures | null): void;
  /** All is known of it, also what became of its exchange: its spans. */
  callTraced(finished: FinishedCall, observation: AnswerFigures | null, handover: Handover): void;
  /** It is over, and its answer could not be read: the log line and the span say so. */
  callUnread(finished: FinishedCall, error: unknown): void;
  credentialRefused(call: Call, provider: string): void;
  /** An upstream refused what it can be asked without; the call is made once more. */
  capabilityLearned(call: Call, provider: string): void;
  /** A prompt of a converted upstream was counted; `estimate` = here, because the upstream gave no count. */
  tokensCounted(provider: string, by: 'upstream' | 'gateway' | 'estimate', why?: unknown): void;
  exchangePublished(finished: FinishedCall, pairs: number, result: PublishResult): void;
  exchangeSkipped(finished: FinishedCall, reason: SkipReason): void;
  exchangeDropped(finished: FinishedCall, why: 'dropped_full' | 'shutdown'): void;
  publishFailed(finished: FinishedCall, error: unknown): void;
  /** No more is published: what was lost and not said yet is said now. */
  publishingEnded(): void;
  /** A request of another path than messages was answered. */
  answered(request: AnsweredRequest): void;
  /** A request of another path was forwarded to the passthrough. */
  forwarded(request: ForwardedRequest): void;
  modeChanged(from: Mode, to: Mode, source: string): void;
  tracingChanged(enabled: boolean): void;
  logChanged(settings: LogSettings): void;
  /** Something outside a request went wrong and was survived. */
  trouble(what: string, error: unknown): void;
}

export interface AnsweredRequest {
  requestId: string;
  /** Absent = it is no part of a trace. */
  traceId?: string;
  sessionId?: string | undefined;
  route: Route;
  status: number;
  outcome: Outcome;
  durationMs: number;
}

export interface GatewayEventsParts {
  log: Logger;
  metrics: Metrics;
  tracing: Tracing;
  stats: StatsBook;
  modelLabel(name: string | null): string;
  pricesOf: PriceLookup;
  currentMode(): Mode;
  traceCall: TraceCall;
  redact(text: string): string;
}

/** Of exchanges that are lost for the same reason. The metrics count each. */
const LOSS_LINES_EVERY_MS = 1000;

export function createGatewayEvents(parts: GatewayEventsParts): GatewayEvents {
  const { log, metrics, tracing, redact } = parts;
  const planned = (finished: FinishedCall): number => Math.max(1, finished.plan?.shadow.length ?? 1);
  const losses = createRareLines(LOSS_LINES_EVERY_MS);
  const sayDropped = ({ id, trace }: FinishedCall, result: string): void =>
    losses.say(result, (count) =>
      log.warn('exchange.dropped', { request_id: id, trace_id: trace.traceId, result, count }),
    );
  const answered: GatewayEvents['answered'] = ({ route, status, outcome, ...request }) => {
    const mode = parts.currentMode();
    metrics.gatewayRequestsTotal.inc({ route, mode, stream: 'false', outcome });
    metrics.gatewayResponsesTotal.inc({ route, code: codeLabel(status) });
    log.info('request.answered', {
      request_id: request.requestId,
      trace_id: request.traceId,
      session_id: request.sessionId,
      mode,
      route,
      outcome,
      status,
      duration_ms: round(request.durationMs),
    });
  };
  return {
    callRead: (finished, observation) => {
      bookReading(finished, observation, parts);
      bookCall(finished, metrics);
      log.info('request.finished', logFields(finished, observation));
    },
    callTraced: parts.traceCall,
    callUnread: (finished, error) => {
      bookCall(finished, metrics);
      log.warn('request.finished', { ...logFields(finished, null), unread: errorMessage(error) });
      parts.stats.add({ ...NO_TOKENS, total_requests: 1 });
      bookCost(finished, null, parts);
      parts.traceCall(finished, null, { kind: 'none' });
    },
    credentialRefused: (call, provider) =>
      log.error('upstream.credential_refused', { request_id: call.id, provider, trace_id: call.trace.traceId }),
    capabilityLearned: (call, provider) =>
      log.info('upstream.capability_learned', { request_id: call.id, provider, trace_id: call.trace.traceId }),
    tokensCounted: (provider, by, why) => {
      metrics.tokenCountsTotal.inc({ upstream: provider, counted_by: by });
      if (by === 'estimate') log.warn('count_tokens.estimated', { provider, error: errorMessage(why) });
    },
    exchangePublished: (finished, pairs, result) => {
      if (pairs > 0) metrics.compareEnqueueTotal.inc({ result }, pairs);
      if (result === 'ok') return;
      metrics.historyRecordsTotal.inc({ result: 'failed' });
      sayDropped(finished, result);
    },
    exchangeSkipped: (finished, reason) => {
      metrics.compareSkippedTotal.inc({ reason }, planned(finished));
      if (reason !== 'mode_off') log.debug('compare.skipped', { request_id: finished.id, reason });
    },
    exchangeDropped: (finished, why) => {
      const isCompared = finished.plan?.mode === 'compare';
      if (isCompared && why === 'shutdown') metrics.compareSkippedTotal.inc({ reason: 'shutdown' }, planned(finished));
      if (isCompared && why === 'dropped_full') metrics.compareEnqueueTotal.inc({ result: why }, planned(finished));
      metrics.historyRecordsTotal.inc({ result: 'failed' });
      sayDropped(finished, why);
    },
    publishFailed: (finished, error) => {
      if (finished.plan?.mode === 'compare') metrics.compareEnqueueTotal.inc({ result: 'failed' }, planned(finished));
      metrics.historyRecordsTotal.inc({ result: 'failed' });
      log.error('exchange.failed', { request_id: finished.id, error: errorMessage(error) });
    },
    publishingEnded: () => losses.flush(),
    answered,
    forwarded: (request) => {
      answered({ ...request, route: 'passthrough' });
      if (tracing.enabled) tracing.emit([toPassthroughSpan(request, redact)]);
    },
    modeChanged: (from, to, source) => {
      metrics.modeChangesTotal.inc({ from, to });
      for (const mode of MODES) metrics.modeInfo.set({ mode }, mode === to ? 1 : 0);
      log.warn('mode.changed', { from, to, source });
    },
    streamLinted: (finished, rule, isFirst) => {
      const upstream = finished.plan?.primary.provider ?? 'unknown';
      metrics.streamLintTotal.inc({ upstream, rule });
      if (isFirst) log.warn('stream.linted', { request_id: finished.id, upstream, rule });
    },
    promptCut: (finished, evaluated) => {
      const upstream = finished.plan?.primary.provider ?? 'unknown';
      const what = { upstream, model: finished.plan?.model ?? finished.modelAsked, evaluated_tokens: evaluated };
      log.warn('prompt.cut', { request_id: finished.id, ...what });
    },
    driftSeen: (finished, { kind, path }) => {
      metrics.driftTotal.inc({ kind });
      log.warn('drift.seen', { request_id: finished.id, kind, path });
    },
    requestInspected: (isRead) => metrics.requestInspectionsTotal.inc({ result: isRead ? 'read' : 'unread' }),
    dumped: (requestId, result, error) => {
      metrics.wireDumpsTotal.inc({ result });
      if (result !== 'written')
        log.warn('dump.lost', { request_id: requestId, result, error: error && errorMessage(error) });
    },
    logChanged: ({ level, components }) => log.warn(LEVELS_CHANGED, { level, components }),
    tracingChanged: (enabled) => log.warn('tracing.changed', { enabled }),
    trouble: (what, error) => log.warn('trouble', { what, error: errorMessage(error) }),
  };
}

const NO_TOKENS = {
  input_tokens: 0,
  output_tokens: 0,
  tool_calls: 0,
  cache_read_input_tokens: 0,
  cache_creation_input_tokens: 0,
};

const REFUSED = { outcome: 'client_error', error_type: 'client_error' } as const;
const ANSWERED = { outcome: 'ok', error_type: 'none' } as const;

function bookCall(finished: FinishedCall, metrics: Metrics): void {
  const { mode, outcome, times } = finished;
  const stream = finished.stream ? 'true' : 'false';
  metrics.gatewayRequestsTotal.inc({ route: 'messages', mode, stream, outcome });
  if (finished.httpStatus > 0)
    metrics.gatewayResponsesTotal.inc({ route: 'messages', code: codeLabel(finished.httpStatus) });
  metrics.gatewayRequestDurationSeconds.observe({ mode, stream, outcome }, times.endMs / 1000);
  if (finished.request) metrics.requestBodyBytes.observe({ route: 'messages' }, finished.request.length);
  if (finished.stream && finished.termination) {
    metrics.streamTerminationsTotal.inc({ leg: 'primary', reason: finished.termination });
  }
  if (times.dispatchedMs === null || finished.plan === null) return;
  const upstreamMs = (times.answerEndMs ?? times.endMs) - times.dispatchedMs;
  metrics.gatewayOverheadSeconds.observe({ mode }, Math.max(0, times.endMs - upstreamMs) / 1000);
  const upstream = finished.plan.primary.provider;
  for (const attempt of finished.earlierAttempts)
    metrics.upstreamAttemptsTotal.inc({ upstream, ...(isFailed(attempt) ? REFUSED : ANSWERED) });
  if (finished.lastAttempt !== null)
    metrics.upstreamAttemptsTotal.inc({ upstream, outcome, error_type: errorType(finished) });
}

function errorType(finished: FinishedCall): string {
  const status = finished.upstreamStatus;
  if (finished.isCredentialRefused) return 'credential_refused';
  switch (finished.outcome) {
    case 'ok':
    case 'client_abort':
      return 'none';
    case 'timeout':
      return 'timeout';
    case 'stream_error':
      return 'stream';
    case 'rejected':
      return 'client_error';
    case 'client_error':
    case 'upstream_error':
      if (status === 0) return 'connection';
      if (status === 401) return 'authentication';
      if (status === 429) return 'rate_limited';
      if (status === 529) return 'overloaded';
      return status >= 500 ? 'server_error' : 'client_error';
  }
}

function bookReading(finished: FinishedCall, observation: AnswerFigures | null, parts: GatewayEventsParts): void {
  const { metrics } = parts;
  const usage = usageCounts(observation?.usage ?? null);
  parts.stats.add({
    total_requests: 1,
    input_tokens: usage.input_tokens ?? 0,
    output_tokens: usage.output_tokens ?? 0,
    tool_calls: observation?.toolCalls.length ?? 0,
    cache_read_input_tokens: usage.cache_read_input_tokens ?? 0,
    cache_creation_input_tokens: usage.cache_creation_input_tokens ?? 0,
  });
  bookCost(finished, observation, parts);
  if (observation === null || finished.plan === null) return;
  const model = parts.modelLabel(finished.plan.model ?? finished.modelAsked);
  const leg = 'primary';
  const labels = { leg, gen_ai_request_model: model, gen_ai_provider_name: finished.plan.primary.provider } as const;
  const exemplar =
    finished.trace.sampled && parts.tracing.enabled ? { exemplarLabels: { trace_id: finished.trace.traceId } } : {};
  const { ttftMs, durationMs } = observation.timing;
  metrics.genAiServerRequestDurationSeconds.observe({
    labels: { ...labels, error_type: errorType(finished) },
    value: durationMs / 1000,
    ...exemplar,
  });
  if (observation.httpStatus >= 400) return;
  if (ttftMs !== null)
    metrics.genAiServerTimeToFirstTokenSeconds.observe({ labels, value: ttftMs / 1000, ...exemplar });
  const output = usage.output_tokens ?? 0;
  if (ttftMs !== null && output > 1) {
    metrics.genAiServerTimePerOutputTokenSeconds.observe(labels, (durationMs - ttftMs) / (output - 1) / 1000);
  }
  for (const [type, count] of [
    ['input', usage.input_tokens],
    ['output', usage.output_tokens],
    ['cache_read', usage.cache_read_input_tokens],
    ['cache_write', usage.cache_creation_input_tokens],
    ['reasoning', thinkingTokens(observation.usage)],
  ] as const) {
    if (count === null) continue;
    metrics.tokensTotal.inc({ leg, model, token_type: type }, count);
    if (type === 'input' || type === 'output') {
      metrics.genAiClientTokenUsage.observe({ ...labels, gen_ai_token_type: type }, count);
    }
  }
  if (observation.stopReason)
    metrics.stopReasonsTotal.inc({ leg, model, stop_reason: stopLabel(observation.stopReason) });
  if (observation.toolCalls.length > 0) metrics.toolCallsTotal.inc({ leg, model }, observation.toolCalls.length);
  const gap = longestGap(finished);
  if (finished.stream && gap !== null) metrics.streamInterChunkGapSeconds.observe({ leg }, gap / 1000);
}

/** What a refused call cost is nothing; what an answer cost that is broken or was not read nobody said. */
function bookCost(
  { plan, modelAsked, upstreamStatus }: FinishedCall,
  observation: AnswerFigures | null,
  { metrics, pricesOf, modelLabel }: GatewayEventsParts,
): void {
  if (plan === null || upstreamStatus < 200 || upstreamStatus >= 300) return;
  const model = plan.model ?? modelAsked ?? '';
  const cost = observation?.complete ? priceUsage(observation.usage, pricesOf(model)) : null;
  const labels = { leg: 'primary', model: modelLabel(model) };
  if (cost === null) metrics.costUnpricedTotal.inc(labels);
  else metrics.costUsdTotal.inc(labels, cost);
}

function longestGap(finished: FinishedCall): number | null {
  const chunks = finished.answer?.chunks ?? [];
  let longest: number | null = null;
  let before: number | null = null;
  for (const { atMs } of chunks) {
    if (before !== null) longest = Math.max(longest ?? 0, atMs - before);
    before = atMs;
  }
  return longest;
}

function logFields(finished: FinishedCall, observation: AnswerFigures | null): Record<string, unknown> {
  const usage = usageCounts(observation?.usage ?? null);
  return {
    request_id: finished.id,
    trace_id: finished.trace.traceId,
    span_id: finished.trace.spanId,
    session_id: sessionOfCall(finished),
    mode: finished.mode,
    route: finished.plan?.reason,
    upstream: finished.plan?.primary.provider,
    model_asked: finished.modelAsked,
    model_sent: finished.plan?.model ?? finished.modelAsked,
    stream: finished.stream,
    outcome: finished.outcome,
    status: finished.httpStatus,
    error: errorCodeOf(finished, observation) ?? undefined,
    termination: finished.termination,
    stop_reason: observation?.stopReason,
    input_tokens: usage.input_tokens,
    output_tokens: usage.output_tokens,
    ttft_ms: roundOrNull(observation?.timing.ttftMs),
    duration_ms: round(finished.times.endMs),
    request_bytes: finished.request?.length ?? 0,
    response_bytes: finished.responseBytes,
  };
}

function codeLabel(status: number): string {
  const code = String(status);
  return (HTTP_CODES as readonly string[]).includes(code) ? code : 'other';
}

function stopLabel(reason: string): string {
  return (STOP_REASONS as readonly string[]).includes(reason) ? reason : 'other';
}

function round(ms: number): number {
  return Math.round(ms * 10) / 10;
}

function roundOrNull(ms: number | null | undefined): number | null {
  return ms === null || ms === undefined ? null : round(ms);
}
