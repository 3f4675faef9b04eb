// Scenes that come over HTTP: unknown words are refused by name, so that a typing mistake is not a silent default.
import { errorMessage } from '#shared/errors.ts';
import { findUnknownQuirk } from './quirk-checks.ts';
import { isFields } from './read-ask.ts';
import type { Scene } from './script.ts';
import { InvalidSceneError } from './stage.ts';
import { VENDOR_REFUSALS } from './vendor-refusals.ts';

type Check = (value: unknown) => boolean;

const isString: Check = (value) => typeof value === 'string';
const isBoolean: Check = (value) => typeof value === 'boolean';
const isNumber: Check = (value) => typeof value === 'number' && Number.isFinite(value);
const isWhole: Check = (value) => Number.isInteger(value);
const oneOf = (...words: string[]): Check => {
  return (value) => typeof value === 'string' && words.includes(value);
};
const listOf = (check: Check): Check => {
  return (value) => Array.isArray(value) && value.every(check);
};
const shape = (required: Record<string, Check>, optional: Record<string, Check> = {}): Check => {
  return (value) =>
    isFields(value) &&
    Object.keys(required).every((key) => key in value) &&
    Object.entries(value).every(([key, member]) => (required[key] ?? optional[key])?.(member) ?? false);
};
const either = (...checks: Check[]): Check => {
  return (value) => checks.some((check) => check(value));
};
const isHeaders: Check = (value) => isFields(value) && Object.values(value).every(isString);
const isErrorKind = oneOf(
  'context-overflow',
  'credentials',
  'model-not-found',
  'quota',
  'rate-limit',
  'overloaded',
  'content-policy',
);
const isError = shape({}, { kind: isErrorKind, type: isString, message: isString, details: isFields });
const isManner = oneOf('close', 'reset');
const isResult = shape({ url: isString, title: isString }, { content: isString, date: isString });

const FAULTS: Record<string, Check> = {
  'cut-before-headers': shape({ kind: isString }, { manner: isManner }),
  'cut-after-headers': shape({ kind: isString }, { manner: isManner }),
  cut: shape({ kind: isString, after: isWhole }, { manner: isManner }),
  'cut-inside': shape({ kind: isString, after: isWhole }, { bytes: isWhole, manner: isManner }),
  'end-early': shape({ kind: isString, after: isWhole }),
  'error-event': shape({ kind: isString, after: isWhole }, { error: isError }),
  silence: shape({ kind: isString, after: isWhole }, { forMs: isNumber }),
  'silence-before-headers': shape({ kind: isString }, { forMs: isNumber }),
  garbage: shape({
    kind: isString,
    what: oneOf(
      'html',
      'not-json',
      'broken-chunking',
      'content-length-long',
      'content-length-short',
      'empty',
      'json-instead-of-stream',
    ),
  }),
};

const MEMBERS: Record<keyof Scene, Check> = {
  name: isString,
  model: isString,
  content: listOf((block) => isFields(block) && typeof block.type === 'string'),
  stopReason: isString,
  stopSequence: isString,
  usage: isFields,
  messageFields: isFields,
  deltaFields: isFields,
  answersSafeguards: isBoolean,
  deltaChars: isWhole,
  pings: either(oneOf('once', 'none'), shape({ everyMs: isNumber })),
  extraEvents: listOf(
    either(shape({ at: isWhole, event: isString, data: () => true }), shape({ at: isWhole, raw: isString })),
  ),
  lineEnd: oneOf('lf', 'crlf'),
  split: either(oneOf('event', 'whole'), shape({ bytes: isWhole }), shape({ seed: isNumber })),
  delays: shape({}, { headersMs: isNumber, firstByteMs: isNumber, betweenMs: isNumber }),
  headers: isHeaders,
  compress: oneOf('gzip'),
  status: (value) => isWhole(value) && Number(value) >= 200 && Number(value) <= 599,
  error: isError,
  body: isString,
  fault: (value) => isFields(value) && (FAULTS[String(value.kind)]?.(value) ?? false),
  refuses: oneOf(...VENDOR_REFUSALS),
  quirks: isFields,
  search: shape({ results: listOf(isResult) }),
  everyPath: isBoolean,
};

/** A scene from JSON. @throws InvalidSceneError naming the member that cannot be used. */
export function parseScene(value: unknown): Scene {
  if (!isFields(value)) throw new InvalidSceneError('scene: must be the name of a scene or an object');
  for (const [key, member] of Object.entries(value)) {
    const check = Object.hasOwn(MEMBERS, key) ? MEMBERS[key as keyof Scene] : undefined;
    if (!check)
      throw new InvalidSceneError(`scene.${key}: no such member; there are ${Object.keys(MEMBERS).join(', ')}`);
    if (key === 'quirks' && isFields(member)) refuseUnknownQuirk(member);
    if (!check(member)) throw new InvalidSceneError(`scene.${key}: cannot be ${JSON.stringify(member).slice(0, 200)}`);
  }
  return value as Scene;
}

function refuseUnknownQuirk(quirks: Record<string, unknown>): void {
  const unknown = findUnknownQuirk(quirks);
  if (unknown !== undefined)
    throw new InvalidSceneError(`scene.quirks.${unknown}: no such quirk, or not with this value`);
}

/** `{"scene": name or object, "times": n}`. @throws InvalidSceneError */
export function parseSceneOrder(text: string): { scene: Scene | string; times: number | undefined } {
  let order: unknown;
  try {
    order = JSON.parse(text);
  } catch (error) {
    throw new InvalidSceneError(`the body must be JSON such as {"scene": "text"}: ${errorMessage(error)}`);
  }
  if (!isFields(order)) throw new InvalidSceneError('the body must be an object such as {"scene": "text"}');
  const { scene, times } = order;
  if (times !== undefined && !(isWhole(times) && Number(times) > 0)) {
    throw new InvalidSceneError('times: must be a whole number above 0');
  }
  return {
    scene: typeof scene === 'string' ? scene : parseScene(scene),
    times: times === undefined ? undefined : Number(times),
  };
}
