// In which trace a request is: the client's, one of ours, and whether its spans are kept.
import type { IncomingHttpHeaders } from 'node:http';
import { formatTraceparent, newSpanId, newTraceId, parseTraceparent } from '#shared/ids.ts';
import { headerValue } from '#shared/messages/answer-headers.ts';
import type { Target } from '#shared/providers/target.ts';
import type { CallTrace } from './messages/call.ts';

export interface TracePolicy {
  /** What a client's trace context does; `link`: the root of a trace of our own has a link to it. */
  readonly inbound: 'continue' | 'link' | 'ignore';
  /** Share of our own traces that is kept, 0 to 1. */
  readonly sample: number;
}

/** A client that continues decides about its trace; `isKept` is about one of ours. */
export function startTrace(headers: IncomingHttpHeaders, policy: TracePolicy, isKept: boolean): CallTrace {
  const given = policy.inbound === 'ignore' ? undefined : parseTraceparent(single(headers.traceparent));
  const ids = { spanId: newSpanId(), forwardSpanId: newSpanId() };
  if (given && policy.inbound === 'continue') {
    const { traceId, spanId, sampled } = given;
    return { ...ids, traceId, parentSpanId: spanId, sampled, tracestate: single(headers.tracestate) ?? '', links: [] };
  }
  const traceId = newTraceId();
  const links = given ? [{ traceId: given.traceId, spanId: given.spanId }] : [];
  const sampled = isKept || isSampled(traceId, policy.sample);
  return { ...ids, traceId, parentSpanId: null, sampled, tracestate: '', links };
}

const RANDOM_DIGITS = 14;

/** By the random digits at the end, as samplers in other services decide (https://www.w3.org/TR/trace-context-2/). */
function isSampled(traceId: string, share: number): boolean {
  if (share >= 1) return true;
  return Number.parseInt(traceId.slice(-RANDOM_DIGITS), 16) >= (1 - share) * 16 ** RANDOM_DIGITS;
}

function single(header: string | string[] | undefined): string | undefined {
  return Array.isArray(header) ? header.join(',') : header;
}

/** What an upstream is told of the trace: nothing, unless its settings say so. Flat headers. */
export function traceHeaders({ traceId, forwardSpanId, sampled, tracestate }: CallTrace, target: Target): string[] {
  if (!target.propagatesTrace) return [];
  const traceparent = formatTraceparent({ traceId, spanId: forwardSpanId, sampled });
  return ['traceparent', traceparent, ...(tracestate === '' ? [] : ['tracestate', tracestate])];
}

/** Tells the client which span was its request, where no upstream tells it of one. */
export const TRACE_RESPONSE = 'traceresponse';

export function traceResponse({ traceId, spanId, sampled }: CallTrace): string {
  return formatTraceparent({ traceId, spanId, sampled });
}

/** Flat headers, beside those of the upstream. */
export function traceResponseHeaders(trace: CallTrace, rawHeaders: readonly string[]): string[] {
  return headerValue(rawHeaders, TRACE_RESPONSE) === undefined ? [TRACE_RESPONSE, traceResponse(trace)] : [];
}
