// The client's JSON schema for the answer → `text.format`. Strict mode is asked for only where it changes nothing: a schema
// it does not take is refused as a whole.
import { type Fields, fieldsOf, isFields, textOf } from '../fields.ts';
import { isStrictSchema } from '../strict-schema.ts';

export function toTextFormat(outputFormat: unknown): Fields | null {
  const { type, schema } = fieldsOf(outputFormat);
  if (type !== 'json_schema' || !isFields(schema)) return null;
  const name =
    textOf(schema.title)
      .replace(/[^a-zA-Z0-9_-]/g, '_')
      .slice(0, 64) || 'answer';
  return { type: 'json_schema', name, schema, strict: isStrictSchema(schema) };
}
