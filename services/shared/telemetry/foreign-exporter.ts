// Spans of automatic instrumentations: OpenTelemetry's SDK behind one function. Importing this file loads the SDK, which
// happens only when instrumentations are asked for.
import { ProxyTracerProvider, TraceFlags, trace } from '@opentelemetry/api';
import { ProtobufTraceSerializer, TraceExporterMetricsHelper } from '@opentelemetry/otlp-transformer';
import { envDetector, hostDetector, osDetector, resourceFromAttributes } from '@opentelemetry/resources';
import { NodeSDK } from '@opentelemetry/sdk-node';
import {
  AlwaysOnSampler,
  ParentBasedSampler,
  type ReadableSpan,
  type SpanProcessor,
  TracerProvider,
} from '@opentelemetry/sdk-trace';
import { exportMessages } from './export-messages.ts';
import type { Instrumentation } from './instrumentations.ts';
import { createOtlpExporter } from './otlp-exporter.ts';
import type { Unsent } from './span-queue.ts';
import type { SpanSenderOptions } from './span-sender.ts';
import { MESSAGE_BYTES, sizeWithResource, splitMessages } from './split-messages.ts';

export interface ForeignExporterOptions extends SpanSenderOptions {
  instrumentations: Instrumentation[];
  /** A span made by an instrumentation, finished. */
  onForeignSpan(span: ReadableSpan): void;
}

export interface ForeignExporter {
  /** Resolves with what the receiver has not accepted; rejects with the reason if that is all, also after `exportTimeoutMs`. */
  export(spans: readonly ReadableSpan[]): Promise<Unsent>;
  shutdown(): Promise<void>;
}

const SPAN_LIMIT = 16384;
const FORM = { serializer: ProtobufTraceSerializer, counter: TraceExporterMetricsHelper };

/** @throws when the SDK makes no spans, e.g. because OTEL_SDK_DISABLED is set. */
export async function startForeignExporter(options: ForeignExporterOptions): Promise<ForeignExporter> {
  const { exporter } = await createOtlpExporter(options, FORM);
  const sdk = new NodeSDK({
    serviceName: options.serviceName,
    resource: resourceFromAttributes(options.resource),
    resourceDetectors: [envDetector, hostDetector, osDetector],
    spanProcessors: [createProcessor(options.onForeignSpan)],
    metricReaders: [],
    logRecordProcessors: [],
    spanLimits: { attributeCountLimit: SPAN_LIMIT, eventCountLimit: SPAN_LIMIT, linkCountLimit: SPAN_LIMIT },
    sampler: new ParentBasedSampler({ root: new AlwaysOnSampler() }),
    instrumentations: options.instrumentations,
    // Whether a request carries our trace context is decided where it is sent, never here.
    textMapPropagator: null,
  });
  start(sdk);
  let isResourceReady = false;

  return {
    export: async (spans) => {
      if (!isResourceReady) {
        await spans[0]?.resource.waitForAsyncAttributes?.();
        isResourceReady = true;
      }
      const { messages, tooLarge } = splitMessages(spans, MESSAGE_BYTES[options.protocol], sizeWithResource);
      if (options.protocol !== 'grpc') messages.push(...tooLarge.splice(0).map((span) => [span]));
      const lost = await exportMessages(exporter, messages, options.exportTimeoutMs);
      return { failed: lost.flat().length, dropped_bytes: tooLarge.length };
    },
    shutdown: async () => {
      for (const instrumentation of options.instrumentations) instrumentation.disable();
      await sdk.shutdown();
      await exporter.shutdown();
    },
  };
}

function start(sdk: NodeSDK): void {
  trace.disable();
  sdk.start();
  const registered = trace.getTracerProvider();
  const provider = registered instanceof ProxyTracerProvider ? registered.getDelegate() : registered;
  if (!(provider instanceof TracerProvider)) {
    throw new Error('the OpenTelemetry SDK did not start; is OTEL_SDK_DISABLED set?');
  }
}

function createProcessor(onForeignSpan: (span: ReadableSpan) => void): SpanProcessor {
  return {
    onStart: () => {},
    onEnd: (span) => {
      if ((span.spanContext().traceFlags & TraceFlags.SAMPLED) !== 0) onForeignSpan(span);
    },
    forceFlush: async () => {},
    shutdown: async () => {},
  };
}
