// What a model wrote as the arguments of a call → the JSON of an object, or the knowledge that it is none.
import { madeOnce } from '#shared/made-once.ts';
import { type Fields, fieldsOf, isFields, listOf, numberOf, parseJson } from '../fields.ts';
import type { FunctionTool } from '../tool-definitions.ts';
import { writeJson } from '../write-json.ts';

/**
 * The text itself when it is an object; else the object that was plainly meant: nothing at all, an empty object in
 * front, the same twice, JSON inside a string, line ends and tabs as they are in a string. Null when it takes guessing.
 */
export function toArguments(text: string): string | null {
  const json = text.trim();
  if (json === '' || json === 'null') return '{}';
  const value = parseJson(json);
  if (isFields(value)) return text;
  if (typeof value === 'string') return isFields(parseJson(value)) ? value : null;
  if (value !== undefined) return null;
  if (json.startsWith('{}')) return toArguments(json.slice(2));
  const half = json.slice(0, json.length / 2);
  if (half + half === json && isFields(parseJson(half))) return half;
  const escaped = escapeControls(text);
  return escaped !== text && isFields(parseJson(escaped)) ? escaped : null;
}

const STRINGS = /"(?:[^"\\]|\\.)*"/gs;
const CONTROLS = /\p{Cc}/gu;

/** JSON has no control characters inside strings, models write them. */
function escapeControls(json: string): string {
  return json.replace(STRINGS, (said) => said.replace(CONTROLS, (char) => JSON.stringify(char).slice(1, -1)));
}

/** Takes out optional arguments that hold nothing and that the tool would refuse; `json` is an object. */
export function dropRefused(json: string, schema: Fields): string {
  const given = fieldsOf(parseJson(json));
  const kept = Object.entries(given).filter(([name, value]) => !isRefused(schema, name, value));
  return kept.length === Object.keys(given).length ? json : writeJson(Object.fromEntries(kept));
}

/** Tools, by name, whose optional arguments may come as nothing and be refused. */
export function pickyTools(tools: readonly FunctionTool[]): ReadonlyMap<string, Fields> {
  return madeOnce(tools, 'picky', () => {
    const picky = tools.filter(({ schema }) => mayRefuse(schema));
    return new Map(picky.map(({ name, schema }) => [name, schema]));
  });
}

/** Has the tool optional arguments that may come as nothing and be refused? */
function mayRefuse(schema: Fields): boolean {
  return Object.keys(fieldsOf(schema.properties)).some(
    (name) => isRefused(schema, name, '') || isRefused(schema, name, []),
  );
}

function isRefused(schema: Fields, name: string, value: unknown): boolean {
  const properties = fieldsOf(schema.properties);
  if (!Object.hasOwn(properties, name) || listOf(schema.required).includes(name)) return false;
  return refuses(fieldsOf(properties[name]), value);
}

function refuses(schema: Fields, value: unknown): boolean {
  const types = typeof schema.type === 'string' ? [schema.type] : listOf(schema.type);
  const allows = (type: string): boolean => types.length === 0 || types.includes(type);
  const isListed = !Array.isArray(schema.enum) || schema.enum.includes(value);
  if (value === '')
    return !allows('string') || !isListed || (numberOf(schema.minLength) ?? 0) > 0 || isFormatted(schema);
  if (value === null) return types.length > 0 && !allows('null') && schema.nullable !== true;
  if (Array.isArray(value) && value.length === 0) return !allows('array') || (numberOf(schema.minItems) ?? 0) > 0;
  return false;
}

function isFormatted(schema: Fields): boolean {
  return typeof schema.format === 'string' && schema.format !== '';
}
