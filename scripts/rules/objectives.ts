// The service level objectives as the rules need them: how much may be bad, and where a slow answer begins.
import type { Config } from '#shared/config/load.ts';
import { OVERHEAD_SECONDS, QUEUE_WAIT_SECONDS, TTFT_SECONDS } from '#shared/telemetry/metrics.ts';

export interface Objective {
  /** Names the recorded series: `ccproxy:<sli>:ratio_rate1h`. */
  sli: 'availability' | 'ttft' | 'overhead' | 'compare_freshness' | 'telemetry';
  /** In alert names: `CcProxy<title>BudgetBurnFast`. */
  title: string;
  /** Share of events that may be bad, such as 0.01. */
  budget: number;
  /** PromQL for the bad share over a window such as `5m`; nothing where nothing happened. */
  badShare(window: string): string;
}

/** A burn of 14.4 times the budget must be able to happen: above this budget a share of 1 would not reach it. */
const LARGEST_BUDGET = 1 / 14.4;

/** @throws Error naming the setting, when an objective cannot page or a threshold is no bucket's edge */
export function objectives(slo: Config['slo']): Objective[] {
  return [
    {
      sli: 'availability',
      title: 'Availability',
      budget: budgetOf('slo.availability', slo.availability),
      badShare: (window) =>
        share(
          `sum(rate(ccproxy_gateway_requests_total{route="messages",outcome=~"upstream_error|timeout|stream_error|rejected"}[${window}]))`,
          `sum(rate(ccproxy_gateway_requests_total{route="messages",outcome!~"client_error|client_abort"}[${window}]))`,
        ),
    },
    {
      sli: 'ttft',
      title: 'Ttft',
      budget: budgetOf('slo.ttft', slo.ttft),
      badShare: slowShare(
        'gen_ai_server_time_to_first_token_seconds',
        'leg="primary"',
        edge('slo.ttft_seconds', slo.ttft_seconds, TTFT_SECONDS),
      ),
    },
    {
      sli: 'overhead',
      title: 'Overhead',
      budget: budgetOf('slo.overhead', slo.overhead),
      badShare: slowShare(
        'ccproxy_gateway_overhead_seconds',
        '',
        edge('slo.overhead_seconds', slo.overhead_seconds, OVERHEAD_SECONDS),
      ),
    },
    {
      sli: 'compare_freshness',
      title: 'CompareFreshness',
      budget: budgetOf('slo.compare_freshness', slo.compare_freshness),
      badShare: slowShare(
        'ccproxy_compare_queue_wait_seconds',
        '',
        edge('slo.compare_freshness_seconds', slo.compare_freshness_seconds, QUEUE_WAIT_SECONDS),
      ),
    },
    {
      sli: 'telemetry',
      title: 'Telemetry',
      budget: budgetOf('slo.telemetry', slo.telemetry),
      badShare: (window) =>
        share(
          `sum(rate(ccproxy_telemetry_spans_total{result=~"dropped_.+|failed"}[${window}]))`,
          `sum(rate(ccproxy_telemetry_spans_total{result!="unsampled"}[${window}]))`,
        ),
    },
  ];
}

function share(bad: string, all: string): string {
  return `${bad} / (${all} > 0)`;
}

/** The share above `seconds`. Prometheus 3 writes `le="5.0"` for what 2 wrote as `le="5"`. */
function slowShare(histogram: string, matchers: string, seconds: number): (window: string) => string {
  const escaped = String(seconds).replace('.', '\\\\.');
  const le = Number.isInteger(seconds) ? `le=~"${escaped}(\\\\.0)?"` : `le="${seconds}"`;
  const within = matchers === '' ? le : `${matchers},${le}`;
  return (window) =>
    `1 - sum(rate(${histogram}_bucket{${within}}[${window}])) / (sum(rate(${histogram}_count{${matchers}}[${window}])) > 0)`;
}

function budgetOf(key: string, objective: number): number {
  const budget = Number((1 - objective).toFixed(9));
  if (budget <= 0 || budget > LARGEST_BUDGET) {
    throw new Error(
      `${key} = ${objective} cannot page: an objective lies below 1 and at or above ${(1 - LARGEST_BUDGET).toFixed(4)}`,
    );
  }
  return budget;
}

function edge(key: string, seconds: number, buckets: readonly number[]): number {
  if (!buckets.includes(seconds)) {
    throw new Error(`${key} = ${seconds} is no edge of a bucket; take one of ${buckets.join(', ')}`);
  }
  return seconds;
}
