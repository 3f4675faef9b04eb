// JSON Schemas of tools, made acceptable to servers that want an object at the root, without changing what arguments
// they allow. Only schemas are looked into, never the names of properties: a property may be called `type` or `pattern`.
import { type Fields, fieldsOf, isFields, listOf, textOf } from './fields.ts';

/** The same schema with an object at its root, its lists being lists. */
export function toObjectSchema(schema: unknown): Fields {
  const { type: _type, properties, required, anyOf, oneOf, allOf, ...rest } = fieldsOf(schema);
  const branches = [anyOf, oneOf, allOf].flatMap((list) => listOf(list).filter(isFields));
  const merged = mergeBranches(fieldsOf(properties), branches);
  const wanted = requiredOf(required, merged);
  const common = requiredInAll(listOf(anyOf).concat(listOf(oneOf)));
  const all = listOf(allOf).flatMap((branch) => listOf(fieldsOf(branch).required));
  const names = [...new Set([...wanted, ...common, ...requiredOf(all, merged)])];
  return {
    type: 'object',
    properties: Object.fromEntries(Object.entries(merged).map(([name, value]) => [name, completeArrays(value)])),
    ...(names.length > 0 ? { required: names } : {}),
    ...rest,
    ...(branches.length > 0 ? { description: describeBranches(rest.description, anyOf ?? oneOf) } : {}),
  };
}

function mergeBranches(properties: Fields, branches: readonly Fields[]): Fields {
  const merged: Fields = { ...properties };
  for (const branch of branches) {
    for (const [name, value] of Object.entries(fieldsOf(branch.properties))) {
      if (!Object.hasOwn(merged, name)) merged[name] = value;
      else if (JSON.stringify(merged[name]) !== JSON.stringify(value)) merged[name] = { anyOf: [merged[name], value] };
    }
  }
  return merged;
}

function requiredOf(required: unknown, properties: Fields): string[] {
  return listOf(required).filter((name): name is string => typeof name === 'string' && Object.hasOwn(properties, name));
}

function requiredInAll(branches: readonly unknown[]): string[] {
  const [first = [], ...others] = branches
    .filter(isFields)
    .map((branch) => requiredOf(branch.required, fieldsOf(branch.properties)));
  return first.filter((name) => others.every((names) => names.includes(name)));
}

function describeBranches(description: unknown, choices: unknown): string {
  const groups = listOf(choices)
    .map((branch) => listOf(fieldsOf(branch).required).map(String).join(', '))
    .filter((group) => group !== '');
  const note = groups.length > 1 ? `Give one of these groups of properties: ${groups.join(' | ')}.` : '';
  return [textOf(description), note].filter((text) => text !== '').join(' ');
}

/** Lists of anything say so: some servers refuse an array without `items`. */
function completeArrays(schema: unknown): unknown {
  if (!isFields(schema)) return schema;
  const complete: Fields = { ...schema };
  if (isFields(schema.properties)) {
    const entries = Object.entries(schema.properties).map(([name, value]) => [name, completeArrays(value)]);
    complete.properties = Object.fromEntries(entries);
  }
  if (schema.type === 'array') complete.items = schema.items === undefined ? {} : completeArrays(schema.items);
  for (const key of ['anyOf', 'oneOf', 'allOf']) {
    const branches = schema[key];
    if (Array.isArray(branches)) complete[key] = branches.map(completeArrays);
  }
  return complete;
}

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

/** Would a server that guarantees its output take it as it is? Nothing is rewritten to make it so. */
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
