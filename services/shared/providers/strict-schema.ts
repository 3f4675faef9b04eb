// Which JSON Schemas a server takes that guarantees its output: every object closed, every property required, no keyword
// it does not know. Nothing is rewritten to get there, since the model would then send what the client refuses.
import { type Fields, fieldsOf, isFields, listOf, textOf } from './fields.ts';

const STRICT_KEYWORDS: ReadonlySet<string> = new Set([
  ...[
    'type',
    'properties',
    'required',
    'additionalProperties',
    'description',
    'title',
    'enum',
    'const',
    'items',
    'anyOf',
  ],
  ...[
    '$ref',
    '$defs',
    'definitions',
    'format',
    'pattern',
    'minimum',
    'maximum',
    'exclusiveMinimum',
    'exclusiveMaximum',
  ],
  ...['multipleOf', 'minItems', 'maxItems', '$schema'],
]);
const STRICT_FORMATS = ['date-time', 'time', 'date', 'duration', 'email', 'hostname', 'ipv4', 'ipv6', 'uuid'];

export function isStrictSchema(schema: unknown): boolean {
  if (schema === true || !isFields(schema)) return false;
  const keys = Object.keys(schema);
  if (keys.some((key) => !STRICT_KEYWORDS.has(key))) return false;
  if (schema.$ref !== undefined) return keys.length === 1;
  if (schema.format !== undefined && !STRICT_FORMATS.includes(textOf(schema.format))) return false;
  const properties = Object.values(fieldsOf(schema.properties));
  const inner = [...properties, ...Object.values(fieldsOf(schema.$defs)), ...listOf(schema.anyOf)];
  if (schema.items !== undefined) inner.push(schema.items);
  return isClosed(schema) && inner.every(isStrictSchema);
}

function isClosed(schema: Fields): boolean {
  const isObject = schema.type === 'object' || schema.properties !== undefined;
  if (!isObject) return true;
  const required = listOf(schema.required);
  const hasAll = Object.keys(fieldsOf(schema.properties)).every((name) => required.includes(name));
  return schema.additionalProperties === false && hasAll;
}
