// The two ways on the wire. Each is loaded only when spans travel that way.
import type { Agent } from 'node:http';
import type { OTLPExporterBase } from '@opentelemetry/otlp-exporter-base';
import type { IExporterMetricsHelper, ISerializer } from '@opentelemetry/otlp-transformer';
import { ConfigError } from '#shared/errors.ts';
import type { OtlpProtocol } from './otlp-endpoint.ts';

export interface OtlpExporterOptions {
  protocol: OtlpProtocol;
  url: string;
  headers: Readonly<Record<string, string>>;
  exportTimeoutMs: number;
}

/** What a message is made of, and how it is written. */
export interface MessageForm<Message> {
  serializer: ISerializer<Message, unknown>;
  counter: IExporterMetricsHelper<Message>;
}

/** More than this process ever has under way; the library's own bound would lose what is above. */
const CONCURRENT_MESSAGES = 256;

export interface OtlpExporter<Message> {
  exporter: OTLPExporterBase<Message>;
  /** A receiver may answer before it has read all: the rest is read from the message meanwhile. */
  isWriting(): boolean;
}

/** @throws ConfigError for a header that cannot be sent that way */
export async function createOtlpExporter<Message>(
  options: OtlpExporterOptions,
  { serializer, counter }: MessageForm<Message>,
): Promise<OtlpExporter<Message>> {
  const { protocol, url, headers, exportTimeoutMs: timeoutMillis } = options;
  const { OTLPExporterBase } = await import('@opentelemetry/otlp-exporter-base');
  if (protocol === 'http/protobuf') {
    const { convertLegacyHttpOptions, createOtlpHttpExportDelegate } = await import(
      '@opentelemetry/otlp-exporter-base/node-http'
    );
    const sent = { ...headers, 'content-type': 'application/x-protobuf' };
    const limits = { timeoutMillis, concurrencyLimit: CONCURRENT_MESSAGES };
    const settings = convertLegacyHttpOptions({ url, ...limits }, 'TRACES', 'v1/traces', {});
    const agents: Agent[] = [];
    const agentFactory = async (scheme: string): Promise<Agent> => {
      const agent = await settings.agentFactory(scheme);
      agents.push(agent);
      return agent;
    };
    const exporter = new OTLPExporterBase(
      createOtlpHttpExportDelegate(
        // The library would add the headers of OTEL_EXPORTER_OTLP_HEADERS, which are meant for the endpoint named there.
        { ...settings, agentFactory, headers: async () => sent },
        ...([serializer, 'otlp_http_span_exporter', counter, undefined] as const),
      ),
    );
    // A connection is in use until its request has been written, whatever has been answered.
    return { exporter, isWriting: () => agents.some(({ sockets }) => Object.keys(sockets).length > 0) };
  }
  const [{ convertLegacyOtlpGrpcOptions, createOtlpGrpcExportDelegate }, { Metadata }] = await Promise.all([
    import('@opentelemetry/otlp-grpc-exporter-base'),
    import('@grpc/grpc-js'),
  ]);
  const metadata = new Metadata();
  for (const [name, value] of Object.entries(headers)) {
    try {
      metadata.set(name, value);
    } catch {
      // The library's own message would quote the value.
      throw new ConfigError(`tracing.headers: ${name} cannot be sent over gRPC`);
    }
  }
  const settings = convertLegacyOtlpGrpcOptions(
    { url, timeoutMillis, concurrencyLimit: CONCURRENT_MESSAGES },
    'TRACES',
  );
  const exporter = new OTLPExporterBase(
    createOtlpGrpcExportDelegate(
      { ...settings, metadata: () => metadata.clone() },
      ...([serializer, 'otlp_grpc_span_exporter', counter, undefined] as const),
      'TraceExportService',
      '/opentelemetry.proto.collector.trace.v1.TraceService/Export',
    ),
  );
  // gRPC copies what it sends.
  return { exporter, isWriting: () => false };
}
