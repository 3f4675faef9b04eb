// JSON Schema → the subset of OpenAPI that Gemini takes as `parameters` and `responseSchema`
// (https://ai.google.dev/api/caching#Schema). Keywords are looked for where a schema stands and nowhere else: what a tool
// calls its own properties is never touched. The result is never stricter than its source, and is its own result.

import { type Fields, fieldsOf, isFields, listOf } from './fields.ts';

/** Keywords kept as they are, whatever the type. */
const KEPT = ['title', 'example', 'default', 'propertyOrdering'] as const;
/** Keywords that mean something for one type only. */
const OF_TYPE: Record<string, readonly string[]> = {
  string: ['minLength', 'maxLength', 'pattern'],
  number: ['minimum', 'maximum'],
  integer: ['minimum', 'maximum'],
  array: ['minItems', 'maxItems'],
  object: ['minProperties', 'maxProperties'],
  boolean: [],
};
const FORMATS = new Set(['enum', 'date-time']);
/** What bounds tell a model that Gemini's subset cannot. */
const TOLD: Record<string, string> = {
  exclusiveMinimum: 'more than',
  exclusiveMaximum: 'less than',
  multipleOf: 'a multiple of',
};
const DEEPEST = 32;
/** References can make a small schema endless; beyond this many nodes it stays open. */
const MOST_NODES = 5000;
/** Of a request, that may be so large each: the bound of all of them together. */
const LARGE_SCHEMAS = 40;
/** Keywords and properties that are looked at to put the parts of `allOf` together; parts beyond are left out. */
const MOST_MERGED = 100_000;

/** What is left of it. */
export interface SchemaBudget {
  nodes: number;
  merged: number;
}

/** For so many schemas together: any number of small ones may be endless. */
export function schemaBudget(schemas: number): SchemaBudget {
  return { nodes: MOST_NODES * Math.min(schemas, LARGE_SCHEMAS), merged: MOST_MERGED };
}

interface Walk {
  root: unknown;
  /** References that are being followed. */
  trail: readonly string[];
  depth: number;
  budget: SchemaBudget;
}

export function toGeminiSchema(schema: unknown, budget = schemaBudget(1)): Fields {
  return convert(schema, { root: schema, trail: [], depth: 0, budget });
}

function convert(schema: unknown, walk: Walk): Fields {
  walk.budget.nodes--;
  if (walk.depth > DEEPEST || walk.budget.nodes < 0) return { type: 'object' };
  if (!isFields(schema)) return anything(undefined);
  const inner = { ...walk, depth: walk.depth + 1 };
  if (typeof schema.$ref === 'string') return follow(schema, schema.$ref, inner);
  const flat = mergeAll(schema, inner);
  if (typeof flat.$ref === 'string') return follow(flat, flat.$ref, inner);
  return byType(flat, inner);
}

/** What a reference points to, in its place; keywords beside it win. A reference into itself stays an open object. */
function follow(schema: Fields, reference: string, walk: Walk): Fields {
  if (walk.trail.includes(reference)) return { type: 'object', ...textOf(schema) };
  const found = find(walk.root, reference);
  if (found === undefined) return anything(text(schema.description));
  const { $ref: _, ...beside } = schema;
  const merged = isFields(found) ? { ...found, ...beside } : beside;
  return convert(merged, { ...walk, trail: [...walk.trail, reference] });
}

function find(root: unknown, reference: string): unknown {
  if (!reference.startsWith('#')) return undefined;
  let place: unknown = root;
  for (const step of reference.slice(1).split('/').slice(1)) {
    const key = safeDecode(step).replaceAll('~1', '/').replaceAll('~0', '~');
    if (!(isFields(place) || Array.isArray(place)) || !Object.hasOwn(place, key)) return undefined;
    place = (place as Fields)[key];
  }
  return place;
}

function safeDecode(text: string): string {
  try {
    return decodeURIComponent(text);
  } catch {
    // Not percent-encoded: the name itself.
    return text;
  }
}

/** `allOf` in one schema. The first word on a keyword counts, which is never stricter than all of them. */
function mergeAll(schema: Fields, walk: Walk): Fields {
  const { budget, depth } = walk;
  if (!Array.isArray(schema.allOf) || depth > DEEPEST) return schema;
  budget.merged -= Object.keys(schema).length;
  const { allOf, ...own } = schema;
  let merged: Fields = own;
  for (const part of allOf) {
    if (budget.merged <= 0) break;
    const resolved = isFields(part) ? mergeAll(open(part, walk), { ...walk, depth: depth + 1 }) : {};
    const properties = { ...fieldsOf(resolved.properties), ...fieldsOf(merged.properties) };
    const required = [...new Set([...strings(merged.required), ...strings(resolved.required)])];
    merged = { ...resolved, ...merged };
    budget.merged -= Object.keys(merged).length + Object.keys(properties).length + required.length;
    if (Object.keys(properties).length > 0) merged.properties = properties;
    if (required.length > 0) merged.required = required;
  }
  return merged;
}

/** A part of `allOf` that is a reference, one step resolved. */
function open(part: Fields, walk: Walk): Fields {
  if (typeof part.$ref !== 'string' || walk.depth > DEEPEST) return part;
  const { $ref, ...beside } = part;
  return { ...fieldsOf(find(walk.root, $ref)), ...beside };
}

function byType(schema: Fields, walk: Walk): Fields {
  const types = typesOf(schema);
  const isNullable = types.includes('null') || schema.nullable === true || isNullIn(schema.enum);
  const named = types.filter((type) => type in OF_TYPE);
  const branches = [schema.anyOf, schema.oneOf].find((list) => Array.isArray(list)) as unknown[] | undefined;
  if (branches && named.length === 0) return choose(schema, branches, isNullable, walk);
  const [only] = named;
  if (only === undefined) return withNull(isOnlyNull(types) ? { type: 'string' } : anything(tell(schema)), isNullable);
  if (named.length === 1) return withNull(single(only, schema, branches, walk), isNullable);
  const { title: _t, default: _d, example: _e, ...shared } = schema;
  return { anyOf: named.map((type) => withNull(single(type, shared, undefined, walk), isNullable)) };
}

/** Gemini takes `anyOf` only without neighbours: what stands beside it goes into the branches. */
function choose(schema: Fields, branches: unknown[], isNullable: boolean, walk: Walk): Fields {
  const real = branches.filter((branch) => !isNull(branch));
  const hasNull = isNullable || real.length < branches.length;
  const converted = real.flatMap((branch) => {
    const one = convert(branch, walk);
    return Array.isArray(one.anyOf) ? (one.anyOf as Fields[]) : [one];
  });
  const description = tell(schema);
  const list = converted.map((branch) => withNull(describe(branch, description), hasNull));
  const [first] = list;
  if (first === undefined) return withNull(anything(description), hasNull);
  return list.length === 1 ? first : { anyOf: list };
}

function single(type: string, schema: Fields, branches: unknown[] | undefined, walk: Walk): Fields {
  const result: Fields = { type };
  for (const key of [...KEPT, ...(OF_TYPE[type] ?? [])]) if (schema[key] !== undefined) result[key] = schema[key];
  if (type === 'string') Object.assign(result, stringLimits(schema));
  if (type === 'array') result.items = itemsOf(schema, walk);
  if (type === 'object') Object.assign(result, objectOf(schema, branches, walk));
  const description = tell(schema, type);
  if (description !== undefined) result.description = description;
  return result;
}

function stringLimits(schema: Fields): Fields {
  const values = typeof schema.const === 'string' ? [schema.const] : schema.enum;
  const limits: Fields = {};
  if (Array.isArray(values)) {
    const texts = values.filter((value) => typeof value === 'string' && value !== '');
    // An empty string is no value for Gemini's enum, so the list would refuse what its source allows.
    if (texts.length > 0 && texts.length === values.filter((value) => value !== null).length) limits.enum = texts;
  }
  if (typeof schema.format === 'string' && FORMATS.has(schema.format)) limits.format = schema.format;
  return limits;
}

function itemsOf(schema: Fields, walk: Walk): Fields {
  if (isFields(schema.items)) return convert(schema.items, walk);
  return anyScalar();
}

function objectOf(schema: Fields, branches: unknown[] | undefined, walk: Walk): Fields {
  const { properties: all, required: needed } = withBranches(schema, branches, walk);
  const entries = Object.entries(all).filter(([, value]) => value !== false);
  if (entries.length === 0) return {};
  const properties: Fields = {};
  for (const [name, value] of entries) setOwn(properties, name, convert(value, walk));
  const required = needed.filter((name) => Object.hasOwn(properties, name));
  return { properties, ...(required.length > 0 ? { required } : {}) };
}

/** An object that must also fit one of several: the properties of all, required what each requires. */
function withBranches(
  schema: Fields,
  branches: unknown[] | undefined,
  walk: Walk,
): { properties: Fields; required: string[] } {
  const parts = (branches ?? []).map((branch) => mergeAll(open(fieldsOf(branch), walk), walk));
  const properties: Fields = {};
  for (const part of parts)
    for (const [name, value] of Object.entries(fieldsOf(part.properties))) {
      const known = Object.hasOwn(properties, name) ? properties[name] : undefined;
      setOwn(properties, name, known === undefined ? value : { anyOf: [known, value] });
    }
  for (const [name, value] of Object.entries(fieldsOf(schema.properties))) setOwn(properties, name, value);
  const shared = strings(parts[0]?.required).filter((name) =>
    parts.every((part) => strings(part.required).includes(name)),
  );
  return { properties, required: [...new Set([...strings(schema.required), ...shared])] };
}

/** The description, with what the subset cannot say put in words. */
function tell(schema: Fields, type?: string): string | undefined {
  const words: string[] = [];
  const { format, enum: values } = schema;
  if (typeof format === 'string' && !(type === 'string' && FORMATS.has(format))) words.push(`Format: ${format}.`);
  for (const [key, word] of Object.entries(TOLD)) {
    if (typeof schema[key] === 'number') words.push(`Must be ${word} ${schema[key]}.`);
  }
  if (type !== 'string' && Array.isArray(values))
    words.push(`One of: ${values.map((value) => JSON.stringify(value)).join(', ')}.`);
  if (type !== 'string' && schema.const !== undefined) words.push(`Always ${JSON.stringify(schema.const)}.`);
  const known = text(schema.description);
  const all = [...(known === undefined || known === '' ? [] : [known]), ...words].join(' ');
  return all === '' ? undefined : all;
}

/** A value of any type, or none: Gemini wants a type named everywhere. */
function anything(description: string | undefined): Fields {
  const list = [...anyOfScalars(), { type: 'array', items: anyScalar(), nullable: true }];
  return { anyOf: list.map((branch) => describe(branch, description)) };
}

function anyScalar(): Fields {
  return { anyOf: anyOfScalars() };
}

function anyOfScalars(): Fields[] {
  return ['string', 'number', 'boolean', 'object'].map((type) => ({ type, nullable: true }));
}

function describe(branch: Fields, description: string | undefined): Fields {
  return description === undefined || branch.description !== undefined ? branch : { ...branch, description };
}

function withNull(schema: Fields, isNullable: boolean): Fields {
  if (!isNullable) return schema;
  if (!Array.isArray(schema.anyOf)) return { ...schema, nullable: true };
  return { anyOf: (schema.anyOf as Fields[]).map((branch) => ({ ...branch, nullable: true })) };
}

function typesOf(schema: Fields): string[] {
  const named = (Array.isArray(schema.type) ? schema.type : [schema.type]).filter((type) => typeof type === 'string');
  if (named.length > 0) return named.map((type) => type.toLowerCase());
  if (isFields(schema.properties) || Array.isArray(schema.required)) return ['object'];
  if (schema.items !== undefined || schema.prefixItems !== undefined) return ['array'];
  const values = schema.const !== undefined ? [schema.const] : Array.isArray(schema.enum) ? schema.enum : [];
  return [...new Set(values.map(typeOfValue))];
}

function typeOfValue(value: unknown): string {
  if (value === null) return 'null';
  return Array.isArray(value) ? 'array' : typeof value;
}

function isOnlyNull(types: string[]): boolean {
  return types.length > 0 && types.every((type) => type === 'null');
}

function isNull(branch: unknown): boolean {
  return isFields(branch) && branch.type === 'null';
}

function isNullIn(values: unknown): boolean {
  return Array.isArray(values) && values.includes(null);
}

function textOf(schema: Fields): Fields {
  const description = text(schema.description);
  return description === undefined ? {} : { description };
}

function strings(value: unknown): string[] {
  return listOf(value).filter((item): item is string => typeof item === 'string');
}

function text(value: unknown): string | undefined {
  return typeof value === 'string' ? value : undefined;
}

/** Plain assignment of a property named `__proto__` would change the prototype instead. */
function setOwn(target: Fields, key: string, value: unknown): void {
  Object.defineProperty(target, key, { value, writable: true, enumerable: true, configurable: true });
}
