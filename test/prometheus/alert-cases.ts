// For each alert: series under which it must fire, and series close by under which it must not. Values are promtool's:
// `0+1x60` counts up by one for sixty steps.

export interface AlertCase {
  alert: string;
  /** Step of the series and of the evaluation. */
  interval: string;
  /** When the alert must, or must not, be firing. */
  at: string;
  fires: Readonly<Record<string, string>>;
  quiet: Readonly<Record<string, string>>;
}

const STEADY = '1x60';
const FLAT = '0x60';
const COUNTING = '0+60x60';

function minutes(alert: string, fires: AlertCase['fires'], quiet: AlertCase['quiet'], at = '30m'): AlertCase {
  return { alert, interval: '1m', at, fires, quiet };
}

/** Good and bad events that count up, a share of them bad. */
function burn(
  title: string,
  speed: 'Fast' | 'Slow',
  series: (badPercent: number) => AlertCase['fires'],
  bad: number,
  fine: number,
): AlertCase {
  const alert = `CcProxy${title}BudgetBurn${speed}`;
  return speed === 'Fast'
    ? { alert, interval: '1m', at: '70m', fires: series(bad), quiet: series(fine) }
    : { alert, interval: '5m', at: '7h', fires: series(bad), quiet: series(fine) };
}

const up = (each: number): string => `0+${each}x1000`;

function availability(bad: number): AlertCase['fires'] {
  return {
    'ccproxy_gateway_requests_total{route="messages",mode="target",stream="true",outcome="ok"}': up(1000 - bad * 10),
    'ccproxy_gateway_requests_total{route="messages",mode="target",stream="true",outcome="upstream_error"}': up(
      bad * 10,
    ),
    // The client's own faults are no part of it.
    'ccproxy_gateway_requests_total{route="messages",mode="target",stream="true",outcome="client_error"}': up(5000),
  };
}

function slow(histogram: string, labels: string, le: string): (bad: number) => AlertCase['fires'] {
  const within = labels === '' ? `le="${le}"` : `${labels},le="${le}"`;
  return (bad) => ({
    [`${histogram}_bucket{${within}}`]: up(1000 - bad * 10),
    [`${histogram}_count{${labels}}`]: up(1000),
  });
}

function spans(bad: number): AlertCase['fires'] {
  return {
    'ccproxy_telemetry_spans_total{result="exported"}': up(10000 - bad * 100),
    'ccproxy_telemetry_spans_total{result="dropped_queue"}': up(bad * 100),
    'ccproxy_telemetry_spans_total{result="unsampled"}': up(50000),
  };
}

const ttft = slow('gen_ai_server_time_to_first_token_seconds', 'leg="primary"', '5');
const overhead = slow('ccproxy_gateway_overhead_seconds', '', '0.05');
const freshness = slow('ccproxy_compare_queue_wait_seconds', '', '60');

function dimensions(agree: number, differ: number, lastHour: number): AlertCase['fires'] {
  const day = 23 * 12;
  return {
    'ccproxy_compare_dimension_total{dimension="text",result="agree"}': `0+${agree}x${day + 12}`,
    'ccproxy_compare_dimension_total{dimension="text",result="differ"}': `0+${differ}x${day} ${differ * day}+${lastHour}x12`,
    'ccproxy_compare_pairs_total{verdict="diverged"}': '0+10x300',
  };
}

export const ALERT_CASES: readonly AlertCase[] = [
  burn('Availability', 'Fast', availability, 20, 4),
  burn('Availability', 'Slow', availability, 4, 0.5),
  burn('Ttft', 'Fast', ttft, 80, 25),
  burn('Ttft', 'Slow', ttft, 20, 4),
  burn('Overhead', 'Fast', overhead, 20, 4),
  burn('Overhead', 'Slow', overhead, 4, 0.5),
  burn('CompareFreshness', 'Fast', freshness, 20, 4),
  burn('CompareFreshness', 'Slow', freshness, 4, 0.5),
  burn('Telemetry', 'Fast', spans, 2, 0.5),
  burn('Telemetry', 'Slow', spans, 0.4, 0.05),
  minutes(
    'CcProxyTargetDown',
    { 'up{job="cc-gateway",instance="a"}': FLAT },
    { 'up{job="cc-gateway",instance="a"}': STEADY, 'up{job="node",instance="a"}': FLAT },
  ),
  minutes('CcProxyMetricsAbsent', { 'up{job="cc-gateway"}': STEADY }, { 'ccproxy_build_info{version="1"}': STEADY }),
  minutes(
    'CcProxyCredentialRefused',
    {
      'ccproxy_upstream_attempts_total{upstream="glm",outcome="upstream_error",error_type="credential_refused"}':
        '0x15 1+0x45',
    },
    {
      'ccproxy_upstream_attempts_total{upstream="glm",outcome="client_error",error_type="authentication"}':
        '0x15 9+1x45',
    },
    '20m',
  ),
  minutes(
    'CcProxyStreamTruncation',
    {
      'ccproxy_stream_terminations_total{leg="primary",reason="complete"}': '0+95x60',
      'ccproxy_stream_terminations_total{leg="primary",reason="no_message_stop"}': '0+5x60',
      // Neither do a shadow's good ones make up for it.
      'ccproxy_stream_terminations_total{leg="target",reason="complete"}': '0+9000x60',
    },
    {
      'ccproxy_stream_terminations_total{leg="primary",reason="complete"}': '0+95x60',
      'ccproxy_stream_terminations_total{leg="primary",reason="client_abort"}': '0+50x60',
      'ccproxy_stream_terminations_total{leg="primary",reason="no_message_stop"}': FLAT,
      // Which no client sees.
      'ccproxy_stream_terminations_total{leg="target",reason="no_message_stop"}': '0+50x60',
    },
  ),
  {
    alert: 'CcProxyModeNotDefault',
    interval: '10m',
    at: '25h',
    fires: { 'ccproxy_mode_info{mode="compare"}': '1x200', 'ccproxy_mode_info{mode="target"}': '0x200' },
    quiet: { 'ccproxy_mode_info{mode="compare"}': '1x60 0x140', 'ccproxy_mode_info{mode="target"}': '0x60 1x140' },
  },
  minutes(
    'CcProxyConcurrencySaturated',
    {
      'ccproxy_gateway_requests_in_flight{instance="a",upstream="glm",route="messages"}': '48x60',
      'ccproxy_gateway_concurrency_limit{instance="a",upstream="glm"}': '50x60',
    },
    {
      'ccproxy_gateway_requests_in_flight{instance="a",upstream="glm",route="messages"}': '40x60',
      'ccproxy_gateway_concurrency_limit{instance="a",upstream="glm"}': '50x60',
    },
  ),
  minutes(
    'CcProxyOverheadHigh',
    {
      'ccproxy_gateway_overhead_seconds_bucket{le="0.05"}': '0+90x60',
      'ccproxy_gateway_overhead_seconds_bucket{le="1"}': '0+100x60',
      'ccproxy_gateway_overhead_seconds_bucket{le="+Inf"}': '0+100x60',
    },
    {
      'ccproxy_gateway_overhead_seconds_bucket{le="0.05"}': '0+100x60',
      'ccproxy_gateway_overhead_seconds_bucket{le="1"}': '0+100x60',
      'ccproxy_gateway_overhead_seconds_bucket{le="+Inf"}': '0+100x60',
    },
  ),
  minutes(
    'CcProxyEventLoopLag',
    { 'nodejs_eventloop_lag_p99_seconds{job="cc-gateway"}': '0.2x60' },
    {
      'nodejs_eventloop_lag_p99_seconds{job="cc-gateway"}': '0.01x60',
      'nodejs_eventloop_lag_p99_seconds{job="other"}': '0.5x60',
    },
  ),
  minutes(
    'CcProxyMemoryNearLimit',
    {
      'process_resident_memory_bytes{job="cc-gateway",instance="a"}': '900x60',
      'ccproxy_memory_limit_bytes{job="cc-gateway",instance="a"}': '1000x60',
    },
    {
      'process_resident_memory_bytes{job="cc-gateway",instance="a"}': '900x60',
      'ccproxy_memory_limit_bytes{job="cc-gateway",instance="a"}': FLAT,
    },
  ),
  minutes(
    'CcProxyCompareDropping',
    { 'ccproxy_compare_enqueue_total{result="dropped_full"}': '0x15 3+0x45' },
    {
      'ccproxy_compare_enqueue_total{result="ok"}': COUNTING,
      'ccproxy_compare_enqueue_total{result="dropped_full"}': '3x60',
    },
    '20m',
  ),
  minutes(
    'CcProxyCompareBacklogGrowing',
    { 'ccproxy_compare_oldest_pending_age_seconds{stream="exchanges"}': '400x60' },
    {
      'ccproxy_compare_oldest_pending_age_seconds{stream="exchanges"}': '100x60',
      'ccproxy_compare_oldest_pending_age_seconds{stream="dead"}': '9000x60',
    },
  ),
  minutes(
    'CcProxyCompareStalled',
    {
      'ccproxy_compare_pending{stream="exchanges"}': '5x60',
      'ccproxy_compare_pairs_total{verdict="equivalent"}': '7x60',
    },
    {
      'ccproxy_compare_pending{stream="exchanges"}': '5x60',
      'ccproxy_compare_pairs_total{verdict="equivalent"}': COUNTING,
    },
  ),
  minutes(
    'CcProxyComparePairsUnaccounted',
    { ccproxy_compare_unaccounted: '2x60' },
    { ccproxy_compare_unaccounted: '2x10 0x50' },
  ),
  {
    alert: 'CcProxyCompareDivergenceSpike',
    interval: '5m',
    at: '24h',
    fires: dimensions(90, 10, 90),
    quiet: dimensions(90, 10, 12),
  },
  minutes(
    'CcProxyCompareTargetErrors',
    {
      'ccproxy_compare_pairs_total{verdict="target_error"}': '0+10x60',
      'ccproxy_compare_pairs_total{verdict="equivalent"}': '0+90x60',
    },
    {
      'ccproxy_compare_pairs_total{verdict="target_error"}': '0+1x60',
      'ccproxy_compare_pairs_total{verdict="equivalent"}': '0+99x60',
    },
  ),
  minutes(
    'CcProxySpansDropped',
    { 'ccproxy_telemetry_spans_total{result="dropped_bytes"}': '0x15 4+0x45' },
    {
      'ccproxy_telemetry_spans_total{result="dropped_bytes"}': '4x60',
      'ccproxy_telemetry_spans_total{result="exported"}': COUNTING,
    },
    '20m',
  ),
  minutes(
    'CcProxyTraceExportFailing',
    { 'ccproxy_telemetry_spans_total{result="failed"}': '0x15 4+0x45' },
    {
      'ccproxy_telemetry_spans_total{result="failed"}': '4x60',
      'ccproxy_telemetry_spans_total{result="exported"}': COUNTING,
    },
    '20m',
  ),
  minutes(
    'CcProxyHistoryLosing',
    { 'ccproxy_history_records_total{result="dead"}': '0x15 1+0x45' },
    {
      'ccproxy_history_records_total{result="dead"}': '1x60',
      'ccproxy_history_records_total{result="stored"}': COUNTING,
    },
    '20m',
  ),
  minutes(
    'PhoenixRejecting',
    { phoenix_span_queue_rejections_total: '0+5x60' },
    { phoenix_span_queue_rejections_total: '5x60' },
  ),
];
