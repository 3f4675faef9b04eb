// The alerts that no objective covers: something is down, lost, stuck or about to be.
import { alert, type RuleGroup } from './rule.ts';

export function alertGroups(): RuleGroup[] {
  return [
    { name: 'cc-proxy-availability', rules: availability },
    { name: 'cc-proxy-saturation', rules: saturation },
    { name: 'cc-proxy-compare', rules: comparison },
    { name: 'cc-proxy-telemetry', rules: losses },
  ];
}

const availability = [
  alert({
    name: 'CcProxyTargetDown',
    expr: 'up{job=~"cc-.+"} == 0',
    for: '2m',
    severity: 'page',
    summary: 'Prometheus cannot scrape a process of cc-proxy',
    description: '{{ $labels.instance }} of {{ $labels.job }} has not answered for two minutes.',
    dashboard: 'cc-proxy-overview',
    runbook: 'process-down',
  }),
  alert({
    name: 'CcProxyMetricsAbsent',
    expr: 'absent(ccproxy_build_info)',
    for: '5m',
    severity: 'page',
    summary: 'No process of cc-proxy is seen at all',
    description: 'Prometheus has had no series of cc-proxy for five minutes ({{ $value }}).',
    dashboard: 'cc-proxy-overview',
    runbook: 'process-down',
  }),
  alert({
    name: 'CcProxyCredentialRefused',
    expr: 'sum by (upstream) (increase(ccproxy_upstream_attempts_total{error_type="credential_refused"}[10m])) > 0',
    severity: 'page',
    summary: 'An upstream refuses the gateway’s own key',
    description:
      '{{ $labels.upstream }} refused the key {{ $value | humanize }} times in ten minutes; clients get 502, shadows no answer.',
    dashboard: 'cc-proxy-upstreams',
    runbook: 'credential-refused',
  }),
  alert({
    name: 'CcProxyStreamTruncation',
    expr:
      'sum(rate(ccproxy_stream_terminations_total{leg="primary",reason="no_message_stop"}[10m])) / ' +
      '(sum(rate(ccproxy_stream_terminations_total{leg="primary"}[10m])) > 0) > 0.01',
    for: '5m',
    severity: 'page',
    summary: 'Streams end before their message does',
    description: '{{ $value | humanizePercentage }} of clients’ streams ended without message_stop.',
    dashboard: 'cc-proxy-upstreams',
    runbook: 'stream-truncation',
  }),
  alert({
    name: 'CcProxyModeNotDefault',
    expr: 'max by (mode) (ccproxy_mode_info{mode!="target"}) == 1',
    for: '24h',
    severity: 'info',
    summary: 'The mode has been something other than target for a day',
    description: 'The mode is {{ $labels.mode }} ({{ $value }}).',
    dashboard: 'cc-proxy-overview',
    runbook: 'mode',
  }),
];

const saturation = [
  alert({
    name: 'CcProxyConcurrencySaturated',
    expr:
      'sum by (instance, upstream) (ccproxy_gateway_requests_in_flight) / ' +
      '(sum by (instance, upstream) (ccproxy_gateway_concurrency_limit) > 0) > 0.9',
    for: '5m',
    severity: 'ticket',
    summary: 'An upstream’s slots are nearly all taken',
    description:
      '{{ $labels.upstream }} uses {{ $value | humanizePercentage }} of its slots; beyond them clients get 503.',
    dashboard: 'cc-proxy-upstreams',
    runbook: 'saturation',
  }),
  alert({
    name: 'CcProxyOverheadHigh',
    expr: 'histogram_quantile(0.99, sum by (le) (rate(ccproxy_gateway_overhead_seconds_bucket[10m]))) > 0.05',
    for: '10m',
    severity: 'ticket',
    summary: 'The gateway itself is slow',
    description: 'The gateway adds {{ $value | humanizeDuration }} at p99.',
    dashboard: 'cc-proxy-overview',
    runbook: 'saturation',
  }),
  alert({
    name: 'CcProxyEventLoopLag',
    expr: 'nodejs_eventloop_lag_p99_seconds{job=~"cc-.+"} > 0.1',
    for: '5m',
    severity: 'ticket',
    summary: 'Something holds the event loop',
    description: '{{ $labels.instance }} is {{ $value | humanizeDuration }} late at p99; 10 ms is idle.',
    dashboard: 'cc-proxy-runtime',
    runbook: 'saturation',
  }),
  alert({
    name: 'CcProxyMemoryNearLimit',
    expr:
      'sum by (job, instance) (process_resident_memory_bytes{job=~"cc-.+"}) / ' +
      '(max by (job, instance) (ccproxy_memory_limit_bytes) > 0) > 0.85',
    for: '5m',
    severity: 'ticket',
    summary: 'A process nears its memory limit',
    description: '{{ $labels.instance }} uses {{ $value | humanizePercentage }} of its limit.',
    dashboard: 'cc-proxy-runtime',
    runbook: 'memory',
  }),
];

const comparison = [
  alert({
    name: 'CcProxyCompareDropping',
    expr: 'sum by (result) (increase(ccproxy_compare_enqueue_total{result!="ok"}[10m])) > 0',
    severity: 'ticket',
    summary: 'Compared turns are lost before the bus',
    description: '{{ $value | humanize }} in ten minutes, {{ $labels.result }}. Clients are not affected.',
    dashboard: 'cc-proxy-compare',
    runbook: 'compare-losing',
  }),
  alert({
    name: 'CcProxyCompareBacklogGrowing',
    expr: 'max(ccproxy_compare_oldest_pending_age_seconds{stream="exchanges"}) > 300',
    for: '5m',
    severity: 'ticket',
    summary: 'The comparator is behind',
    description: 'The oldest turn has waited {{ $value | humanizeDuration }}.',
    dashboard: 'cc-proxy-compare',
    runbook: 'compare-backlog',
  }),
  alert({
    name: 'CcProxyCompareStalled',
    expr: 'max(ccproxy_compare_pending{stream="exchanges"}) > 0 and on() (sum(rate(ccproxy_compare_pairs_total[10m])) == 0)',
    for: '10m',
    severity: 'page',
    summary: 'Turns wait and no pair is made',
    description: '{{ $value }} turns wait; nothing was paired in ten minutes.',
    dashboard: 'cc-proxy-compare',
    runbook: 'compare-backlog',
  }),
  alert({
    name: 'CcProxyComparePairsUnaccounted',
    expr: 'max(ccproxy_compare_unaccounted) > 0',
    for: '15m',
    severity: 'ticket',
    summary: 'Published turns are neither finished nor waiting',
    description: '{{ $value }} turns are in no account.',
    dashboard: 'cc-proxy-compare',
    runbook: 'compare-losing',
  }),
  alert({
    name: 'CcProxyCompareDivergenceSpike',
    expr:
      '(sum(rate(ccproxy_compare_dimension_total{result="differ"}[1h])) / ' +
      '(sum(rate(ccproxy_compare_dimension_total{result=~"agree|differ"}[1h])) > 0)) > 2 * ' +
      '(sum(rate(ccproxy_compare_dimension_total{result="differ"}[1d])) / ' +
      '(sum(rate(ccproxy_compare_dimension_total{result=~"agree|differ"}[1d])) > 0)) ' +
      'and on() (sum(increase(ccproxy_compare_pairs_total[1h])) > 50)',
    severity: 'info',
    summary: 'The legs differ more than they used to',
    description: '{{ $value | humanizePercentage }} of the dimensions differ, more than twice the share of the day.',
    dashboard: 'cc-proxy-compare',
    runbook: 'compare-diverging',
  }),
  alert({
    name: 'CcProxyCompareTargetErrors',
    expr:
      'sum(rate(ccproxy_compare_pairs_total{verdict="target_error"}[15m])) / ' +
      '(sum(rate(ccproxy_compare_pairs_total[15m])) > 0) > 0.05',
    for: '5m',
    severity: 'ticket',
    summary: 'The compared model fails',
    description: '{{ $value | humanizePercentage }} of pairs have no answer of the target.',
    dashboard: 'cc-proxy-compare',
    runbook: 'compare-diverging',
  }),
];

const losses = [
  alert({
    name: 'CcProxySpansDropped',
    expr: 'sum by (result) (increase(ccproxy_telemetry_spans_total{result=~"dropped_.+"}[10m])) > 0',
    severity: 'ticket',
    summary: 'Spans are dropped',
    description: '{{ $value | humanize }} spans in ten minutes, {{ $labels.result }}.',
    dashboard: 'cc-proxy-telemetry',
    runbook: 'telemetry-losing',
  }),
  alert({
    name: 'CcProxyTraceExportFailing',
    expr: 'sum(increase(ccproxy_telemetry_spans_total{result="failed"}[10m])) > 0',
    severity: 'ticket',
    summary: 'Spans cannot be exported',
    description: '{{ $value | humanize }} spans in ten minutes were not taken by the receiver.',
    dashboard: 'cc-proxy-telemetry',
    runbook: 'telemetry-losing',
  }),
  alert({
    name: 'CcProxyHistoryLosing',
    expr: 'sum by (result) (increase(ccproxy_history_records_total{result=~"expired|failed|dead"}[10m])) > 0',
    severity: 'ticket',
    summary: 'History records are lost',
    description: '{{ $value | humanize }} records in ten minutes, {{ $labels.result }}.',
    dashboard: 'cc-proxy-telemetry',
    runbook: 'telemetry-losing',
  }),
  alert({
    name: 'PhoenixRejecting',
    expr: 'sum(rate(phoenix_span_queue_rejections_total[5m])) > 0',
    for: '5m',
    severity: 'ticket',
    summary: 'Phoenix refuses spans',
    description: 'Phoenix refuses {{ $value | humanize }} batches a second: its queue is full.',
    dashboard: 'cc-proxy-telemetry',
    runbook: 'telemetry-losing',
  }),
];
