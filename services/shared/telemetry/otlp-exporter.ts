// The two ways on the wire. Each is loaded only when spans travel that way.
import type { SpanExporter as OtlpExporter } from '@opentelemetry/sdk-trace';
import { ConfigError } from '#shared/errors.ts';
import type { OtlpProtocol } from './otlp-endpoint.ts';

export interface OtlpExporterOptions {
  protocol: OtlpProtocol;
  url: string;
  headers: Readonly<Record<string, string>>;
  exportTimeoutMs: number;
}

/** More than this process ever has under way; the library's own bound would lose what is above. */
const CONCURRENT_MESSAGES = 256;

/** @throws ConfigError for a header that cannot be sent that way */
export async function createOtlpExporter(options: OtlpExporterOptions): Promise<OtlpExporter> {
  const { protocol, url, headers, exportTimeoutMs: timeoutMillis } = options;
  if (protocol === 'http/protobuf') {
    const { OTLPTraceExporter } = await import('@opentelemetry/exporter-trace-otlp-proto');
    return new OTLPTraceExporter({ url, headers: { ...headers }, timeoutMillis });
  }
  const [{ OTLPTraceExporter }, { Metadata }] = await Promise.all([
    import('@opentelemetry/exporter-trace-otlp-grpc'),
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
  return new OTLPTraceExporter({ url, metadata, timeoutMillis, concurrencyLimit: CONCURRENT_MESSAGES });
}
