// One function per thing that happens in the comparator: its log line and its metrics together, so that they cannot drift.

import { DEAD_REASONS, type Deaths, type Delivery } from '#shared/bus/bus.ts';
import { type Prices, priceUsage } from '#shared/cost/price.ts';
import { errorMessage } from '#shared/errors.ts';
import type { ExchangeEntry } from '#shared/exchange/exchange.ts';
import type { ArmOutcome, Observation } from '#shared/exchange/observation.ts';
import { thinkingTokens } from '#shared/messages/usage.ts';
import type { Target } from '#shared/providers/target.ts';
import type { ArmSummary, PairRow } from '#shared/store/store.ts';
import type { Callee } from '#shared/telemetry/begin-at-zero.ts';
import type { Logger } from '#shared/telemetry/logger.ts';
import type { Metrics } from '#shared/telemetry/metrics.ts';
import { DIMENSIONS, type ERROR_TYPES, type OUTCOMES, STOP_REASONS } from '#shared/telemetry/vocabulary.ts';
import type { Usage } from '#shared/wire/anthropic.ts';
import type { BreakerState } from './target-breakers.ts';

export interface ComparatorEvents {
  /** A pair became a row, here. */
  pairStored(row: PairRow, context: { entry: ExchangeEntry; secondary: Observation | null }): void;
  /** The row was there already; `wasCalled` = a call to the secondary was wasted on it. */
  pairKnown(row: PairRow, wasCalled: boolean): void;
  deliverySettled(delivery: Delivery, result: 'paired' | 'duplicate' | 'skipped'): void;
  /** It stays pending and comes again. */
  deliveryFailed(delivery: Delivery, error: unknown): void;
  deliveryDead(delivery: Delivery, reason: 'schema', error: unknown): void;
  /** Given up by the bus or by any comparator since anybody last looked: each pair is told to one process. */
  pairsDied(deaths: Deaths): void;
  /** Left on a bus that ends with this process. */
  pairsAbandoned(pairs: number): void;
  /** The bus or the store cannot be reached. */
  trouble(what: string, error: unknown): void;
  breakerChanged(target: string, state: BreakerState): void;
  targetUnavailable(target: string, seconds: number): void;
  /** A target refused what it can be asked without; it is called once more. */
  capabilityLearned(target: Target): void;
}

export interface EventParts {
  log: Logger;
  metrics: Metrics;
  /** Model and provider of a target, bounded for labels. */
  labelsOf(target: string): Callee;
  pricesOf(target: string): Prices | null;
}

export function createComparatorEvents({ log, metrics, labelsOf, pricesOf }: EventParts): ComparatorEvents {
  return {
    pairStored(row, { entry, secondary }) {
      metrics.comparePairsTotal.inc({ verdict: row.verdict });
      metrics.compareQueueWaitSeconds.observe(row.queue_wait_ms / 1000);
      const exemplar = /-01$/.test(entry.traceparent) ? { exemplarLabels: { trace_id: row.trace_id } } : {};
      countScores(metrics, row, exemplar);
      if (row.secondary !== null) {
        countCall(metrics, row.secondary, { callee: labelsOf(row.target), usage: secondary?.usage ?? null, exemplar });
        if (secondary !== null) countCost(metrics, secondary, labelsOf(row.target).model, pricesOf(row.target));
      }
      log.info('pair.stored', {
        request_id: row.exchange_id,
        session_id: row.session_id,
        pair_id: row.pair_id,
        trace_id: row.trace_id,
        verdict: row.verdict,
        level: row.level,
        reason: row.skip_reason,
        secondary: row.secondary?.outcome,
        error: row.secondary?.error,
        latency_ratio: row.latency_ratio,
        queue_wait_ms: row.queue_wait_ms,
        delivery_count: row.delivery_count,
      });
    },
    pairKnown(row, wasCalled) {
      if (wasCalled) metrics.compareDuplicateCallsTotal.inc();
      log.info('pair.known', { pair_id: row.pair_id, was_called: wasCalled });
    },
    deliverySettled(delivery, result) {
      metrics.compareDeliveriesTotal.inc({ result });
      log.debug('delivery.settled', { ...named(delivery), result });
    },
    deliveryFailed(delivery, error) {
      metrics.compareDeliveriesTotal.inc({ result: 'failed' });
      log.warn('delivery.failed', { ...named(delivery), error });
    },
    deliveryDead(delivery, reason, error) {
      metrics.compareDeliveriesTotal.inc({ result: 'dead' });
      log.error('delivery.dead', { ...named(delivery), reason, error });
    },
    pairsDied(deaths) {
      for (const reason of DEAD_REASONS) {
        if (deaths[reason] === 0) continue;
        metrics.compareDeadLetterTotal.inc({ reason }, deaths[reason]);
        log.warn('pairs.dead', { reason, pairs: deaths[reason] });
      }
    },
    pairsAbandoned(pairs) {
      metrics.compareSkippedTotal.inc({ reason: 'shutdown' }, pairs);
      log.warn('pairs.abandoned', { pairs, reason: 'shutdown' });
    },
    trouble: (what, error) => log.warn('trouble', { what, error: errorMessage(error) }),
    breakerChanged: (target, state) => log.warn('target.breaker', { target, state }),
    targetUnavailable: (target, seconds) => {
      metrics.compareTargetUnavailableSecondsTotal.inc(seconds);
      log.info('target.unavailable', { target, seconds });
    },
    capabilityLearned: ({ name, provider }) => {
      const refused = { outcome: 'client_error', error_type: 'client_error' } as const;
      metrics.upstreamAttemptsTotal.inc({ upstream: provider, ...refused });
      log.info('target.capability_learned', { target: name, provider });
    },
  };
}

function named({ id, messageId, deliveryCount }: Delivery): Record<string, unknown> {
  return { request_id: id, message_id: messageId, delivery_count: deliveryCount };
}

function countScores(metrics: Metrics, row: PairRow, exemplar: Exemplar): void {
  if (row.secondary === null) return;
  if (row.level !== null) metrics.compareActionTotal.inc({ level: row.level });
  for (const dimension of DIMENSIONS) {
    const found = row.scores.find((score) => score.scorer === dimension);
    metrics.compareDimensionTotal.inc({ dimension, result: found?.label ?? 'na' });
    if (found?.value != null && (dimension === 'tool_args' || dimension === 'text')) {
      metrics.compareSimilarity.observe({ dimension }, found.value);
    }
  }
  if (row.level !== null) {
    const primary = stopReasonLabel(row.primary?.stop_reason ?? null);
    metrics.compareStopReasonPairsTotal.inc({ primary, target: stopReasonLabel(row.secondary.stop_reason) });
  }
  if (row.latency_ratio !== null) metrics.compareLatencyRatio.observe({ value: row.latency_ratio, ...exemplar });
  if (row.ttft_ratio !== null) metrics.compareTtftRatio.observe(row.ttft_ratio);
  if (row.output_tokens_ratio !== null) metrics.compareOutputTokensRatio.observe(row.output_tokens_ratio);
}

const LEG = { leg: 'target' } as const;

/** A link to the pair's trace, empty when that is not kept. */
type Exemplar = { exemplarLabels?: { trace_id: string } };

interface CalledArm {
  callee: Callee;
  usage: Usage | null;
  exemplar: Exemplar;
}

function countCall(metrics: Metrics, arm: ArmSummary, { callee, usage, exemplar }: CalledArm): void {
  const { model, upstream } = callee;
  const labels = { ...LEG, gen_ai_request_model: model, gen_ai_provider_name: upstream };
  const error_type = errorLabel(arm);
  metrics.upstreamAttemptsTotal.inc({ upstream, outcome: OUTCOME_OF[error_type], error_type });
  const { input_tokens, output_tokens, cache_read_input_tokens, cache_creation_input_tokens } = arm.usage;
  if (arm.ttft_ms !== null) {
    metrics.genAiServerTimeToFirstTokenSeconds.observe({ labels, value: arm.ttft_ms / 1000, ...exemplar });
  }
  if (arm.duration_ms !== null) {
    const value = arm.duration_ms / 1000;
    metrics.genAiServerRequestDurationSeconds.observe({ labels: { ...labels, error_type }, value, ...exemplar });
  }
  if (arm.ttft_ms !== null && arm.duration_ms !== null && output_tokens !== null && output_tokens > 1) {
    const value = (arm.duration_ms - arm.ttft_ms) / (output_tokens - 1) / 1000;
    metrics.genAiServerTimePerOutputTokenSeconds.observe(labels, value);
  }
  const counts = [
    ['input', input_tokens],
    ['output', output_tokens],
    ['cache_read', cache_read_input_tokens],
    ['cache_write', cache_creation_input_tokens],
    ['reasoning', thinkingTokens(usage)],
  ] as const;
  for (const [token_type, value] of counts) {
    if (value === null) continue;
    metrics.tokensTotal.inc({ ...LEG, model, token_type }, value);
    if (token_type === 'input' || token_type === 'output') {
      metrics.genAiClientTokenUsage.observe({ ...labels, gen_ai_token_type: token_type }, value);
    }
  }
  if (arm.stop_reason !== null) {
    metrics.stopReasonsTotal.inc({ ...LEG, model, stop_reason: stopReasonLabel(arm.stop_reason) });
  }
  if (arm.tools.length > 0) metrics.toolCallsTotal.inc({ ...LEG, model }, arm.tools.length);
}

/** What a refused call cost is nothing; what a broken answer cost nobody said. */
function countCost(metrics: Metrics, arm: Observation, model: string, prices: Prices | null): void {
  if (arm.httpStatus === 0 || arm.httpStatus >= 400) return;
  const cost = arm.complete ? priceUsage(arm.usage, prices) : null;
  if (cost === null) metrics.costUnpricedTotal.inc({ ...LEG, model });
  else metrics.costUsdTotal.inc({ ...LEG, model }, cost);
}

function stopReasonLabel(stopReason: string | null): string {
  return STOP_REASONS.find((known) => known === stopReason) ?? 'other';
}

type ErrorType = (typeof ERROR_TYPES)[number];

/** What became of the answer's text is the pair's affair: the call was one that went well. */
const ANSWERED: ReadonlySet<string> = new Set<ArmOutcome>(['ok', 'truncated', 'refusal', 'tool_parse_error']);

/** In the words of the gateway's own calls; the key was the gateway's, for there is no client's. */
function errorLabel(arm: ArmSummary): ErrorType {
  if (ANSWERED.has(arm.outcome)) return 'none';
  if (arm.outcome.startsWith('timeout')) return 'timeout';
  if (arm.http_status === 0) return 'connection';
  if (arm.http_status < 400) return 'stream';
  if (arm.http_status === 401) return 'credential_refused';
  if (arm.http_status === 429) return 'rate_limited';
  if (arm.http_status === 529) return 'overloaded';
  return arm.http_status >= 500 ? 'server_error' : 'client_error';
}

const OUTCOME_OF: Readonly<Record<ErrorType, (typeof OUTCOMES)[number]>> = {
  none: 'ok',
  client_error: 'client_error',
  authentication: 'client_error',
  credential_refused: 'upstream_error',
  rate_limited: 'upstream_error',
  overloaded: 'upstream_error',
  server_error: 'upstream_error',
  connection: 'upstream_error',
  timeout: 'timeout',
  stream: 'stream_error',
};
