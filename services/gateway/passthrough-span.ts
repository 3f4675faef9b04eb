// The span of a request that is forwarded unchanged.
import { CCPROXY } from '#shared/telemetry/attribute-keys.ts';
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

export function toPassthroughSpan(request: ForwardedRequest): SpanRecord {
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
      'url.path': request.path,
      'http.response.status_code': request.status || null,
      [CCPROXY.clientAborted]: request.outcome === 'client_abort' ? true : null,
      'error.type': isError ? String(request.status || 'connection_error') : null,
    },
    events: [],
    links: request.links,
    status: isError ? 'error' : 'unset',
  };
}
