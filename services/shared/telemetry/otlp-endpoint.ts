// Where traces go and how they travel, from what people write: a collector's address with or without the OTLP path.
import { ConfigError } from '#shared/errors.ts';

/** `auto`: by the port. */
export type OtlpProtocolChoice = 'auto' | OtlpProtocol;
export type OtlpProtocol = 'http/protobuf' | 'grpc';

export interface OtlpEndpoint {
  protocol: OtlpProtocol;
  /** What spans are sent to: over HTTP the full URL, over gRPC scheme, host and port. */
  url: string;
  /** Over HTTP the same without the path of OTLP: what else the receiver serves is below it. Over gRPC nobody knows. */
  base: string | null;
  /** The URL for logs and the admin API: without credentials and query. */
  shown: string;
  isLoopback: boolean;
}

const TRACES_PATH = '/v1/traces';
const GRPC_PORT = '4317';

/** @throws ConfigError when it is not an http(s) URL, or one that gRPC cannot use. */
export function parseOtlpEndpoint(endpoint: string, choice: OtlpProtocolChoice = 'auto'): OtlpEndpoint {
  const url = URL.canParse(endpoint) ? new URL(endpoint) : null;
  if (url === null || (url.protocol !== 'http:' && url.protocol !== 'https:')) {
    throw new ConfigError(
      'tracing.endpoint is not an http:// or https:// URL; give the address of an OTLP receiver, e.g. ' +
        `http://127.0.0.1:6006, or http://127.0.0.1:${GRPC_PORT} for gRPC`,
    );
  }
  const byPort = url.port === GRPC_PORT ? 'grpc' : 'http/protobuf';
  return (choice === 'auto' ? byPort : choice) === 'grpc' ? grpcEndpoint(url) : httpEndpoint(url);
}

/** Most bytes of content on one span: what travels over gRPC must fit into a message that every receiver takes. */
export function contentBytesFor(tracing: {
  endpoint: string | null;
  protocol: OtlpProtocolChoice;
  max_content_bytes: number;
}): number {
  const { endpoint, protocol, max_content_bytes: wanted } = tracing;
  if (endpoint === null || parseOtlpEndpoint(endpoint, protocol).protocol !== 'grpc') return wanted;
  return Math.min(wanted, GRPC_CONTENT_BYTES);
}

/** Half of a message: many short texts take that much again for their keys and lengths. */
const GRPC_CONTENT_BYTES = 2 * 1024 * 1024;

function httpEndpoint(url: URL): OtlpEndpoint {
  const path = url.pathname.replace(/\/+$/, '');
  const prefix = path.endsWith(TRACES_PATH) ? path.slice(0, -TRACES_PATH.length) : path;
  url.pathname = `${prefix}${TRACES_PATH}`;
  return {
    protocol: 'http/protobuf',
    url: url.href,
    base: `${url.origin}${prefix}`,
    shown: `${url.protocol}//${url.host}${url.pathname}`,
    isLoopback: isLoopbackHost(url.hostname),
  };
}

/** A path has no meaning there; some write that of HTTP all the same. */
function grpcEndpoint(url: URL): OtlpEndpoint {
  if (url.username !== '' || url.password !== '') {
    throw new ConfigError(
      'tracing.endpoint has a user or password in it, which OTLP over gRPC has no place for; put what the receiver asks for ' +
        'into tracing.headers',
    );
  }
  const port = url.port || (url.protocol === 'https:' ? '443' : GRPC_PORT);
  const shown = `${url.protocol}//${url.hostname}:${port}`;
  return { protocol: 'grpc', url: shown, base: null, shown, isLoopback: isLoopbackHost(url.hostname) };
}

function isLoopbackHost(hostname: string): boolean {
  return hostname === 'localhost' || hostname === '[::1]' || /^127\.\d+\.\d+\.\d+$/.test(hostname);
}
