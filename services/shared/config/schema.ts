// The vocabulary of config schemas: one constructor a kind of key. Each gives a convict key whose format refuses with a
// sentence that says what to write instead; convict's own number formats take `12abc` for 12.

export type KeyKind = 'string' | 'integer' | 'number' | 'boolean' | 'strings' | 'map' | 'steps';

export interface Key<T> {
  doc: string;
  default: T;
  format: (value: unknown) => void;
  kind: KeyKind;
  sensitive: boolean;
  /** What of the format JSON Schema can say beside the kind, for files that are checked before they get here. */
  bounds?: Readonly<Record<string, unknown>>;
}

export interface SectionSchema {
  [key: string]: Key<unknown> | SectionSchema;
}

/** The typed values of a schema. */
export type Values<S> = { readonly [K in keyof S]: S[K] extends Key<infer T> ? T : Values<S[K]> };

export function isKey(node: Key<unknown> | SectionSchema): node is Key<unknown> {
  return typeof (node as Key<unknown>).format === 'function';
}

type Check = (value: unknown) => string | undefined;

function key<T>(kind: KeyKind, doc: string, value: T, check: Check, sensitive = false): Key<T> {
  const format = (given: unknown): void => {
    if (given === null && value === null) return;
    const complaint = check(given);
    if (complaint) throw new Error(complaint);
  };
  return { doc, default: value, format, kind, sensitive };
}

const isString: Check = (value) => (typeof value === 'string' ? undefined : 'must be a string');

export function text(doc: string, value: string): Key<string> {
  return key('string', doc, value, isString);
}

/** A string whose default may be none. */
export function textOr(doc: string, value: string | null): Key<string | null> {
  return key<string | null>('string', doc, value, (given) => (given === null ? undefined : isString(given)));
}

export function optionalText(doc: string): Key<string | null> {
  return key<string | null>('string', doc, null, isString);
}

export function secret(doc: string): Key<string | null> {
  return key<string | null>('string', doc, null, isString, true);
}

export function choice<const T extends string>(doc: string, options: readonly T[], value: T): Key<T> {
  const check: Check = (given) => (options.includes(given as T) ? undefined : mustBeOneOf(options));
  return { ...key<T>('string', doc, value, check), bounds: { enum: options } };
}

function mustBeOneOf(options: readonly string[]): string {
  return `must be one of ${options.map((option) => `"${option}"`).join(', ')}`;
}

export function optionalChoice<const T extends string>(doc: string, options: readonly T[]): Key<T | null> {
  const check: Check = (given) => (options.includes(given as T) ? undefined : mustBeOneOf(options));
  return { ...key<T | null>('string', doc, null, check), bounds: { enum: options } };
}

const HEADER_NAME = /^[a-z0-9!#$%&'*+.^_`|~-]+$/i;
const HEADER_VALUE = /^(?:[\x21-\x7e](?:[\x20-\x7e]*[\x21-\x7e])?)?$/;
/** They say how a message is sent, not who sends it. */
const NO_CREDENTIAL =
  /^(?:host|connection|keep-alive|te|trailer|transfer-encoding|upgrade|expect|content-.*|accept.*)$/i;

export function optionalHeader(doc: string): Key<string | null> {
  return key<string | null>('string', doc, null, (given) =>
    typeof given === 'string' && HEADER_NAME.test(given) && !NO_CREDENTIAL.test(given)
      ? undefined
      : 'must be the name of a header that may carry a key, e.g. "x-api-key"',
  );
}

export function flag(doc: string, value: boolean): Key<boolean> {
  return key('boolean', doc, value, (given) => (typeof given === 'boolean' ? undefined : 'must be true or false'));
}

export function optionalFlag(doc: string): Key<boolean | null> {
  return key<boolean | null>('boolean', doc, null, (given) =>
    typeof given === 'boolean' ? undefined : 'must be true or false',
  );
}

interface Range {
  min: number;
  max?: number;
}

function inRange(given: unknown, { min, max = Number.MAX_SAFE_INTEGER }: Range, whole: boolean): string | undefined {
  const isNumber = typeof given === 'number' && Number.isFinite(given) && (!whole || Number.isInteger(given));
  if (isNumber && given >= min && given <= max) return undefined;
  const upper = max === Number.MAX_SAFE_INTEGER ? '' : ` and at most ${max}`;
  return `must be a ${whole ? 'whole ' : ''}number of at least ${min}${upper}`;
}

function boundsOf({ min, max }: Range): Readonly<Record<string, unknown>> {
  return { minimum: min, ...(max === undefined ? {} : { maximum: max }) };
}

export function integer(doc: string, value: number, range: Range): Key<number> {
  return { ...key('integer', doc, value, (given) => inRange(given, range, true)), bounds: boundsOf(range) };
}

export function optionalInteger(doc: string, range: Range): Key<number | null> {
  return {
    ...key<number | null>('integer', doc, null, (given) => inRange(given, range, true)),
    bounds: boundsOf(range),
  };
}

/** A timer takes no more than 2^31 milliseconds, and goes off at once for more. */
const LONGEST_SECS = 2_000_000;

export function seconds(doc: string, value: number, min = 1): Key<number> {
  return integer(doc, value, { min, max: LONGEST_SECS });
}

export function optionalSeconds(doc: string): Key<number | null> {
  return optionalInteger(doc, { min: 1, max: LONGEST_SECS });
}

export function milliseconds(doc: string, value: number, min: number): Key<number> {
  return integer(doc, value, { min, max: LONGEST_SECS * 1000 });
}

export function number(doc: string, value: number, range: Range): Key<number> {
  return { ...key('number', doc, value, (given) => inRange(given, range, false)), bounds: boundsOf(range) };
}

export function optionalNumber(doc: string, range: Range): Key<number | null> {
  return {
    ...key<number | null>('number', doc, null, (given) => inRange(given, range, false)),
    bounds: boundsOf(range),
  };
}

export function strings(doc: string): Key<string[]> {
  return key<string[]>('strings', doc, [], (given) =>
    Array.isArray(given) && given.every((item) => typeof item === 'string') ? undefined : 'must be a list of strings',
  );
}

/** Any of the options, each written as it is here. */
export function choices<const T extends string>(doc: string, options: readonly T[]): Key<T[]> {
  return key<T[]>('strings', doc, [], (given) =>
    Array.isArray(given) && given.every((item) => options.includes(item as T))
      ? undefined
      : `must be a list of ${options.map((o) => `"${o}"`).join(', ')}`,
  );
}

/** Some of the options; null = not asked, and no list is as good as none. */
export function optionalChoices<const T extends string>(doc: string, options: readonly T[]): Key<T[] | null> {
  return key<T[] | null>('strings', doc, null, (given) =>
    Array.isArray(given) && given.length > 0 && given.every((item) => options.includes(item as T))
      ? undefined
      : `must be a list of one or more of ${options.map((o) => `"${o}"`).join(', ')}`,
  );
}

/** Matched against the whole of a text. */
export function optionalPattern(doc: string): Key<string | null> {
  return key<string | null>('string', doc, null, (given) =>
    typeof given === 'string' && given !== ''
      ? undefined
      : 'must be a text in which * stands for any characters, e.g. "claude-haiku-*"',
  );
}

/** A name that headers and labels may hold as it is; '' = it is missing. */
export function label(doc: string): Key<string> {
  return key('string', doc, '', (given) =>
    typeof given === 'string' && /^[\w.-]{0,64}$/.test(given)
      ? undefined
      : 'must be 1 to 64 letters, digits, ".", "_" or "-"',
  );
}

/** '' = it is missing. */
export function modelName(doc: string): Key<string> {
  return key('string', doc, '', (given) => {
    if (Array.isArray(given)) return 'must be one model or alias: lists and weights are not part of this version';
    return typeof given === 'string' ? undefined : 'must be the name of a model or an alias';
  });
}

export function stringMap(doc: string, sensitive = false): Key<Record<string, string>> {
  return key<Record<string, string>>('map', doc, {}, isTableOfStrings, sensitive);
}

const isTableOfStrings: Check = (given) =>
  given !== null &&
  typeof given === 'object' &&
  !Array.isArray(given) &&
  !Object.hasOwn(given, '__proto__') &&
  Object.values(given).every((item) => typeof item === 'string')
    ? undefined
    : 'must be a table of strings';

/** Header names and values, each of which may be a secret. */
export function headers(doc: string): Key<Record<string, string>> {
  return key<Record<string, string>>('map', doc, {}, isTableOfHeaders, true);
}

const isTableOfHeaders: Check = (given) => {
  const complaint = isTableOfStrings(given);
  if (complaint) return complaint;
  for (const [name, value] of Object.entries(given as Record<string, string>)) {
    if (!HEADER_NAME.test(name)) return `holds "${name}", which is no name of a header`;
    if (!HEADER_VALUE.test(value))
      return `holds a value of "${name}" that no header may have: visible ASCII in one line`;
  }
  return undefined;
};

/** One step of a pipeline: its name, or a table with the name and its parameters. */
export type StepSetting = string | ({ readonly use: string } & Readonly<Record<string, unknown>>);

/** Which steps there are, and what each takes, is checked where pipelines are made. */
export function steps(doc: string): Key<StepSetting[]> {
  const isStep = (item: unknown): boolean =>
    typeof item === 'string' ||
    (typeof item === 'object' && item !== null && !Array.isArray(item) && typeof Reflect.get(item, 'use') === 'string');
  const check: Check = (given) =>
    Array.isArray(given) && given.every(isStep)
      ? undefined
      : 'must be a list of steps in the config file, each a name or { use = "name", … }';
  return key<StepSetting[]>('steps', doc, [], check);
}

export function address(doc: string, value: string): Key<string> {
  return key('string', doc, value, (given) =>
    typeof given === 'string' && parseAddress(given) ? undefined : 'must be host:port, e.g. "127.0.0.1:3080"',
  );
}

export function optionalUrl(doc: string): Key<string | null> {
  return key<string | null>('string', doc, null, checkUrl);
}

/** A URL that paths are put behind. Whether one may be missing, which is '', is looked at elsewhere. */
export function baseUrl(doc: string, value: string): Key<string> {
  return key('string', doc, value, (given) => (given === '' && value === '' ? undefined : checkBaseUrl(given)));
}

export function optionalBaseUrl(doc: string): Key<string | null> {
  return key<string | null>('string', doc, null, checkBaseUrl);
}

const checkBaseUrl: Check = (given) =>
  checkUrl(given) ??
  (/[?#]/.test(String(given)) ? 'must have no query and no fragment: paths are put behind it' : undefined);

const checkUrl: Check = (given) => {
  if (typeof given !== 'string' || !URL.canParse(given)) return 'must be a URL, e.g. "https://models.example.com"';
  const { protocol, username, password } = new URL(given);
  if (username || password) return 'must not hold credentials: use env_key or key_file';
  if (protocol !== 'http:' && protocol !== 'https:') return 'must begin with http:// or https://';
  return undefined;
};

export interface Address {
  host: string;
  port: number;
}

/** `host:port`, `[v6]:port` → parts; undefined when it is neither. Port 0 asks the system for a free one. */
export function parseAddress(value: string): Address | undefined {
  const match = /^(\[[0-9a-fA-F:.]+\]|[^:[\]\s]+):(\d{1,5})$/.exec(value);
  const [, host = '', port = ''] = match ?? [];
  return match && Number(port) <= 65535 ? { host: host.replace(/^\[|\]$/g, ''), port: Number(port) } : undefined;
}

export function isLoopback(host: string): boolean {
  return host === 'localhost' || host === '::1' || /^127\.\d+\.\d+\.\d+$/.test(host);
}
