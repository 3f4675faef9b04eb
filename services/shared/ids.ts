// Identifiers: UUIDv7 for requests, W3C trace context, and the span ids that two deliveries of one exchange must share.
import { createHash, randomUUID } from 'node:crypto';

// All random digits are those of random UUIDs (RFC 9562, 5.4): Node draws many at once, and one costs next to nothing.

/** UUIDv7 (RFC 9562, 5.7): 48 bits of Unix milliseconds, then 74 random bits. */
export function uuidv7(nowMs: number): string {
  const time = Math.floor(nowMs).toString(16).padStart(12, '0');
  // From the digit behind the version on, a random UUID is what this one needs.
  return `${time.slice(0, 8)}-${time.slice(8)}-7${randomUUID().slice(15)}`;
}

const ZERO_SPAN_ID = '0000000000000000';
const ZERO_TRACE_ID = '00000000000000000000000000000000';

/** 16 lower-case hex digits, never all zero. */
export function newSpanId(): string {
  const random = randomUUID();
  const id = random.slice(0, 4) + random.slice(24);
  return id === ZERO_SPAN_ID ? newSpanId() : id;
}

/** 32 lower-case hex digits, never all zero. The last 14 are random, as samplers expect. */
export function newTraceId(): string {
  const random = randomUUID();
  return random.slice(0, 8) + random.slice(9, 13) + random.slice(14, 18) + random.slice(19, 23) + random.slice(24);
}

export interface TraceParent {
  traceId: string;
  spanId: string;
  sampled: boolean;
}

const TRACEPARENT = /^(?!ff)[0-9a-f]{2}-([0-9a-f]{32})-([0-9a-f]{16})-([0-9a-f]{2})(?:-.*)?$/;

/** Reads a `traceparent` header (https://www.w3.org/TR/trace-context/); undefined when absent or malformed. */
export function parseTraceparent(header: string | undefined): TraceParent | undefined {
  const match = header === undefined ? null : TRACEPARENT.exec(header.trim());
  if (!match) return undefined;
  const [, traceId = '', spanId = '', flags = ''] = match;
  if (traceId === ZERO_TRACE_ID || spanId === ZERO_SPAN_ID) return undefined;
  return { traceId, spanId, sampled: (Number.parseInt(flags, 16) & 1) === 1 };
}

export function formatTraceparent(parent: TraceParent): string {
  return `00-${parent.traceId}-${parent.spanId}-${parent.sampled ? '01' : '00'}`;
}

/**
 * The span id of one role of one pair: the first 8 bytes of SHA-256 over role, request id, target and replicate joined
 * by `|`, or bytes 8 to 16 when those are all zero. A redelivered exchange makes the same spans again, and trace stores
 * keep one.
 */
export function pairSpanId(
  role: 'compare_request' | 'compare_pair',
  requestId: string,
  target: string,
  replicate: number,
): string {
  const hex = createHash('sha256').update(`${role}|${requestId}|${target}|${replicate}`, 'utf8').digest('hex');
  const id = hex.slice(0, 16);
  return id === ZERO_SPAN_ID ? hex.slice(16, 32) : id;
}

/** Identity of a pair: unique in the store. */
export function pairId(requestId: string, target: string): string {
  return `${requestId}:${target}`;
}
