// Attributes as bytes: OTLP's `KeyValue` (opentelemetry/proto/common/v1), in fields of a given tag.
import { type ProtobufOutput, utf8Size, varintSize } from './protobuf-output.ts';
import type { AttributeSink, AttributeValue, SpanRecord } from './tracing.ts';

/** Field numbers with their wire types. */
const VALUE = { text: 0x0a, truth: 0x10, whole: 0x18, double: 0x21, list: 0x2a } as const;
const LIST_VALUE = 0x0a;

type Given = SpanRecord['attributes'][string];

/** Those without a name or a value are left out. */
function isPresent(key: string, value: Given): value is AttributeValue {
  return value !== null && value !== undefined && key !== '';
}

/** Writes each where it travels. */
export class AttributeBytes implements AttributeSink {
  readonly #output: ProtobufOutput;
  readonly #tag: number;

  constructor(output: ProtobufOutput, tag: number) {
    this.#output = output;
    this.#tag = tag;
  }

  add(key: string, value: Given): void {
    if (isPresent(key, value)) putAttribute(this.#output, this.#tag, key, value);
  }
}

export function putAttributes(output: ProtobufOutput, tag: number, attributes: SpanRecord['attributes']): void {
  // Not over a list of its keys: so the engine knows where each value is.
  for (const key in attributes) {
    const value = attributes[key];
    if (isPresent(key, value)) putAttribute(output, tag, key, value);
  }
}

function putAttribute(output: ProtobufOutput, tag: number, key: string, value: AttributeValue): void {
  if (typeof value === 'string') {
    output.textEntry(tag, key, value);
    return;
  }
  output.entry(tag, key, valueSize(value));
  putValue(output, value);
}

function valueSize(value: AttributeValue): number {
  if (typeof value === 'string') return 1 + sizedSize(utf8Size(value));
  if (typeof value === 'boolean') return 2;
  if (typeof value === 'number') return isWhole(value) ? 1 + wholeSize(value) : 9;
  return 1 + sizedSize(listSize(value));
}

function listSize(items: readonly string[]): number {
  return items.reduce((sum, item) => sum + 1 + sizedSize(valueSize(item)), 0);
}

function putValue(output: ProtobufOutput, value: AttributeValue): void {
  if (typeof value === 'string') {
    output.text(VALUE.text, value);
  } else if (typeof value === 'boolean') {
    output.byte(VALUE.truth);
    output.byte(value ? 1 : 0);
  } else if (typeof value === 'number') {
    output.byte(isWhole(value) ? VALUE.whole : VALUE.double);
    if (isWhole(value)) output.whole(value);
    else output.double(value);
  } else {
    output.byte(VALUE.list);
    output.varint(listSize(value));
    for (const item of value) {
      output.byte(LIST_VALUE);
      output.varint(valueSize(item));
      putValue(output, item);
    }
  }
}

function isWhole(value: number): boolean {
  return Number.isInteger(value) && value >= -(2 ** 63) && value < 2 ** 63;
}

/** A negative one takes all the bytes there are. */
function wholeSize(value: number): number {
  return value < 0 ? 10 : varintSize(value);
}

function sizedSize(bytes: number): number {
  return varintSize(bytes) + bytes;
}
