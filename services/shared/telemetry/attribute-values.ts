// What comes from outside, as values of attributes: of the right type and short, or not at all.
import { clip } from './content-attributes.ts';
import type { AttributeSink, AttributeValue, SpanRecord } from './tracing.ts';

export type Attributes = SpanRecord['attributes'];

/** Names and ids come from outside; none needs more. */
export const LONGEST_NAME_BYTES = 256;

export function add(attributes: Attributes, key: string, value: AttributeValue | null | undefined): void {
  if (value !== null && value !== undefined) attributes[key] = value;
}

/** Where they are needed as an object. */
export class AttributeObject implements AttributeSink {
  readonly attributes: Attributes;

  constructor(attributes: Attributes) {
    this.attributes = attributes;
  }

  add(key: string, value: AttributeValue | null | undefined): void {
    add(this.attributes, key, value);
  }
}

export function addAll(to: AttributeSink, attributes: Attributes): void {
  for (const key in attributes) to.add(key, attributes[key]);
}

export function shortName(value: unknown, redact: (text: string) => string): string | null {
  return typeof value === 'string' && value !== '' ? shortText(value, LONGEST_NAME_BYTES, redact) : null;
}

/** So much of a text is looked through: where it is cut a secret may be too, and half of one no rule knows. */
const LOOKED_THROUGH = 4;

/** Its start, without secrets. */
export function shortText(text: string, maxBytes: number, redact: (text: string) => string): string {
  const most = LOOKED_THROUGH * maxBytes;
  return clip(redact(text.length > most ? text.slice(0, most) : text), maxBytes);
}

export function numberOf(value: unknown): number | null {
  return typeof value === 'number' && Number.isFinite(value) ? value : null;
}

export function objectOf(value: unknown): Record<string, unknown> {
  return isObject(value) ? value : {};
}

export function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
