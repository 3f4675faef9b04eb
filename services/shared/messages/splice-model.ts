// Puts another model name into a request body; every other byte stays as it was.
import type { Edit } from './edit-bytes.ts';
import type { Span } from './scan-top-level.ts';

/** `span` is the JSON string of the top-level `model` value. */
export function spliceModel(span: Span, model: string): Edit {
  return { ...span, text: JSON.stringify(model) };
}
