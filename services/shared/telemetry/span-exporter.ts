// OpenTelemetry's SDK behind one function: finished spans go in as plain data, and come out on the wire with exactly the
// ids and times they were given. Importing this file loads the SDK; spans.ts does so only when there is an endpoint.
import { AsyncLocalStorage } from 'node:async_hooks';
import {
  type Attributes,
  context,
  createTraceState,
  type HrTime,
  ProxyTracerProvider,
  ROOT_CONTEXT,
  type SpanContext,
  SpanKind,
  SpanStatusCode,
  TraceFlags,
  type Tracer,
  trace,
} from '@opentelemetry/api';
import { type ExportResult, ExportResultCode, suppressTracing } from '@opentelemetry/core';
import { envDetector, hostDetector, osDetector, resourceFromAttributes } from '@opentelemetry/resources';
import { NodeSDK } from '@opentelemetry/sdk-node';
import {
  AlwaysOnSampler,
  type IdGenerator,
  type SpanExporter as OtlpExporter,
  ParentBasedSampler,
  RandomIdGenerator,
  type ReadableSpan,
  type Sampler,
  SamplingDecision,
  type SpanProcessor,
  TracerProvider,
} from '@opentelemetry/sdk-trace';
import { errorMessage } from '#shared/errors.ts';
import type { Instrumentation } from './instrumentations.ts';
import { createOtlpExporter, type OtlpExporterOptions } from './otlp-exporter.ts';
import { scrubText } from './secret-shapes.ts';
import type { Unsent } from './span-queue.ts';
import { splitMessages } from './split-messages.ts';
import type { AttributeValue, SpanRecord } from './tracing.ts';

export interface SpanExporterOptions extends OtlpExporterOptions {
  /** Besides what OTEL_RESOURCE_ATTRIBUTES, host and os give. */
  resource: Record<string, string>;
  serviceName: string;
  scopeVersion: string;
  instrumentations: Instrumentation[];
  /** A span made by an instrumentation, finished. */
  onForeignSpan(span: ReadableSpan): void;
}

export interface SpanExporter {
  /** Resolves with what the receiver has not accepted; rejects with the reason if that is all, also after `exportTimeoutMs`. */
  export(spans: Array<SpanRecord | ReadableSpan>): Promise<Unsent>;
  shutdown(): Promise<void>;
}

const SPAN_LIMIT = 16384;
/** How much later than the exporter's own deadline an export without an answer is given up. */
const GRACE_MS = 500;

const KINDS: Record<SpanRecord['kind'], SpanKind> = {
  server: SpanKind.SERVER,
  client: SpanKind.CLIENT,
  internal: SpanKind.INTERNAL,
};

/** @throws when the SDK makes no spans, e.g. because OTEL_SDK_DISABLED is set. */
export async function startSpanExporter(options: SpanExporterOptions): Promise<SpanExporter> {
  const making = new AsyncLocalStorage<Making>();
  const exporter = await createOtlpExporter(options);
  const sdk = new NodeSDK({
    serviceName: options.serviceName,
    resource: resourceFromAttributes(options.resource),
    resourceDetectors: [envDetector, hostDetector, osDetector],
    spanProcessors: [createProcessor(making, options.onForeignSpan)],
    metricReaders: [],
    logRecordProcessors: [],
    spanLimits: { attributeCountLimit: SPAN_LIMIT, eventCountLimit: SPAN_LIMIT, linkCountLimit: SPAN_LIMIT },
    idGenerator: createIdGenerator(making),
    sampler: createSampler(making),
    instrumentations: options.instrumentations,
    // Whether a request carries our trace context is decided where it is sent, never here.
    textMapPropagator: null,
  });
  const tracer = startAndTakeTracer(sdk, options.scopeVersion);
  let isResourceReady = false;

  const toSpan = (span: SpanRecord | ReadableSpan): ReadableSpan => {
    if (isReadableSpan(span)) return span;
    const made: Making = { record: span, span: null };
    making.run(made, () => makeSpan(tracer, span));
    if (made.span === null) throw new Error('the OpenTelemetry SDK did not end the span');
    return made.span;
  };

  return {
    export: async (batch) => {
      const spans = batch.map(toSpan);
      if (!isResourceReady) {
        await spans[0]?.resource.waitForAsyncAttributes?.();
        isResourceReady = true;
      }
      const { messages, tooLarge } =
        options.protocol === 'grpc' ? splitMessages(spans) : { messages: [spans], tooLarge: 0 };
      return {
        failed: await exportAll(exporter, messages, options.exportTimeoutMs + GRACE_MS),
        dropped_bytes: tooLarge,
      };
    },
    shutdown: async () => {
      for (const instrumentation of options.instrumentations) instrumentation.disable();
      await sdk.shutdown();
      await exporter.shutdown();
    },
  };
}

/** The record a span is being made of, and the span when it ended. All of it happens within one synchronous call. */
interface Making {
  readonly record: SpanRecord;
  span: ReadableSpan | null;
}

/** The tracer of this SDK itself, whatever else registers globally later. */
function startAndTakeTracer(sdk: NodeSDK, version: string): Tracer {
  trace.disable();
  sdk.start();
  const registered = trace.getTracerProvider();
  const provider = registered instanceof ProxyTracerProvider ? registered.getDelegate() : registered;
  if (!(provider instanceof TracerProvider)) {
    throw new Error('the OpenTelemetry SDK did not start; is OTEL_SDK_DISABLED set?');
  }
  return provider.getTracer('cc-proxy', version);
}

function createIdGenerator(making: AsyncLocalStorage<Making>): IdGenerator {
  const random = new RandomIdGenerator();
  return {
    generateTraceId: () => making.getStore()?.record.traceId ?? random.generateTraceId(),
    generateSpanId: () => making.getStore()?.record.spanId ?? random.generateSpanId(),
  };
}

/** Records arrive already sampled; a root's tracestate can only be set here. */
function createSampler(making: AsyncLocalStorage<Making>): Sampler {
  const others = new ParentBasedSampler({ root: new AlwaysOnSampler() });
  return {
    shouldSample: (...args) => {
      const record = making.getStore()?.record;
      if (record === undefined) return others.shouldSample(...args);
      return {
        decision: SamplingDecision.RECORD_AND_SAMPLED,
        ...(record.tracestate === '' ? {} : { traceState: createTraceState(record.tracestate) }),
      };
    },
    toString: () => 'AsRecorded',
  };
}

function createProcessor(
  making: AsyncLocalStorage<Making>,
  onForeignSpan: (span: ReadableSpan) => void,
): SpanProcessor {
  return {
    onStart: () => {},
    onEnd: (span) => {
      const made = making.getStore();
      if (made !== undefined) made.span = span;
      else if ((span.spanContext().traceFlags & TraceFlags.SAMPLED) !== 0) onForeignSpan(span);
    },
    forceFlush: async () => {},
    shutdown: async () => {},
  };
}

function makeSpan(tracer: Tracer, record: SpanRecord): void {
  const parent =
    record.parentSpanId === null
      ? ROOT_CONTEXT
      : trace.setSpanContext(ROOT_CONTEXT, toSpanContext(record.traceId, record.parentSpanId, record.tracestate));
  const span = tracer.startSpan(
    record.name,
    {
      kind: KINDS[record.kind],
      startTime: toHrTime(record.startMs),
      attributes: toAttributes(record.attributes),
      links: record.links.map((link) => ({ context: toSpanContext(link.traceId, link.spanId, '') })),
    },
    parent,
  );
  for (const event of record.events) {
    span.addEvent(event.name, toAttributes(event.attributes ?? {}), toHrTime(event.atMs));
  }
  if (record.status === 'error') {
    span.setStatus({
      code: SpanStatusCode.ERROR,
      ...(record.statusMessage === undefined ? {} : { message: scrubText(record.statusMessage) }),
    });
  }
  span.end(toHrTime(Math.max(record.startMs, record.endMs)));
}

function toSpanContext(traceId: string, spanId: string, tracestate: string): SpanContext {
  return {
    traceId,
    spanId,
    traceFlags: TraceFlags.SAMPLED,
    isRemote: true,
    ...(tracestate === '' ? {} : { traceState: createTraceState(tracestate) }),
  };
}

function toAttributes(attributes: Record<string, AttributeValue | null | undefined>): Attributes {
  const present: Attributes = {};
  for (const [key, value] of Object.entries(attributes)) {
    if (value !== null && value !== undefined) present[key] = value;
  }
  return present;
}

/** Split before scaling, so that a millisecond's fraction keeps what precision the double has. */
function toHrTime(ms: number): HrTime {
  if (!Number.isFinite(ms)) throw new RangeError(`span time ${ms} is not a time`);
  const seconds = Math.floor(ms / 1000);
  const nanos = Math.round((ms - seconds * 1000) * 1e6);
  return nanos >= 1e9 ? [seconds + 1, nanos - 1e9] : [seconds, nanos];
}

function isReadableSpan(span: SpanRecord | ReadableSpan): span is ReadableSpan {
  return 'spanContext' in span;
}

/**
 * Resolves with how many spans were lost on the way.
 * @throws the first reason when none arrived
 */
async function exportAll(exporter: OtlpExporter, messages: ReadableSpan[][], timeoutMs: number): Promise<number> {
  const ends = await Promise.allSettled(messages.map((spans) => exportOnce(exporter, spans, timeoutMs)));
  const lost = ends.flatMap((end, index) => (end.status === 'rejected' ? [{ end, spans: messages[index] ?? [] }] : []));
  const [first] = lost;
  if (first !== undefined && lost.length === messages.length) throw first.end.reason;
  return lost.reduce((sum, { spans }) => sum + spans.length, 0);
}

function exportOnce(exporter: OtlpExporter, spans: ReadableSpan[], timeoutMs: number): Promise<void> {
  return new Promise((resolve, reject) => {
    const timer = setTimeout(() => reject(new Error(`no answer within ${timeoutMs} ms`)), timeoutMs);
    timer.unref();
    const onResult = (result: ExportResult): void => {
      clearTimeout(timer);
      if (result.code === ExportResultCode.SUCCESS) resolve();
      else
        reject(new Error(`export failed: ${errorMessage(result.error ?? 'no reason given')}`, { cause: result.error }));
    };
    // An instrumentation of http must not see the export, or each one would make the next.
    context.with(suppressTracing(context.active()), () => exporter.export(spans, onResult));
  });
}
