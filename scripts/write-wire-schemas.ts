// Writes test/fixtures/schemas/ from what vendors publish: the OpenAPI document of OpenAI (MIT licence) and the discovery
// document of the Gemini API (Apache-2.0). Only what describes the requests we make is kept, without a word of prose; what
// an object does not name it does not take.
// node --conditions=source scripts/write-wire-schemas.ts --openai openapi.yml --gemini discovery.json
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { parse as parseYaml } from 'yaml';

type Schema = Record<string, unknown>;

const FOLDER = join(import.meta.dirname, '../test/fixtures/schemas');
const DIALECT = 'https://json-schema.org/draft/2020-12/schema';
/** Words of JSON Schema that say what fits; everything else in a document is about it. */
const KEPT = new Set([
  ...['type', 'enum', 'const', 'format', 'pattern', 'required', 'minimum', 'maximum', 'exclusiveMinimum'],
  ...['minLength', 'maxLength', 'minItems', 'maxItems', 'uniqueItems', 'minProperties', 'maxProperties', 'not'],
]);
/** Names of numbers and bytes that say how they travel, not which fit. */
const LOOSE_FORMATS = new Set(['int32', 'int64', 'uint32', 'float', 'double', 'byte', 'binary', 'unixtime']);

const isSchema = (value: unknown): value is Schema =>
  typeof value === 'object' && value !== null && !Array.isArray(value);
const listOf = (value: unknown): unknown[] => (Array.isArray(value) ? value : []);
const nameOf = (ref: unknown): string => String(ref).replace(/^.*\//, '');

interface Source {
  document: string;
  version: string;
  licence: string;
  /** Every schema of the document, by name. */
  schemas: Record<string, Schema>;
}

/** The root and all it leads to. */
function prune(source: Source, root: string): Schema {
  const kept = new Map<string, Schema>();
  const waiting = [root];
  for (const name of waiting) {
    if (kept.has(name)) continue;
    // Documents also lead to what they do not hold: nothing is known of it.
    const found = source.schemas[name] ?? {};
    kept.set(
      name,
      clean(found, source.schemas, (ref) => waiting.push(ref)),
    );
  }
  const { document, version, licence } = source;
  return {
    $comment: `${root} of ${document}, version ${version}, licence ${licence}; pruned by scripts/write-wire-schemas.ts`,
    $schema: DIALECT,
    $ref: `#/$defs/${root}`,
    $defs: Object.fromEntries([...kept].sort(([a], [b]) => (a < b ? -1 : 1))),
  };
}

type OnRef = (name: string) => void;

function clean(schema: Schema, all: Source['schemas'], onRef: OnRef): Schema {
  if (schema.$ref !== undefined) {
    onRef(nameOf(schema.$ref));
    return { $ref: `#/$defs/${nameOf(schema.$ref)}` };
  }
  const whole = flatten(schema, all);
  const deep = (value: unknown): unknown => (isSchema(value) ? clean(value, all, onRef) : value);
  const choices = [...listOf(whole.anyOf), ...listOf(whole.oneOf)];
  const words = Object.entries(whole).filter(
    ([word, value]) => KEPT.has(word) && !(word === 'format' && LOOSE_FORMATS.has(String(value))),
  );
  const cleaned = {
    ...Object.fromEntries(words.filter(([word, value]) => word !== 'type' || value !== 'any')),
    ...(isSchema(whole.items) ? { items: deep(whole.items) } : {}),
    ...(choices.length > 0 ? { anyOf: choices.map(deep) } : {}),
    ...members(whole, deep),
  };
  return whole.nullable === true ? { anyOf: [cleaned, { type: 'null' }] } : cleaned;
}

/** An object that names its members takes no others. */
function members({ properties, additionalProperties }: Schema, deep: (value: unknown) => unknown): Schema {
  const more = additionalProperties === true ? undefined : deep(additionalProperties);
  if (!isSchema(properties)) return more === undefined ? {} : { additionalProperties: more };
  const named = Object.entries(properties).map(([name, value]) => [name, deep(value)]);
  return { properties: Object.fromEntries(named), additionalProperties: more ?? false };
}

/** Parts of one object become one object, so that it can be closed. */
function flatten(schema: Schema, all: Source['schemas']): Schema {
  const parts = listOf(schema.allOf).filter(isSchema);
  if (parts.length === 0) return schema;
  const { allOf: _, ...own } = schema;
  const whole: Schema = {};
  const properties: Schema = {};
  const required = new Set<unknown>();
  for (const part of [...parts, own]) {
    const next = flatten(part.$ref === undefined ? part : (all[nameOf(part.$ref)] ?? {}), all);
    Object.assign(whole, next);
    Object.assign(properties, next.properties);
    for (const name of listOf(next.required)) required.add(name);
  }
  return {
    ...whole,
    ...(Object.keys(properties).length > 0 ? { properties } : {}),
    ...(required.size > 0 ? { required: [...required] } : {}),
  };
}

function readOpenai(path: string): Source {
  const document = parseYaml(readFileSync(path, 'utf8')) as {
    info: { title: string; version: string; license: { name: string } };
    components: { schemas: Record<string, Schema> };
  };
  const { title, version, license } = document.info;
  return {
    document: `the OpenAPI document "${title}"`,
    version,
    licence: license.name,
    schemas: document.components.schemas,
  };
}

/** Google marks what is required in prose alone. */
function readDiscovery(path: string): Source {
  const document = JSON.parse(readFileSync(path, 'utf8')) as {
    title: string;
    version: string;
    revision: string;
    schemas: Record<string, Schema>;
  };
  const { title, version, revision, schemas } = document;
  const name = `the discovery document "${title}"`;
  return { document: name, version: `${version} of ${revision}`, licence: 'Apache-2.0', schemas };
}

const { values } = parseArgs({ options: { openai: { type: 'string' }, gemini: { type: 'string' } } });
if (!values.openai || !values.gemini) throw new Error('give --openai <openapi.yml> and --gemini <discovery.json>');
const openai = readOpenai(values.openai);
const gemini = readDiscovery(values.gemini);
mkdirSync(FOLDER, { recursive: true });
const files = {
  'openai-chat': prune(openai, 'CreateChatCompletionRequest'),
  'openai-responses': prune(openai, 'CreateResponse'),
  gemini: prune(gemini, 'GenerateContentRequest'),
};
for (const [name, schema] of Object.entries(files)) {
  writeFileSync(join(FOLDER, `${name}.json`), `${JSON.stringify(schema, null, 1)}\n`);
}
