// Spans in as many messages as it takes for each to stay below what every receiver accepts. Sizes of the SDK's spans
// are upper bounds of what is written, so that nothing has to be written twice.
import type { ReadableSpan } from '@opentelemetry/sdk-trace';
import type { OtlpProtocol } from './otlp-endpoint.ts';

export interface SplitMessages<Spans> {
  messages: Spans[][];
  /** What is too large even alone. */
  tooLarge: Spans[];
}

/**
 * What every receiver takes unless it was told to take more: of gRPC 4 MiB, of HTTP what servers in front of receivers let
 * through, such as nginx. The rest is for what surrounds resource and scope.
 */
export const MESSAGE_BYTES: Readonly<Record<OtlpProtocol, number>> = {
  grpc: 4 * 1024 * 1024 - 4096,
  'http/protobuf': 1024 * 1024 - 4096,
};

export function splitMessages<Spans>(
  all: readonly Spans[],
  mostBytes: number,
  sizeOf: (spans: Spans) => number,
): SplitMessages<Spans> {
  const messages: Spans[][] = [];
  const tooLarge: Spans[] = [];
  let current: Spans[] = [];
  let left = 0;
  for (const spans of all) {
    const size = sizeOf(spans);
    if (size > mostBytes) {
      tooLarge.push(spans);
      continue;
    }
    if (messages.length === 0 || size > left) {
      current = [];
      messages.push(current);
      left = mostBytes;
    }
    current.push(spans);
    left -= size;
  }
  return { messages, tooLarge };
}

/** Tags, lengths, two ids, two times, counts, flags and the status's code. */
const SPAN_BYTES = 256;
const EVENT_BYTES = 64;
const LINK_BYTES = 96;
/** Tags and lengths around a key and its value. */
const ENTRY_BYTES = 32;
const NUMBER_BYTES = 12;

/** The resource is written once a message; counted for each span it is safe for spans of several too. */
export function sizeWithResource(span: ReadableSpan): number {
  return sizeOfSpan(span) + sizeOf(span.resource.attributes);
}

function sizeOfSpan(span: ReadableSpan): number {
  const { name, instrumentationScope: scope, status } = span;
  const texts = [name, scope.name, scope.version, status.message, span.spanContext().traceState?.serialize()];
  let bytes = SPAN_BYTES + sizeOf(span.attributes);
  for (const text of texts) bytes += Buffer.byteLength(text ?? '');
  for (const event of span.events)
    bytes += EVENT_BYTES + Buffer.byteLength(event.name) + sizeOf(event.attributes ?? {});
  for (const link of span.links) {
    bytes += LINK_BYTES + Buffer.byteLength(link.context.traceState?.serialize() ?? '') + sizeOf(link.attributes ?? {});
  }
  return bytes;
}

function sizeOf(attributes: Readonly<Record<string, unknown>>): number {
  let bytes = 0;
  for (const [key, value] of Object.entries(attributes))
    bytes += ENTRY_BYTES + Buffer.byteLength(key) + sizeOfValue(value);
  return bytes;
}

function sizeOfValue(value: unknown): number {
  if (typeof value === 'string') return Buffer.byteLength(value);
  if (value instanceof Uint8Array) return value.byteLength;
  if (Array.isArray(value)) return value.reduce<number>((sum, item) => sum + ENTRY_BYTES + sizeOfValue(item), 0);
  if (typeof value === 'object' && value !== null) return sizeOf({ ...value });
  return NUMBER_BYTES;
}
