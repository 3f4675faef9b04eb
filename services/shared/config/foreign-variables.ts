// Variables that other programs know too: where nothing of ours says more, they say where traces go and what stays off them.
// Each is read as its own documentation has it; what cannot be read is not guessed.
import { HIDDEN } from './sections/observing.ts';
import type { Tree } from './tree.ts';

type Environment = Readonly<Record<string, string | undefined>>;

/** The tree is one of settings. `isEndpointSet`: elsewhere, so that no key may go there that was meant for another host. */
export function readForeignVariables(env: Environment, isEndpointSet: boolean, warnings: string[]): Tree {
  const receiver = isEndpointSet ? null : findReceiver(env, warnings);
  const hide = HIDDEN.filter((part) => isTrue(env[`OPENINFERENCE_HIDE_${part.toUpperCase()}`]));
  const longest = Number(env.OPENINFERENCE_BASE64_IMAGE_MAX_LENGTH || Number.NaN);
  const found: Tree = {
    endpoint: receiver?.endpoint,
    protocol: receiver?.protocol,
    headers: receiver?.headers,
    service_name: env.OTEL_SERVICE_NAME || undefined,
    project: env.PHOENIX_PROJECT_NAME || env.PHOENIX_PROJECT || undefined,
    hide: hide.length > 0 ? hide : undefined,
    base64_image_max_length: Number.isInteger(longest) && longest >= 0 ? longest : undefined,
  };
  const tracing = Object.fromEntries(Object.entries(found).filter(([, value]) => value !== undefined));
  return Object.keys(tracing).length > 0 ? { tracing } : {};
}

/** A third, http/json, is taken by whoever takes http/protobuf, at the same address. */
const PROTOCOLS = ['http/protobuf', 'grpc'];

interface Receiver {
  endpoint: string;
  protocol: string | undefined;
  headers: Tree;
}

/** OpenTelemetry's names go before Phoenix's. What is no URL of HTTP or gRPC was meant for other programs. */
function findReceiver(env: Environment, warnings: string[]): Receiver | null {
  const otel = env.OTEL_EXPORTER_OTLP_TRACES_ENDPOINT || env.OTEL_EXPORTER_OTLP_ENDPOINT;
  const endpoint = otel || env.PHOENIX_COLLECTOR_ENDPOINT;
  if (!endpoint) return null;
  if (!/^https?:\/\//i.test(endpoint) || !URL.canParse(endpoint)) {
    warnings.push(
      'environment: no traces are sent to the endpoint that OpenTelemetry or Phoenix is given there: it is no ' +
        'http:// or https:// address; set tracing.endpoint',
    );
    return null;
  }
  const { PHOENIX_API_KEY: key } = env;
  const headers = otel
    ? toHeaders(env.OTEL_EXPORTER_OTLP_TRACES_HEADERS || env.OTEL_EXPORTER_OTLP_HEADERS)
    : { ...(key ? bearer(key) : {}), ...toHeaders(env.PHOENIX_CLIENT_HEADERS) };
  const protocol = env.OTEL_EXPORTER_OTLP_TRACES_PROTOCOL || env.OTEL_EXPORTER_OTLP_PROTOCOL;
  return { endpoint, protocol: otel ? PROTOCOLS.find((known) => known === protocol) : undefined, headers };
}

/** As Phoenix's own clients send its key. */
function bearer(key: string): Tree {
  return Object.fromEntries([['authorization', ['Bearer', key].join(' ')]]);
}

/** `name=value,name=value`, values percent-encoded (https://opentelemetry.io/docs/specs/otel/protocol/exporter/). */
function toHeaders(text: string | undefined): Tree {
  const headers: Tree = {};
  for (const pair of (text ?? '').split(',')) {
    const at = pair.indexOf('=');
    if (at > 0) headers[pair.slice(0, at).trim().toLowerCase()] = decode(pair.slice(at + 1).trim());
  }
  return headers;
}

function decode(value: string): string {
  try {
    return decodeURIComponent(value);
  } catch {
    return value; // not encoded
  }
}

function isTrue(value: string | undefined): boolean {
  return value?.toLowerCase() === 'true';
}
