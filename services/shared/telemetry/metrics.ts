// The catalogue of metrics: each family once, with its labels and buckets. A property is the camelCase of the metric's
// name without `ccproxy_`. One registry a process; nothing is registered anywhere else.
import { totalmem } from 'node:os';
import { collectDefaultMetrics, Registry } from 'prom-client';
import { createFamilies, type Families, type MetricsRegistry } from './families.ts';
import {
  ACTION_LEVELS,
  ANNOTATION_RESULTS,
  CLIENT_LEG,
  COMPARE_STREAMS,
  COUNTED_BY,
  DEAD_REASONS,
  DELIVERY_RESULTS,
  DIMENSION_RESULTS,
  DIMENSIONS,
  DRIFT_KINDS,
  DUMP_RESULTS,
  ENQUEUE_RESULTS,
  ERROR_TYPES,
  EXPORTERS,
  HISTORY_RESULTS,
  HTTP_CODES,
  INSPECTION_RESULTS,
  LEGS,
  LINT_RULES,
  MEASURED_ROUTES,
  MODES,
  OUTCOMES,
  ROUTES,
  SIMILARITY_DIMENSIONS,
  SKIP_REASONS,
  SPAN_RESULTS,
  STOP_REASONS,
  STREAM,
  TERMINATIONS,
  TOKEN_TYPES,
  USAGE_TOKEN_TYPES,
  VERDICTS,
  WAITING_STREAMS,
} from './vocabulary.ts';

export interface MetricsOptions {
  /** Put on every series when given. */
  service?: string;
  /** The number of a process that shares its listener with others; put on every series too. */
  worker?: string | undefined;
  /** For `ccproxy_build_info`. */
  version?: string;
  revision?: string;
  /** Process and Node metrics: default true; off for the second registry of a process. */
  processMetrics?: boolean;
  /** OpenMetrics by default; `text` renders what `promtool check metrics` can read (without exemplars). */
  format?: 'openmetrics' | 'text';
}

export interface Metrics
  extends GatewayFamilies,
    ModelFamilies,
    CompareFamilies,
    ComparePairFamilies,
    TelemetryFamilies {
  readonly registry: MetricsRegistry;
}

export function createMetrics(options: MetricsOptions = {}): Metrics {
  const registry: MetricsRegistry = new Registry();
  // prom-client makes exemplars only in a registry that is OpenMetrics at that moment.
  registry.setContentType(Registry.OPENMETRICS_CONTENT_TYPE);
  registry.setDefaultLabels({
    ...(options.service === undefined ? {} : { service: options.service }),
    ...(options.worker === undefined ? {} : { worker: options.worker }),
  });
  const families = createFamilies(registry);
  const metrics: Metrics = {
    registry,
    ...gatewayFamilies(families),
    ...modelFamilies(families),
    ...compareFamilies(families),
    ...comparePairFamilies(families),
    ...telemetryFamilies(families),
  };
  metrics.memoryLimitBytes.set(memoryLimit());
  metrics.buildInfo.set(
    {
      version: options.version ?? 'unknown',
      revision: options.revision ?? 'unknown',
      node_version: process.versions.node,
    },
    1,
  );
  if (options.processMetrics !== false) addProcessMetrics(registry);
  if (options.format === 'text') registry.setContentType(Registry.PROMETHEUS_CONTENT_TYPE);
  return metrics;
}

const DURATION_SECONDS = [0.25, 0.5, 1, 2, 5, 10, 20, 40, 80, 160, 320, 640];
/** Bytes; 0 where nothing limits the process: Node then tells more than the machine has. */
function memoryLimit(): number {
  const limit = process.constrainedMemory();
  return limit < totalmem() ? limit : 0;
}

/** Buckets whose edges may be thresholds of objectives. */
export const OVERHEAD_SECONDS = [0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 1];
export const TTFT_SECONDS = [0.05, 0.1, 0.25, 0.5, 1, 2, 3, 5, 8, 12, 20, 30, 60, 120];
const TPOT_SECONDS = [0.005, 0.01, 0.02, 0.03, 0.05, 0.075, 0.1, 0.15, 0.25, 0.5, 1, 2.5];
const CONNECT_SECONDS = [0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1];
const GAP_SECONDS = [0.01, 0.05, 0.1, 0.25, 0.5, 1, 2, 5, 10, 30];
export const QUEUE_WAIT_SECONDS = [0.005, 0.025, 0.1, 0.5, 1, 5, 10, 30, 60, 120, 300];
const EXPORT_SECONDS = [0.005, 0.025, 0.1, 0.25, 0.5, 1, 2.5, 5, 10];
const BODY_BYTES = [1e3, 4e3, 16e3, 64e3, 256e3, 1e6, 4e6, 16e6];
const TOKENS = [1, 4, 16, 64, 256, 1024, 4096, 16384, 65536, 262144, 1048576, 4194304, 16777216, 67108864];
const RATIOS = [0.1, 0.25, 0.5, 0.75, 0.9, 1, 1.1, 1.33, 2, 4, 8, 16, 32, 64];
const SIMILARITY = [0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9, 1];

type GatewayFamilies = ReturnType<typeof gatewayFamilies>;
function gatewayFamilies({ counter, gauge, histogram }: Families) {
  return {
    gatewayRequestsTotal: counter('ccproxy_gateway_requests_total', 'Requests by how they ended.', {
      route: ROUTES,
      mode: MODES,
      stream: STREAM,
      outcome: OUTCOMES,
    }),
    gatewayResponsesTotal: counter('ccproxy_gateway_responses_total', 'Answers to clients by HTTP status.', {
      route: ROUTES,
      code: HTTP_CODES,
    }),
    gatewayRequestsInFlight: gauge('ccproxy_gateway_requests_in_flight', 'Requests being served now.', {
      route: ROUTES,
      upstream: null,
    }),
    gatewayConcurrencyLimit: gauge(
      'ccproxy_gateway_concurrency_limit',
      'Most requests served at once before new ones are refused.',
      { upstream: null },
    ),
    gatewayRequestDurationSeconds: histogram(
      'ccproxy_gateway_request_duration_seconds',
      'From the arrival of a request to the last byte for the client.',
      DURATION_SECONDS,
      { mode: MODES, stream: STREAM, outcome: OUTCOMES },
    ),
    gatewayOverheadSeconds: histogram(
      'ccproxy_gateway_overhead_seconds',
      'Time the gateway added: the whole request less the time spent on the upstream.',
      OVERHEAD_SECONDS,
      { mode: MODES },
    ),
    upstreamAttemptsTotal: counter('ccproxy_upstream_attempts_total', 'Attempts to call an upstream.', {
      upstream: null,
      outcome: OUTCOMES,
      error_type: ERROR_TYPES,
    }),
    upstreamConnectSeconds: histogram(
      'ccproxy_upstream_connect_seconds',
      'From asking for a connection to an upstream to having it, TLS included.',
      CONNECT_SECONDS,
      { upstream: null },
    ),
    upstreamPoolPending: gauge('ccproxy_upstream_pool_pending', 'Requests that wait for a connection.', {
      upstream: null,
    }),
    upstreamPoolRunning: gauge('ccproxy_upstream_pool_running', 'Connections that carry a request.', {
      upstream: null,
    }),
    upstreamPoolFree: gauge('ccproxy_upstream_pool_free', 'Open connections that carry none.', { upstream: null }),
    streamInterChunkGapSeconds: histogram(
      'ccproxy_stream_inter_chunk_gap_seconds',
      'Longest silence between two chunks of one stream.',
      GAP_SECONDS,
      { leg: CLIENT_LEG },
    ),
    streamTerminationsTotal: counter('ccproxy_stream_terminations_total', 'Streams by how they ended on the wire.', {
      leg: CLIENT_LEG,
      reason: TERMINATIONS,
    }),
    tokenCountsTotal: counter('ccproxy_token_counts_total', 'Prompts for converted upstreams by who counted them.', {
      upstream: null,
      counted_by: COUNTED_BY,
    }),
    streamLintTotal: counter('ccproxy_stream_lint_total', "Upstreams' streams by the rule they broke.", {
      upstream: null,
      rule: LINT_RULES,
    }),
    requestInspectionsTotal: counter(
      'ccproxy_request_inspections_total',
      'Requests read for something new in them, or left unread because many like them were.',
      { result: INSPECTION_RESULTS },
    ),
    driftTotal: counter('ccproxy_drift_total', 'First sights of something new in requests.', { kind: DRIFT_KINDS }),
    requestBodyBytes: histogram('ccproxy_request_body_bytes', 'Size of request bodies.', BODY_BYTES, {
      route: MEASURED_ROUTES,
    }),
    modeInfo: gauge('ccproxy_mode_info', '1 for the current mode, 0 for the others.', { mode: MODES }),
    modeChangesTotal: counter('ccproxy_mode_changes_total', 'Changes of mode at run time.', {
      from: MODES,
      to: MODES,
    }),
  };
}

type ModelFamilies = ReturnType<typeof modelFamilies>;
function modelFamilies({ counter, histogram, exemplarHistogram }: Families) {
  const modelLabels = { leg: LEGS, gen_ai_request_model: null, gen_ai_provider_name: null };
  return {
    genAiServerTimeToFirstTokenSeconds: exemplarHistogram(
      'gen_ai_server_time_to_first_token_seconds',
      'From the request to the first content delta; streams only.',
      TTFT_SECONDS,
      modelLabels,
    ),
    genAiServerTimePerOutputTokenSeconds: histogram(
      'gen_ai_server_time_per_output_token_seconds',
      'Time per output token after the first.',
      TPOT_SECONDS,
      modelLabels,
    ),
    genAiServerRequestDurationSeconds: exemplarHistogram(
      'gen_ai_server_request_duration_seconds',
      'Time of a call to a model.',
      DURATION_SECONDS,
      { ...modelLabels, error_type: null },
    ),
    genAiClientTokenUsage: histogram('gen_ai_client_token_usage', 'Tokens of a call.', TOKENS, {
      ...modelLabels,
      gen_ai_token_type: USAGE_TOKEN_TYPES,
    }),
    tokensTotal: counter('ccproxy_tokens_total', 'Tokens by type.', {
      leg: LEGS,
      model: null,
      token_type: TOKEN_TYPES,
    }),
    costUsdTotal: counter('ccproxy_cost_usd_total', 'What calls cost by the prices known here, in US dollars.', {
      leg: LEGS,
      model: null,
    }),
    costUnpricedTotal: counter(
      'ccproxy_cost_unpriced_total',
      'Answered calls whose cost is not known: no price, no count of tokens, or an answer that broke off.',
      { leg: LEGS, model: null },
    ),
    stopReasonsTotal: counter('ccproxy_stop_reasons_total', 'Answers by stop reason.', {
      leg: LEGS,
      model: null,
      stop_reason: STOP_REASONS,
    }),
    toolCallsTotal: counter('ccproxy_tool_calls_total', 'Tool calls that models asked for.', {
      leg: LEGS,
      model: null,
    }),
  };
}

type CompareFamilies = ReturnType<typeof compareFamilies>;
function compareFamilies({ counter, gauge, histogram }: Families) {
  return {
    compareEnqueueTotal: counter('ccproxy_compare_enqueue_total', 'Planned pairs handed to the bus, by result.', {
      result: ENQUEUE_RESULTS,
    }),
    compareSkippedTotal: counter('ccproxy_compare_skipped_total', 'Requests not compared, by their one reason.', {
      reason: SKIP_REASONS,
    }),
    compareStreamLength: gauge('ccproxy_compare_stream_length', 'Entries in a stream of the bus.', {
      stream: COMPARE_STREAMS,
    }),
    comparePending: gauge('ccproxy_compare_pending', 'Planned pairs published and not settled.', {
      stream: WAITING_STREAMS,
    }),
    compareOldestPendingAgeSeconds: gauge(
      'ccproxy_compare_oldest_pending_age_seconds',
      'Age of the oldest entry that is not settled.',
      { stream: WAITING_STREAMS },
    ),
    compareUnaccounted: gauge(
      'ccproxy_compare_unaccounted',
      'Planned pairs published that are neither finished nor dead nor pending.',
    ),
    compareQueueWaitSeconds: histogram(
      'ccproxy_compare_queue_wait_seconds',
      'From publishing an exchange to picking it up.',
      QUEUE_WAIT_SECONDS,
    ),
    compareDeliveriesTotal: counter('ccproxy_compare_deliveries_total', 'Deliveries by what became of them.', {
      result: DELIVERY_RESULTS,
    }),
    compareDeadLetterTotal: counter(
      'ccproxy_compare_dead_letter_total',
      'Planned pairs given up, by reason; each is counted by one comparator.',
      {
        reason: DEAD_REASONS,
      },
    ),
    compareTargetUnavailableSecondsTotal: counter(
      'ccproxy_compare_target_unavailable_seconds_total',
      'Time in which a target was not called because it kept failing.',
    ),
    historyRecordsTotal: counter('ccproxy_history_records_total', 'Exchanges recorded for history, by result.', {
      result: HISTORY_RESULTS,
    }),
    historyOldestPendingAgeSeconds: gauge(
      'ccproxy_history_oldest_pending_age_seconds',
      'Age of the oldest exchange that history has not settled.',
    ),
  };
}

type ComparePairFamilies = ReturnType<typeof comparePairFamilies>;
function comparePairFamilies({ counter, histogram, exemplarHistogram }: Families) {
  return {
    comparePairsTotal: counter('ccproxy_compare_pairs_total', 'Pairs by verdict.', { verdict: VERDICTS }),
    compareActionTotal: counter('ccproxy_compare_action_total', 'Pairs by level of action agreement.', {
      level: ACTION_LEVELS,
    }),
    compareStopReasonPairsTotal: counter(
      'ccproxy_compare_stop_reason_pairs_total',
      'Pairs by the stop reasons of both arms.',
      { primary: STOP_REASONS, target: STOP_REASONS },
    ),
    compareDuplicateCallsTotal: counter(
      'ccproxy_compare_duplicate_calls_total',
      'Calls to a target made again for a pair that was there already.',
    ),
    compareLatencyRatio: exemplarHistogram(
      'ccproxy_compare_latency_ratio',
      'Duration of the target over that of the primary.',
      RATIOS,
    ),
    compareTtftRatio: histogram(
      'ccproxy_compare_ttft_ratio',
      'Time to first token of the target over that of the primary.',
      RATIOS,
    ),
    compareOutputTokensRatio: histogram(
      'ccproxy_compare_output_tokens_ratio',
      'Output tokens of the target over those of the primary.',
      RATIOS,
    ),
    compareDimensionTotal: counter('ccproxy_compare_dimension_total', 'Pairs by agreement in one dimension.', {
      dimension: DIMENSIONS,
      result: DIMENSION_RESULTS,
    }),
    compareSimilarity: histogram(
      'ccproxy_compare_similarity',
      'Degree of agreement in one dimension, 0 to 1.',
      SIMILARITY,
      { dimension: SIMILARITY_DIMENSIONS },
    ),
  };
}

type TelemetryFamilies = ReturnType<typeof telemetryFamilies>;
function telemetryFamilies({ counter, gauge, histogram }: Families) {
  return {
    telemetryLogLinesDroppedTotal: counter(
      'ccproxy_telemetry_log_lines_dropped_total',
      'Log lines lost because what they are written to failed or was not read.',
    ),
    wireDumpsTotal: counter('ccproxy_wire_dumps_total', 'Wire dumps by what became of them.', {
      result: DUMP_RESULTS,
    }),
    telemetrySpansTotal: counter('ccproxy_telemetry_spans_total', 'Spans by what became of them.', {
      result: SPAN_RESULTS,
    }),
    phoenixAnnotationsTotal: counter(
      'ccproxy_phoenix_annotations_total',
      'Scores for Phoenix by what became of them.',
      { result: ANNOTATION_RESULTS },
    ),
    telemetryQueueSpans: gauge('ccproxy_telemetry_queue_spans', 'Spans waiting for export.', { exporter: EXPORTERS }),
    telemetryQueueBytes: gauge('ccproxy_telemetry_queue_bytes', 'Size of the spans waiting for export.', {
      exporter: EXPORTERS,
    }),
    telemetryExportSeconds: histogram(
      'ccproxy_telemetry_export_seconds',
      'Time of one export, failed ones included.',
      EXPORT_SECONDS,
      { exporter: EXPORTERS },
    ),
    memoryLimitBytes: gauge('ccproxy_memory_limit_bytes', 'Memory this process may use; 0 where nothing limits it.'),
    buildInfo: gauge('ccproxy_build_info', 'Always 1; the labels say what runs.', {
      version: null,
      revision: null,
      node_version: null,
    }),
  };
}

// These three are gauges whose names end in `_total`: linters refuse them, and OpenMetrics reserves the suffix.
const MISNAMED = ['nodejs_active_handles_total', 'nodejs_active_requests_total', 'nodejs_active_resources_total'];

function addProcessMetrics(registry: MetricsRegistry): void {
  collectDefaultMetrics({ register: registry as Registry });
  for (const name of MISNAMED) registry.removeSingleMetric(name);
}
