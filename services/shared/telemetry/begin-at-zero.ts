// Label values that only the settings know, such as upstreams and models: their series begin at 0 too, or the first
// increment would be no increase to whoever asks for one.
import type { Metrics } from './metrics.ts';
import {
  ATTEMPT_ENDS,
  COUNTED_BY,
  ERROR_TYPES,
  type LEGS,
  LINT_RULES,
  STOP_REASONS,
  TOKEN_TYPES,
  USAGE_TOKEN_TYPES,
} from './vocabulary.ts';

/** A pair that calls will be counted under: label values, so both are bounded. */
export interface Callee {
  upstream: string;
  model: string;
}

/** To be called once at the start of a service, with all that it may call. */
export function beginAtZero(metrics: Metrics, leg: (typeof LEGS)[number], callees: readonly Callee[]): void {
  for (const upstream of new Set(callees.map((callee) => callee.upstream))) beginUpstream(metrics, upstream);
  for (const model of new Set(callees.map((callee) => callee.model))) {
    for (const token_type of TOKEN_TYPES) metrics.tokensTotal.inc({ leg, model, token_type }, 0);
    for (const stop_reason of STOP_REASONS) metrics.stopReasonsTotal.inc({ leg, model, stop_reason }, 0);
    metrics.toolCallsTotal.inc({ leg, model }, 0);
    metrics.costUsdTotal.inc({ leg, model }, 0);
    metrics.costUnpricedTotal.inc({ leg, model }, 0);
  }
  for (const { upstream, model } of callees) {
    const labels = { leg, gen_ai_request_model: model, gen_ai_provider_name: upstream };
    metrics.genAiServerTimeToFirstTokenSeconds.zero(labels);
    metrics.genAiServerTimePerOutputTokenSeconds.zero(labels);
    for (const error_type of ERROR_TYPES) metrics.genAiServerRequestDurationSeconds.zero({ ...labels, error_type });
    for (const type of USAGE_TOKEN_TYPES) metrics.genAiClientTokenUsage.zero({ ...labels, gen_ai_token_type: type });
  }
}

function beginUpstream(metrics: Metrics, upstream: string): void {
  for (const [outcome, error_type] of ATTEMPT_ENDS) {
    metrics.upstreamAttemptsTotal.inc({ upstream, outcome, error_type }, 0);
  }
  for (const counted_by of COUNTED_BY) metrics.tokenCountsTotal.inc({ upstream, counted_by }, 0);
  for (const rule of LINT_RULES) metrics.streamLintTotal.inc({ upstream, rule }, 0);
}
