// A server's refusal of fields that it does not know or take, in the words of many servers → their places; and a body
// without them. What a request cannot do without is each provider's to say. Pure.

import { addNote } from './content.ts';
import { readOverflow } from './context-overflow.ts';
import { type Fields, fieldsOf, isFields, listOf, parseJson, textOf } from './fields.ts';
import { forOnce, isConditional } from './lessons.ts';
import type { LearnedTraits, UpstreamError } from './provider.ts';
import { readBody } from './read-error.ts';

/** Marks a lesson: `without:tools.*.strict`. */
const PREFIX = 'without:';
const MOST_LESSONS = 8;
const LONGEST_PLACE = 120;
/** A field of many places is refused in all of them, and told of one. */
const EVERYWHERE = 'cache_control';
/** What messages and tools are made of, wherever it stands; and what a bare name cannot mean. */
const STRUCTURE = new Set(['type', 'role', 'content', 'text', 'name', 'parts']);
const TOO_BARE = new Set([
  'id',
  'model',
  'messages',
  'contents',
  'input',
  'tools',
  'function',
  'stream',
  'system',
  'data',
]);
/** Below these the client's own words begin, and the schemas of its tools. */
const FOREIGN = new Set(['input', 'input_schema', 'parameters', 'parametersJsonSchema', 'arguments', 'args', 'schema']);

const REFUSED =
  /extra (?:inputs|fields)|extra_forbidden|not permitted|unknown (?:parameter|field|argument|name|key)|unrecognized (?:request argument|parameter|field|argument|key)|unsupported (?:parameter|field|argument|value)|unexpected (?:keyword|field|parameter|argument)|additional properties are not allowed|not supported|does not support|is unsupported/i;
const CODES = ['unsupported_parameter', 'unknown_parameter', 'unsupported_value'];

const NAME = String.raw`['"\x60]?([A-Za-z_][\w.[\]]*)['"\x60]?`;
/** Where the name stands in the sentence. */
const SENTENCES: readonly RegExp[] = [
  /(?:^|[\n,;]\s*)([A-Za-z_][\w.[\]]*): extra (?:inputs|fields)/gi,
  new RegExp(
    `(?:unknown|unsupported|unrecognized|unexpected) (?:request )?(?:parameter|field|argument|keyword argument)s?(?: supplied)?:? ${NAME}`,
    'gi',
  ),
  new RegExp(`unrecognized key(?:\\(s\\)|s)?(?: in object)?:? ${NAME}`, 'gi'),
  new RegExp(`additional properties are not allowed \\(${NAME} (?:was|were) unexpected\\)`, 'gi'),
  new RegExp(`property ${NAME} is unsupported`, 'gi'),
];
/** Google: the name, and the place it stands at. */
const UNKNOWN_NAME = /unknown name \\?"([\w-]+)\\?"(?: at '([^']*)')?/gi;
/** A list of pydantic's, as Python prints it. */
const PYTHON_PLACE = /'loc': \('body', ([^)]*)\)/g;

/** As lessons; null when the refusal names no field, or one that the request cannot do without. */
export function learnRefusedFields(
  error: UpstreamError,
  isEssential: (place: string) => boolean,
): LearnedTraits | null {
  const json = parseJson(error.body.toString('utf8'));
  const { message, codes } = readBody(json);
  if (readOverflow(codes, message) !== null) return null;
  if (!REFUSED.test(message) && !codes.some((code) => CODES.includes(code))) return null;
  const places = [...new Set(placesNamed(json, message).map(toPlace))]
    .filter((place) => place !== '' && place.length <= LONGEST_PLACE && !isStructure(place) && !isEssential(place))
    .slice(0, MOST_LESSONS);
  if (places.length === 0) return null;
  const isLasting = (place: string): boolean =>
    !isConditional(message) && !(isOfValue(codes, message) && CHOSEN.test(place));
  const toLesson = (told: readonly string[]) => Object.fromEntries(told.map((place) => [PREFIX + place, true]));
  const passing = places.filter((place) => !isLasting(place));
  return { ...toLesson(places.filter(isLasting)), ...forOnce(toLesson(passing)) };
}

/** Another value may be taken: no reason to keep the field from other requests. */
function isOfValue(codes: readonly string[], message: string): boolean {
  return codes.includes('unsupported_value') || /unsupported value/i.test(message);
}

/** Where clients choose among words, of which a model may know some. */
const CHOSEN = /(?:effort|level|verbosity|tool_?choice|tier)$/i;

function isStructure(place: string): boolean {
  return TOO_BARE.has(place) || STRUCTURE.has(place.slice(place.lastIndexOf('.') + 1));
}

/** Told in a member of its own first; the words are searched where there is none. */
function placesNamed(json: unknown, message: string): string[] {
  const root = fieldsOf(Array.isArray(json) ? json[0] : json);
  const param = textOf(fieldsOf(root.error).param) || textOf(root.param);
  const details = listOf(root.detail)
    .filter((detail) => REFUSED.test(`${fieldsOf(detail).type} ${fieldsOf(detail).msg}`))
    .map((detail) => listOf(fieldsOf(detail).loc).join('.'));
  const told = [param, ...details].filter((place) => place !== '');
  if (told.length > 0) return told;
  const google = [...message.matchAll(UNKNOWN_NAME)].map(([, name = '', at = '']) =>
    at === '' ? name : `${at}.${name}`,
  );
  const python = [...message.matchAll(PYTHON_PLACE)].map(([, loc = '']) =>
    loc.replaceAll(/['\s]/g, '').replaceAll(',', '.'),
  );
  const said = SENTENCES.flatMap((sentence) => [...message.matchAll(sentence)].map(([, name = '']) => name));
  return [...google, ...python, ...said];
}

/** `tools[0].strict`, `tools.0.custom.strict` → `tools.*.strict`, `tools.*.custom.strict`. */
function toPlace(told: string): string {
  const steps = told
    .split(/[.[\]/]+/)
    .filter((step) => step !== '')
    .map((step) => (/^\d+$/.test(step) ? '*' : step));
  const known = steps[0] === 'body' ? steps.slice(1) : steps;
  if (known.some((step) => step !== '*' && !/^[A-Za-z_][\w-]*$/.test(step))) return '';
  const every = known.indexOf(EVERYWHERE);
  return (every < 0 ? known : ['**', ...known.slice(every)]).join('.');
}

/** The body without what was refused before, each with its note. */
export function omitRefused<Body extends Fields>(
  body: Body,
  learned: LearnedTraits | undefined,
  notes: string[],
): Fields {
  let kept: Fields = body;
  for (const name of Object.keys(learned ?? {})) {
    if (!name.startsWith(PREFIX)) continue;
    const place = name.slice(PREFIX.length);
    const without = omit(kept, place);
    if (without === kept) continue;
    kept = without;
    addNote(notes, `omitted:${place.replaceAll(/\*+\./g, '')}`);
  }
  return kept;
}

function omit(body: Fields, place: string): Fields {
  const steps = place.split('.');
  const [first, ...rest] = steps;
  if (first === '**') return fieldsOf(everywhere(body, rest));
  const below = fieldsOf(cut(body, steps, true));
  // Servers that do not say where mean the first place that has it.
  return below === body && rest.length === 0 ? fieldsOf(everywhere(body, steps)) : below;
}

/** The value itself when nothing of it is at that place. */
function cut(value: unknown, [step = '', ...rest]: readonly string[], isRoot = false): unknown {
  if (Array.isArray(value)) return step === '*' ? mapped(value, (item) => cut(item, rest)) : value;
  if (!isFields(value)) return value;
  const key = Object.keys(value).find((name) => isSameName(name, step));
  // Places also name the kind of a block, which is no member of it.
  if (key === undefined) return isRoot || rest.length === 0 ? value : cut(value, rest);
  if (rest.length > 0) return withMember(value, key, cut(value[key], rest));
  const { [key]: _refused, ...others } = value;
  return others;
}

function everywhere(value: unknown, steps: readonly string[]): unknown {
  if (Array.isArray(value)) return mapped(value, (item) => everywhere(item, steps));
  if (!isFields(value)) return value;
  const here = fieldsOf(cut(value, steps, true));
  return Object.keys(here)
    .filter((key) => !FOREIGN.has(key) || Array.isArray(here[key]))
    .reduce<Fields>((kept, key) => withMember(kept, key, everywhere(kept[key], steps)), here);
}

function mapped(list: readonly unknown[], change: (item: unknown) => unknown): readonly unknown[] {
  const changed = list.map(change);
  return changed.some((item, at) => item !== list[at]) ? changed : list;
}

function withMember(fields: Fields, key: string, value: unknown): Fields {
  return value === fields[key] ? fields : { ...fields, [key]: value };
}

/** Google takes both spellings and answers in its own. */
function isSameName(name: string, step: string): boolean {
  return name === step || plain(name) === plain(step);
}

function plain(name: string): string {
  return name.replaceAll('_', '').toLowerCase();
}
