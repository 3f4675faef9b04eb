// Steps that write at a place in a body, which JSON paths name.
import { type Fields, fieldsOf, isFields } from '#shared/providers/fields.ts';
import { ABSENT, changeAt, type JsonPath, parsePath } from '../json-path.ts';
import { DECIDED, jsonValue, optional, path, table } from '../params.ts';
import type { Place, StepKind, StepWork } from '../step.ts';

const PLACES: readonly [Place, ...Place[]] = ['request', 'request upstream', 'response upstream'];

export const bodySet: StepKind = {
  name: 'body-set',
  about: 'Writes a value; tables on the way that are missing are made.',
  places: PLACES,
  params: [path('Where.'), jsonValue('What.')],
  create: ({ path: place, value }) => change(place, () => value, true),
};

export const bodyDelete: StepKind = {
  name: 'body-delete',
  about: 'Takes out what is there.',
  places: PLACES,
  params: [path('Where.')],
  create: ({ path: place }) => change(place, () => ABSENT),
};

export const bodyAppend: StepKind = {
  name: 'body-append',
  about: 'Puts a value at the end of a list, or a text at the end of a text.',
  places: PLACES,
  params: [path('The list or text.'), jsonValue('What.')],
  create: ({ path: place, value }) => change(place, (there) => append(there, value)),
};

export const bodyMerge: StepKind = {
  name: 'body-merge',
  about: 'Writes the members of a table into one that is there, and so on in the tables that both hold.',
  places: PLACES,
  params: [optional(path('The table; unset = the whole body.', { mayBeRoot: true })), table('The members.')],
  complaint: ({ path: place = '$', value }) => {
    const name =
      place === '$' ? [...DECIDED.keys()].find((decided) => Object.hasOwn(fieldsOf(value), decided)) : undefined;
    return name === undefined ? undefined : `has a value with ${name}, which ${DECIDED.get(name)}: leave it out`;
  },
  create: ({ path: place = '$', value }) => change(place, (there) => (isFields(there) ? merge(there, value) : there)),
};

function change(place: unknown, work: (value: unknown) => unknown, creates = false): StepWork {
  const parsed = parsePath(String(place)) as JsonPath;
  return { on: 'body', change: (body) => changeAt(body, parsed, work, { creates }) as Fields };
}

function append(there: unknown, value: unknown): unknown {
  if (Array.isArray(there)) return [...there, value];
  return typeof there === 'string' && typeof value === 'string' ? there + value : there;
}

function merge(there: unknown, value: unknown): unknown {
  if (!isFields(there) || !isFields(value)) return value;
  const merged: Fields = { ...there };
  for (const [name, member] of Object.entries(value)) {
    merged[name] = merge(Object.hasOwn(there, name) ? there[name] : undefined, member);
  }
  return merged;
}
