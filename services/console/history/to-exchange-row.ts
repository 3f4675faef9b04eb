// An exchange → its row of the history. Pure; what may be kept of the texts is decided by the capture level.
import { priceUsage } from '#shared/cost/price.ts';
import type { PriceLookup } from '#shared/cost/price-list.ts';
import { type AnswerSummary, summarizeAnswer } from '#shared/exchange/answer-summary.ts';
import { type ErrorCode, failureCode, isErrorCode } from '#shared/exchange/error-code.ts';
import type { CallOutcome, ExchangeEntry } from '#shared/exchange/exchange.ts';
import type { Observation } from '#shared/exchange/observation.ts';
import type { ReadExchange } from '#shared/exchange/read-exchange.ts';
import { parseTraceparent } from '#shared/ids.ts';
import type { Redactor } from '#shared/redact/redact.ts';
import type { ExchangeDetail, UsageColumns } from '#shared/store/store.ts';
import type { Usage } from '#shared/wire/anthropic.ts';
import type { CaptureLevel } from '../config.ts';

export type ExchangeStatus = 'completed' | 'partial' | 'error' | 'aborted';

/** A row without texts. null as `summary`: the answer's body is gone, and only what the gateway wrote down itself is known. */
export function toMetadataRow(
  entry: ExchangeEntry,
  summary: AnswerSummary | null,
  { redactText }: Redactor,
  pricesOf: PriceLookup,
): ExchangeDetail {
  const client = entry.clientHeaders['user-agent'];
  const status = statusOf(entry.outcome, summary);
  return {
    id: entry.id,
    started_at: new Date(entry.startedAtMs).toISOString(),
    session_id: redactText(entry.sessionId),
    class: entry.class,
    mode: entry.mode,
    route: entry.route,
    model_asked: redactText(entry.modelAsked),
    model_answered: summary === null || summary.model === null ? null : redactText(summary.model),
    provider: entry.provider,
    status,
    http_status: entry.httpStatus,
    stop_reason: summary === null || summary.stopReason === null ? null : redactText(summary.stopReason),
    error_code: errorCode(status, entry, summary),
    usage: usageColumns(summary?.usage ?? null),
    // The answer may carry the name the client asked for; what is paid is what was sent. What a broken answer has used
    // nobody said.
    cost_usd: summary?.complete ? priceUsage(summary.usage, pricesOf(entry.modelSent)) : null,
    ttfb_ms: entry.ttfbMs,
    ttft_ms: summary?.ttftMs ?? null,
    total_duration_ms: entry.totalDurationMs,
    client: client === undefined ? null : redactText(client),
    trace_id: parseTraceparent(entry.traceparent)?.traceId ?? '',
    captured_headers: entry.capturedHeaders,
    request: null,
    response: null,
    skip_reason: entry.skip,
    shadow: entry.shadow,
  };
}

export function toExchangeRow(
  exchange: ReadExchange,
  level: CaptureLevel,
  redactor: Redactor,
  pricesOf: PriceLookup,
): ExchangeDetail {
  const { entry, observation } = exchange;
  const row = toMetadataRow(entry, summarizeAnswer(observation), redactor, pricesOf);
  if (level !== 'redacted' && level !== 'full') return row;
  const keep = level === 'full' ? (value: unknown) => value : redactor.redactJson;
  return { ...row, request: keep(requestOf(exchange)), response: keep(responseOf(observation)) };
}

function requestOf({ request, body }: ReadExchange): unknown {
  return request ?? body.request.toString('utf8');
}

function responseOf({ message, error }: Observation): unknown {
  return message ?? (error ? { type: 'error', error } : null);
}

const STATUS: Record<CallOutcome, ExchangeStatus> = {
  ok: 'completed',
  client_error: 'error',
  upstream_error: 'error',
  timeout: 'error',
  client_abort: 'aborted',
  rejected: 'error',
  stream_error: 'error',
};

/** A failed answer of which something arrived is partial, and so is one that was taken for whole and is not. */
function statusOf(outcome: CallOutcome, seen: AnswerSummary | null): ExchangeStatus {
  const status = STATUS[outcome];
  const isBroken = seen !== null && seen.model !== null && !seen.complete;
  return isBroken && status !== 'aborted' ? 'partial' : status;
}

/** As the gateway called it; where it did not, by the same rules. */
function errorCode(status: ExchangeStatus, entry: ExchangeEntry, seen: AnswerSummary | null): ErrorCode | null {
  if (status !== 'error' && status !== 'partial') return null;
  if (isErrorCode(entry.errorCode)) return entry.errorCode;
  return failureCode(entry.outcome, seen?.errorType ?? null, entry.httpStatus);
}

function usageColumns(usage: Usage | null): UsageColumns {
  return {
    input_tokens: countOrNull(usage?.input_tokens),
    output_tokens: countOrNull(usage?.output_tokens),
    cache_read_input_tokens: countOrNull(usage?.cache_read_input_tokens),
    cache_creation_input_tokens: countOrNull(usage?.cache_creation_input_tokens),
  };
}

/** Usage is what an upstream said it was: anything but a count is unknown. */
function countOrNull(value: unknown): number | null {
  return typeof value === 'number' && Number.isFinite(value) && value >= 0 ? value : null;
}
