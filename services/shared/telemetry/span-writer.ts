// Finished spans as the bytes that travel: OTLP's protobuf (opentelemetry/proto/trace/v1), byte for byte as the SDK writes
// it, in one pass into a buffer that is used again. Nothing else is made of a span on its way there.
import { createTraceState, SpanKind, SpanStatusCode, TraceFlags } from '@opentelemetry/api';
import { ownCopy } from '#shared/free.ts';
import { madeOnce } from '#shared/made-once.ts';
import { AttributeBytes, putAttributes } from './attribute-bytes.ts';
import { ProtobufOutput } from './protobuf-output.ts';
import { scrubText } from './secret-shapes.ts';
import { putMessages } from './shown-messages.ts';
import type { SpanName, SpanRecord } from './tracing.ts';

export interface SpanWriter {
  /**
   * As they stand among those of their scope, tags and lengths included: spans one after the other are spans. The bytes are
   * theirs until others are written.
   * @throws when one of them cannot be written
   */
  write(spans: readonly SpanRecord[]): Buffer;
  /** The same of one, where it travels. */
  writeTo(output: ProtobufOutput, span: SpanRecord): void;
}

const FIRST_BYTES = 64 * 1024;
/** One large span is no reason to keep its room. */
const KEPT_BYTES = 1024 * 1024;

const TRACE_ID_BYTES = 16;
const SPAN_ID_BYTES = 8;

/** Field numbers with their wire types, as they stand in `ScopeSpans`, `Span` and below. */
const IN_SCOPE_SPAN = 0x12;
/** What the length of a span takes between 128 bytes and 16 KiB; later what that of the last of its name took. */
const FIRST_LENGTH_BYTES = 2;
const SPAN = {
  traceId: 0x0a,
  spanId: 0x12,
  traceState: 0x1a,
  parentSpanId: 0x22,
  name: 0x2a,
  kind: 0x30,
  start: 0x39,
  end: 0x41,
  attribute: 0x4a,
  droppedAttributes: 0x50,
  event: 0x5a,
  droppedEvents: 0x60,
  link: 0x6a,
  droppedLinks: 0x70,
  status: 0x7a,
} as const;
/** Number 16 takes two bytes. */
const SPAN_FLAGS = [0x85, 0x01] as const;
const EVENT = { time: 0x09, name: 0x12, attribute: 0x1a, droppedAttributes: 0x20 } as const;
const LINK = { traceId: 0x0a, spanId: 0x12, droppedAttributes: 0x28, flags: 0x35 } as const;
const STATUS = { message: 0x12, code: 0x18 } as const;

/** Bits of the flags beside those of the trace context: it is known whether the parent is remote, and it is. */
const KNOWS_REMOTE = 0x100;
const IS_REMOTE = 0x200;

/** As the SDK counts them, less one than on the wire. */
const KINDS: Record<SpanRecord['kind'], number> = {
  server: SpanKind.SERVER + 1,
  client: SpanKind.CLIENT + 1,
  internal: SpanKind.INTERNAL + 1,
};

export function createSpanWriter(): SpanWriter {
  let room = Buffer.allocUnsafeSlow(FIRST_BYTES);
  const lengthBytes = new Map<SpanName, number>();
  const writeTo = (output: ProtobufOutput, span: SpanRecord): void => {
    const expected = lengthBytes.get(span.name) ?? FIRST_LENGTH_BYTES;
    const start = output.open(IN_SCOPE_SPAN, expected);
    writeSpan(output, span);
    const taken = output.close(start, expected);
    if (taken !== expected) lengthBytes.set(span.name, taken);
  };
  return {
    writeTo,
    write: (spans) => {
      const output = new ProtobufOutput(room);
      for (const span of spans) writeTo(output, span);
      if (output.room.length <= KEPT_BYTES) room = output.room;
      return output.bytes();
    },
  };
}

/** Attributes as fields of their own, as in a resource, in memory of exactly their size. */
export function attributesAsBytes(tag: number, attributes: SpanRecord['attributes']): Buffer {
  const output = new ProtobufOutput(Buffer.allocUnsafeSlow(1024));
  putAttributes(output, tag, attributes);
  return ownCopy(output.bytes());
}

function writeSpan(output: ProtobufOutput, span: SpanRecord): void {
  output.id(SPAN.traceId, TRACE_ID_BYTES, span.traceId);
  output.id(SPAN.spanId, SPAN_ID_BYTES, span.spanId);
  // What is no trace state after all is left out.
  const traceState = span.tracestate === '' ? '' : createTraceState(span.tracestate).serialize();
  if (traceState !== '') output.text(SPAN.traceState, traceState);
  if (span.parentSpanId !== null) output.id(SPAN.parentSpanId, SPAN_ID_BYTES, span.parentSpanId);
  output.text(SPAN.name, span.name);
  output.number(SPAN.kind, KINDS[span.kind]);
  output.time(SPAN.start, span.startMs);
  output.time(SPAN.end, Math.max(span.startMs, span.endMs));
  for (const attributes of span.repeated ?? []) {
    const bytes = madeOnce(attributes, 'bytes', () => attributesAsBytes(SPAN.attribute, attributes));
    output.copy(bytes, 0, bytes.length);
  }
  putAttributes(output, SPAN.attribute, span.attributes);
  span.say?.(new AttributeBytes(output, SPAN.attribute));
  for (const shown of span.content ?? []) putMessages(output, SPAN.attribute, shown);
  output.number(SPAN.droppedAttributes, 0);
  for (const { name, atMs, attributes } of span.events) {
    const start = output.open(SPAN.event);
    output.time(EVENT.time, atMs);
    output.text(EVENT.name, name);
    if (attributes) putAttributes(output, EVENT.attribute, attributes);
    output.number(EVENT.droppedAttributes, 0);
    output.close(start);
  }
  output.number(SPAN.droppedEvents, 0);
  for (const { traceId, spanId } of span.links) {
    const start = output.open(SPAN.link);
    output.id(LINK.traceId, TRACE_ID_BYTES, traceId);
    output.id(LINK.spanId, SPAN_ID_BYTES, spanId);
    output.number(LINK.droppedAttributes, 0);
    output.byte(LINK.flags);
    output.fixed32(TraceFlags.SAMPLED | KNOWS_REMOTE | IS_REMOTE);
    output.close(start);
  }
  output.number(SPAN.droppedLinks, 0);
  putStatus(output, span);
  for (const byte of SPAN_FLAGS) output.byte(byte);
  output.fixed32(TraceFlags.SAMPLED | KNOWS_REMOTE | (span.parentSpanId === null ? 0 : IS_REMOTE));
}

function putStatus(output: ProtobufOutput, { status, statusMessage }: SpanRecord): void {
  const start = output.open(SPAN.status);
  const isError = status === 'error';
  const message = isError ? scrubText(statusMessage ?? '') : '';
  if (message !== '') output.text(STATUS.message, message);
  output.number(STATUS.code, isError ? SpanStatusCode.ERROR : SpanStatusCode.UNSET);
  output.close(start);
}
