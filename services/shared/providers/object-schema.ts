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
