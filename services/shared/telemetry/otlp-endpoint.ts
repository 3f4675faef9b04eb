// Where traces go, from what people write: a collector's address with or without the OTLP path.
import { ConfigError } from '#shared/errors.ts';

export interface OtlpEndpoint {
  /** The full URL that spans are posted to. */
  url: string;
  /** The same without the path of OTLP: what else the receiver serves is below it. */
  base: string;
  protocol: 'http/protobuf';
  /** The URL for logs and the admin API: without credentials and query. */
  shown: string;
  isLoopback: boolean;
}

const TRACES_PATH = '/v1/traces';
const GRPC_PORT = '4317';

/** @throws ConfigError when it is not an http(s) URL, or names the port of OTLP over gRPC. */
export function parseOtlpEndpoint(endpoint: string): OtlpEndpoint {
  const url = URL.canParse(endpoint) ? new URL(endpoint) : null;
  if (url === null || (url.protocol !== 'http:' && url.protocol !== 'https:')) {
    throw new ConfigError(
      'tracing.endpoint is not an http:// or https:// URL; give the OTLP/HTTP address, e.g. http://127.0.0.1:6006',
    );
  }
  if (url.port === GRPC_PORT) {
    throw new ConfigError(
      `tracing.endpoint names port ${GRPC_PORT}, which is OTLP over gRPC; only http/protobuf is spoken here. ` +
        'Use the HTTP port of the same server: 6006 for Phoenix, 4318 for a collector or Jaeger',
    );
  }
  const path = url.pathname.replace(/\/+$/, '');
  const prefix = path.endsWith(TRACES_PATH) ? path.slice(0, -TRACES_PATH.length) : path;
  url.pathname = `${prefix}${TRACES_PATH}`;
  return {
    url: url.href,
    base: `${url.origin}${prefix}`,
    protocol: 'http/protobuf',
    shown: `${url.protocol}//${url.host}${url.pathname}`,
    isLoopback: isLoopbackHost(url.hostname),
  };
}

function isLoopbackHost(hostname: string): boolean {
  return hostname === 'localhost' || hostname === '[::1]' || /^127\.\d+\.\d+\.\d+$/.test(hostname);
}
