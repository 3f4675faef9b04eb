// The span of a request that is forwarded unchanged.
import { toErrorCode } from '#shared/exchange/error-code.ts';
import { CCPROXY } from '#shared/telemetry/attribute-keys.ts';
import { shortName } from '#shared/telemetry/attribute-values.ts';
import type { SpanRecord } from '#shared/telemetry/tracing.ts';

/** A request of another path, forwarded unchanged. */
export interface ForwardedRequest {
  requestId: string;
  sessionId: string | undefined;
  traceId: string;
  spanId: string;
  parentSpanId: string | null;
  sampled: boolean;
  tracestate: string;
  links: SpanRecord['links'];
  startedAtMs: number;
  durationMs: number;
  method: string;
  path: string;
  status: number;
  outcome: 'ok' | 'client_error' | 'upstream_error' | 'stream_error' | 'client_abort';
}

export function toPassthroughSpan(request: ForwardedRequest, redact: (text: string) => string): SpanRecord {
  const isError = request.outcome === 'upstream_error' || request.outcome === 'stream_error';
  return {
    name: 'passthrough_forward',
    kind: 'server',
    traceId: request.traceId,
    spanId: request.spanId,
    parentSpanId: request.parentSpanId,
    sampled: request.sampled,
    tracestate: request.tracestate,
    startMs: request.startedAtMs,
    endMs: request.startedAtMs + request.durationMs,
    attributes: {
      [CCPROXY.service]: 'gateway',
      [CCPROXY.requestId]: request.requestId,
      'http.request.method': request.method,
      'url.path': shownPath(request.path, redact),
      'http.response.status_code': request.status || null,
      [CCPROXY.clientAborted]: request.outcome === 'client_abort' ? true : null,
      'error.type': isError ? toErrorCode(request.status === 0 ? 'connection_error' : null, request.status) : null,
    },
    events: [],
    links: request.links,
    status: isError ? 'error' : 'unset',
  };
}

/** As it came, unless only its escapes hide a secret: an address mostly comes as `joe%40example.com`. */
function shownPath(path: string, redact: (text: string) => string): string | null {
  const shown = shortName(path, redact);
  const plain = path.includes('%') ? unescaped(path) : path;
  if (plain === path) return shown;
  const clean = shortName(plain, redact);
  return clean === shortName(plain, (text) => text) ? shown : clean;
}

function unescaped(path: string): string {
  try {
    return decodeURIComponent(path);
  } catch {
    return path;
  }
}
