// Tracing as services see it: hand over finished spans, know what became of each. Nothing here throws, waits or grows
// because of the receiver; with no endpoint the SDK is not even loaded.
import { randomUUID } from 'node:crypto';
import { SEMRESATTRS_PROJECT_NAME } from '@arizeai/openinference-semantic-conventions';
import type { ReadableSpan } from '@opentelemetry/sdk-trace';
import { errorMessage } from '#shared/errors.ts';
import type { Logger } from './logger.ts';
import type { Metrics } from './metrics.ts';
import { type OtlpEndpoint, type OtlpProtocolChoice, parseOtlpEndpoint } from './otlp-endpoint.ts';
import { createSpanPages } from './span-pages.ts';
import { createSpanQueue, type SpanQueue } from './span-queue.ts';
import { sizeWithResource } from './split-messages.ts';
import type { Exportable, ThreadedExporter } from './threaded-exporter.ts';
import type { Tracing } from './tracing.ts';

export interface TracingConfig {
  /** Address of an OTLP receiver, e.g. `http://127.0.0.1:6006`; null = no tracing. */
  endpoint: string | null;
  /** Default `auto`. */
  protocol?: OtlpProtocolChoice;
  /** The run-time switch at start; default on. */
  enabled?: boolean;
  /** Sent with each export; may hold a key, never shown. */
  headers?: Readonly<Record<string, string>>;
  /** `openinference.project.name`; the same in all services, or traces fall apart. */
  project: string;
  serviceName: string;
  serviceVersion: string;
  /** Prompt and answer text on spans; default on for a loopback endpoint, else off. */
  content?: boolean;
  queueMaxBytes?: number;
  exportTimeoutMs?: number;
  /** The file of the thread that exports, for a service with makers of its own (serve-spans.ts). */
  thread?: string;
  /** Names of automatic instrumentations, e.g. `undici`; default none. */
  instrumentations?: readonly string[];
}

export type TracingMetrics = Pick<
  Metrics,
  'telemetrySpansTotal' | 'telemetryQueueSpans' | 'telemetryQueueBytes' | 'telemetryExportSeconds'
>;

export interface TracingParts {
  metrics: TracingMetrics;
  logger: Logger;
}

export interface StartedTracing extends Tracing {
  /** Resolves when the SDK is loaded, or could not be (logged). Spans may be handed over before. */
  readonly started: Promise<void>;
}

const EXPORTER = { exporter: 'otlp' } as const;
/** Large batches: the thread that exports runs seldom, finds cold caches, and leaves cold ones to the thread of the streams. */
const QUEUE = {
  maxEntries: 16_384,
  batchEntries: 2048,
  batchBytes: 4 * 1024 * 1024,
  concurrency: 4,
  delayMs: 1000,
  restedDelayMs: 200,
} as const;
/** What one call says of itself stays together. */
const SPANS_TOGETHER = 8;
const QUEUE_MAX_BYTES = 64 * 1024 * 1024;
/** A full queue holds so many: one is sent while others come. */
const LEAST_BATCHES = 4;
/** Of batches. Two of spans without text, so that others go on where an export stalls; of those with text one. */
const UNDER_WAY = 1.5;
const EXPORT_TIMEOUT_MS = 10_000;

/** @throws ConfigError for an endpoint that cannot be used. */
export function createTracing(config: TracingConfig, parts: TracingParts): StartedTracing {
  if (config.endpoint === null || config.endpoint === '') return createNoTracing(config);
  const endpoint = parseOtlpEndpoint(config.endpoint, config.protocol);
  const { metrics, logger } = parts;
  const count = (result: string, spans: number): void => metrics.telemetrySpansTotal.inc({ result }, spans);
  const report = createFirstExportReport(logger, endpoint);
  let exporter: Promise<ThreadedExporter> | undefined;

  const maxBytes = config.queueMaxBytes ?? QUEUE_MAX_BYTES;
  const batchBytes = Math.min(QUEUE.batchBytes, maxBytes / LEAST_BATCHES);

  const queue: SpanQueue<Exportable> = createSpanQueue({
    ...QUEUE,
    ...{ maxBytes, batchBytes, underWayBytes: UNDER_WAY * batchBytes },
    send: async (batch) => {
      const ready = await exporter?.catch((error: unknown) => {
        release(batch);
        throw error;
      });
      const startedAt = performance.now();
      try {
        const unsent = (await ready?.export(batch)) ?? { failed: 0, dropped_bytes: 0 };
        report(null);
        return unsent;
      } catch (error) {
        report(error);
        throw error;
      } finally {
        metrics.telemetryExportSeconds.observe(EXPORTER, (performance.now() - startedAt) / 1000);
      }
    },
    onResult: count,
  });
  metrics.telemetryQueueSpans.follow(EXPORTER, () => queue.size().spans);
  metrics.telemetryQueueBytes.follow(EXPORTER, () => queue.size().bytes);

  exporter = loadExporter(config, endpoint, (span) => {
    queue.push({ foreign: span }, sizeWithResource(span));
  });
  return createHandle(config, endpoint, { queue, count, exporter, logger });
}

interface HandleParts {
  queue: SpanQueue<Exportable>;
  count: (result: string, spans: number) => void;
  exporter: Promise<ThreadedExporter>;
  logger: Logger;
}

function createHandle(config: TracingConfig, endpoint: OtlpEndpoint, parts: HandleParts): StartedTracing {
  const { queue, count, exporter, logger } = parts;
  let isEnabled = config.enabled ?? true;
  let stopped: Promise<void> | undefined;
  const write = createSpanPages(queue, () => count('failed', 1));
  const started = exporter.then(
    () => logStarted(config, endpoint, logger),
    (error: unknown) => {
      isEnabled = false;
      logger.error('tracing.start_failed', { error, endpoint: endpoint.shown });
    },
  );
  const stop = async (timeoutMs: number): Promise<void> => {
    const deadline = performance.now() + timeoutMs;
    await queue.flush(timeoutMs);
    release(queue.close());
    const ending = exporter
      .then((running) => running.shutdown(deadline - performance.now()))
      .catch((error: unknown) => logger.debug('tracing.shutdown_failed', { error }));
    await within(deadline - performance.now(), ending);
  };
  return {
    started,
    get enabled() {
      return isEnabled;
    },
    setEnabled: (enabled) => {
      isEnabled = enabled;
    },
    describe: () => ({
      enabled: isEnabled,
      endpoint: endpoint.shown,
      protocol: endpoint.protocol,
      project: config.project,
    }),
    content: config.content ?? endpoint.isLoopback,
    emit: (spans) => {
      if (!isEnabled) return;
      const sampled = spans.filter((span) => span.sampled);
      if (sampled.length < spans.length) count('unsampled', spans.length - sampled.length);
      for (let at = 0; at < sampled.length; at += SPANS_TOGETHER) write(sampled.slice(at, at + SPANS_TOGETHER));
    },
    emitLater: (work) => {
      if (!isEnabled || !queue.push(work, work.bytes, work.spans)) work.release?.();
    },
    flush: (timeoutMs) => queue.flush(timeoutMs),
    shutdown: (timeoutMs) => {
      stopped ??= stop(timeoutMs);
      return stopped;
    },
  };
}

function createNoTracing(config: TracingConfig): StartedTracing {
  return {
    started: Promise.resolve(),
    enabled: false,
    setEnabled: () => {},
    describe: () => ({ enabled: false, endpoint: null, protocol: null, project: config.project }),
    content: false,
    emit: () => {},
    emitLater: () => {},
    flush: async () => {},
    shutdown: async () => {},
  };
}

async function loadExporter(
  config: TracingConfig,
  endpoint: OtlpEndpoint,
  onForeignSpan: (span: ReadableSpan) => void,
): Promise<ThreadedExporter> {
  const { startThreadedExporter } = await import('./threaded-exporter.ts');
  const options = {
    protocol: endpoint.protocol,
    url: endpoint.url,
    headers: { ...config.headers },
    exportTimeoutMs: config.exportTimeoutMs ?? EXPORT_TIMEOUT_MS,
    serviceName: config.serviceName,
    scopeVersion: config.serviceVersion,
    resource: {
      'service.version': config.serviceVersion,
      'service.namespace': 'cc-proxy',
      'service.instance.id': randomUUID(),
      [SEMRESATTRS_PROJECT_NAME]: config.project,
    },
  };
  const names = config.instrumentations ?? [];
  const startHere = async () => {
    const { startForeignExporter } = await import('./foreign-exporter.ts');
    const { createInstrumentations } = await import('./instrumentations.ts');
    return startForeignExporter({ ...options, instrumentations: createInstrumentations(names), onForeignSpan });
  };
  const thread = config.thread ?? import.meta.resolve('#shared/telemetry/span-thread.ts');
  return startThreadedExporter(thread, options, names.length === 0 ? null : startHere);
}

function logStarted(config: TracingConfig, endpoint: OtlpEndpoint, logger: Logger): void {
  logger.info('tracing.started', {
    message: 'OpenTelemetry OTLP tracing initialized',
    endpoint: endpoint.shown,
    protocol: endpoint.protocol,
    project: config.project,
  });
}

/** Of what never came to the thread. */
function release(entries: readonly Exportable[]): void {
  for (const entry of entries) if ('release' in entry) entry.release?.();
}

/** Says once whether spans arrive; from then on the counters speak. */
function createFirstExportReport(logger: Logger, endpoint: OtlpEndpoint): (error: unknown) => void {
  let isReported = false;
  return (error) => {
    if (isReported) return;
    isReported = true;
    const { shown } = endpoint;
    if (error === null) logger.info('tracing.first_export', { result: 'exported', endpoint: shown });
    else logger.warn('tracing.first_export', { result: 'failed', endpoint: shown, error: errorMessage(error) });
  };
}

async function within(timeoutMs: number, work: Promise<void>): Promise<void> {
  let timer: NodeJS.Timeout | undefined;
  const limit = new Promise<void>((resolve) => {
    timer = setTimeout(resolve, Math.max(0, timeoutMs));
  });
  await Promise.race([work, limit]);
  clearTimeout(timer);
}
