// Puts another model name into a request body and leaves every other byte as it was.
import type { Span } from './scan-top-level.ts';

/** `span` is the JSON string of the top-level `model` value. */
export function spliceModel(bytes: Buffer, span: Span, model: string): Buffer {
  return Buffer.concat([bytes.subarray(0, span.start), Buffer.from(JSON.stringify(model)), bytes.subarray(span.end)]);
}
