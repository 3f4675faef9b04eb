// Can a span be written? One that cannot would take its whole batch along.
import { isValidSpanId, isValidTraceId } from '@opentelemetry/api';
import type { SpanRecord } from './tracing.ts';

export function isExportable(span: SpanRecord): boolean {
  return (
    isValidTraceId(span.traceId) &&
    isValidSpanId(span.spanId) &&
    (span.parentSpanId === null || isValidSpanId(span.parentSpanId)) &&
    span.links.every((link) => isValidTraceId(link.traceId) && isValidSpanId(link.spanId)) &&
    isTime(span.startMs) &&
    isTime(span.endMs) &&
    span.events.every((event) => isTime(event.atMs))
  );
}

/** The end of what 64 bits of nanoseconds can say, in the year 2554. */
const LAST_MS = 18_446_744_073_709;

function isTime(ms: number): boolean {
  return ms >= 0 && ms <= LAST_MS;
}
