// Structured logs: one line an event, JSON for machines or a short form for terminals. Credentials never get through, and
// neither a field that cannot be printed nor a place that takes no lines ever fails the caller. A line is text before
// winston sees it, and lines of one moment may go through it as one.
import type { Writable } from 'node:stream';
import { createLogger as createWinston, format, transports, type Logger as Winston } from 'winston';
import { boundedStream } from './bounded-stream.ts';
import { createLogLevels, type LogLevel, type LogLevels } from './log-levels.ts';
import { isSecretName, mayHoldSecret, REDACTED, scrubText } from './secret-shapes.ts';

export interface Logger {
  debug(event: string, fields?: Record<string, unknown>): void;
  info(event: string, fields?: Record<string, unknown>): void;
  warn(event: string, fields?: Record<string, unknown>): void;
  error(event: string, fields?: Record<string, unknown>): void;
}

/** A logger that can make others which add the same fields to each of their lines. */
export interface ServiceLogger extends Logger {
  child(bindings: Record<string, unknown>): ServiceLogger;
}

export type { LogLevel } from './log-levels.ts';

export interface LoggerOptions {
  /** `cc-gateway`, …: on every line. */
  service: string;
  level: LogLevel;
  /** Instead of `level`, where it may change; a component is what a line's field `component` says. */
  levels?: LogLevels;
  /** The short form, for people. */
  pretty: boolean;
  /** Where lines go; default stdout. */
  stream?: Writable;
  /** Told how many lines were lost because the stream failed or is not read. */
  onDropped?(lines: number): void;
  /** Fields of every line. */
  bindings?: Record<string, unknown>;
  /** Lines of `debug` and `info` wait for others of the same turn of the event loop; the rest is written at once. */
  isBatched?: boolean;
}

/** The line that says why others are missing is written at every level. */
export const LEVELS_CHANGED = 'log.changed';

const LEVELS: Record<LogLevel, number> = { error: 0, warn: 1, info: 2, debug: 3 };
const LONGEST_STRING = 4096;
const CUT_MARGIN = 512;
const MOST_ITEMS = 100;
const DEEPEST = 6;
const MOST_BATCHED = 256;
const MOST_NAMES = 1024;
const LONGEST_NAME = 64;
/** Lines that wait for a slow reader take no more memory than this. */
const MOST_WAITING_BYTES = 8 * 1024 * 1024;

export function createLogger(options: LoggerOptions): ServiceLogger {
  const toLine = options.pretty ? toPrettyLine : createJsonLine();
  const bindings = { service: options.service, ...options.bindings };
  const stream = boundedStream(options.stream ?? process.stdout, {
    maxBytes: MOST_WAITING_BYTES,
    notice: (lines) =>
      `${toLine({ time: new Date(), level: 'warn', event: 'log.dropped', bindings, fields: { lines } })}\n`,
    onDropped: (lines) => options.onDropped?.(lines),
  });
  const winston = createWinston({
    levels: LEVELS,
    level: 'debug',
    format: format.printf((entry) => String(entry.message)),
    transports: [new transports.Stream({ stream, eol: '\n' })],
  });
  const levels = options.levels ?? createLogLevels({ level: options.level, components: {} });
  return bind({ lines: new LineBatch(winston, options.isBatched ?? false), toLine, levels }, bindings);
}

interface Line {
  time: Date;
  level: LogLevel;
  event: string;
  bindings: Record<string, unknown>;
  fields: Record<string, unknown> | undefined;
}

/** Lines on their way to winston, which takes many in one entry for the price of one. */
class LineBatch {
  readonly #winston: Winston;
  readonly #isBatched: boolean;
  #waiting: string[] = [];

  constructor(winston: Winston, isBatched: boolean) {
    this.#winston = winston;
    this.#isBatched = isBatched;
    if (isBatched) process.once('exit', () => this.flush('info'));
  }

  add(level: LogLevel, line: string): void {
    this.#waiting.push(line);
    const mayWait = this.#isBatched && LEVELS[level] >= LEVELS.info && this.#waiting.length < MOST_BATCHED;
    if (!mayWait) this.flush(level);
    else if (this.#waiting.length === 1) setImmediate(() => this.flush('info'));
  }

  flush(level: LogLevel): void {
    if (this.#waiting.length === 0) return;
    const message = this.#waiting.join('\n');
    this.#waiting = [];
    this.#winston.log({ level, message });
  }
}

interface BoundParts {
  lines: LineBatch;
  toLine(line: Line): string;
  levels: LogLevels;
}

function bind(parts: BoundParts, bindings: Record<string, unknown>): ServiceLogger {
  const { lines, toLine, levels } = parts;
  const { component } = bindings;
  const write = (level: LogLevel, event: string, fields: Record<string, unknown> | undefined): void => {
    if (!levels.admits(level, component) && event !== LEVELS_CHANGED) return;
    lines.add(level, toLine({ time: new Date(), level, event, bindings, fields }));
  };
  return {
    debug: (event, fields) => write('debug', event, fields),
    info: (event, fields) => write('info', event, fields),
    warn: (event, fields) => write('warn', event, fields),
    error: (event, fields) => write('error', event, fields),
    child: (more) => bind(parts, { ...bindings, ...more }),
  };
}

const OWN_NAMES = new Set(['time', 'level', 'event']);

function createJsonLine(): (line: Line) => string {
  const toPlainLine = createPlainLine();
  return (line) => toPlainLine(line) ?? toJsonLine(line);
}

/** The same line as `toJsonLine` makes, of fields that need no care; undefined for all others. */
function createPlainLine(): (line: Line) => string | undefined {
  const nameOf = createNameMemory();
  const isHarmless = createTextMemory();
  const print = (fields: Record<string, unknown>): string | undefined => {
    const names = Object.keys(fields);
    if (names.length > MOST_ITEMS / 2) return undefined;
    let printed = '';
    for (const name of names) {
      const { prefix, isSecret } = nameOf(name);
      const value = fields[name];
      if (value === undefined && !isSecret) continue;
      const text = isSecret ? JSON.stringify(REDACTED) : plainValue(value, isHarmless);
      if (text === undefined || name.length > LONGEST_NAME) return undefined;
      printed += prefix + text;
    }
    return printed;
  };
  return ({ time, level, event, bindings, fields = {} }) => {
    try {
      for (const name of Object.keys(bindings)) if (Object.hasOwn(fields, name)) return undefined;
      const bound = print(bindings);
      const own = print(fields);
      if (bound === undefined || own === undefined || !isHarmless(event)) return undefined;
      return `{"time":"${time.toISOString()}","level":"${level}","event":${JSON.stringify(event)}${bound}${own}}`;
    } catch {
      return undefined; // a getter that throws: the careful way says so on the line
    }
  };
}

interface KnownName {
  /** What stands before its value. */
  prefix: string;
  isSecret: boolean;
}

/** What a name says does not change, and names are few. */
function createNameMemory(): (name: string) => KnownName {
  const known = new Map<string, KnownName>();
  return (name) => {
    const before = known.get(name);
    if (before !== undefined) return before;
    const printed = scrubText(OWN_NAMES.has(name) ? `${name}_` : name);
    const read = { prefix: `,${JSON.stringify(printed)}:`, isSecret: isSecretName(name) };
    if (known.size < MOST_NAMES && name.length <= LONGEST_NAME) known.set(name, read);
    return read;
  };
}

/** Most ids: no rule for secrets knows one that is made of these alone. */
const HEX_DIGITS = /^[\da-f-]*$/;

/** Whether a text certainly holds no secret; most are ids, or one of a few words. */
function createTextMemory(): (text: string) => boolean {
  const harmless = new Set<string>();
  return (text) => {
    if (harmless.has(text) || HEX_DIGITS.test(text)) return true;
    if (mayHoldSecret(text)) return false;
    if (harmless.size < MOST_NAMES && text.length <= LONGEST_NAME) harmless.add(text);
    return true;
  };
}

/** undefined when it needs care. */
function plainValue(value: unknown, isHarmless: (text: string) => boolean): string | undefined {
  switch (typeof value) {
    case 'string':
      return value.length <= LONGEST_STRING && isHarmless(value) ? JSON.stringify(value) : undefined;
    case 'number':
      return Number.isFinite(value) ? String(value) : 'null';
    case 'boolean':
      return String(value);
    default:
      return value === null ? 'null' : undefined;
  }
}

function toJsonLine(line: Line): string {
  const printed: Record<string, unknown> = {
    time: line.time.toISOString(),
    level: line.level,
    event: scrubText(line.event),
  };
  for (const [name, value] of Object.entries(printable(line))) {
    printed[OWN_NAMES.has(name) ? `${name}_` : name] = value;
  }
  return JSON.stringify(printed);
}

function toPrettyLine(line: Line): string {
  const words = [line.time.toISOString().slice(11, 23), line.level.padEnd(5), oneLine(scrubText(line.event))];
  for (const [name, value] of Object.entries(printable(line))) {
    if (name === 'service') continue;
    words.push(`${oneLine(name)}=${plainWord(value) ? value : JSON.stringify(value)}`);
  }
  return words.join(' ');
}

function plainWord(value: unknown): boolean {
  return typeof value === 'string' && /^[\w./:@+-]+$/.test(value);
}

function oneLine(text: string): string {
  return JSON.stringify(text).slice(1, -1);
}

function printable({ bindings, fields }: Line): Record<string, unknown> {
  try {
    return toPrintableObject({ ...bindings, ...fields }, 0, new Set());
  } catch (error) {
    return { fields_error: scrubText(error instanceof Error ? error.message : String(error)) };
  }
}

function toPrintable(value: unknown, depth: number, parents: ReadonlySet<unknown>): unknown {
  if (typeof value === 'string') return shortText(value);
  if (typeof value === 'bigint') return value.toString();
  if (typeof value === 'function' || typeof value === 'symbol') return undefined;
  if (typeof value !== 'object' || value === null) return value;
  if (ArrayBuffer.isView(value)) return `[${value.byteLength} bytes]`;
  if (value instanceof Date) return Number.isNaN(value.getTime()) ? null : value.toISOString();
  if (parents.has(value)) return '[circular]';
  if (depth >= DEEPEST) return '[too deep]';
  const path = new Set([...parents, value]);
  if (value instanceof Error) return toPrintableObject(errorFields(value), depth + 1, path);
  if (value instanceof URL) return shortText(value.href);
  if (Array.isArray(value)) return toPrintableList(value, depth + 1, path);
  const entries = value instanceof Map ? Object.fromEntries(value) : { ...value };
  return toPrintableObject(entries as Record<string, unknown>, depth + 1, path);
}

function toPrintableObject(
  fields: Record<string, unknown>,
  depth: number,
  parents: ReadonlySet<unknown>,
): Record<string, unknown> {
  const printed: Record<string, unknown> = {};
  for (const [name, value] of Object.entries(fields).slice(0, MOST_ITEMS)) {
    printed[shortText(name)] = isSecretName(name) ? REDACTED : toPrintable(value, depth, parents);
  }
  return printed;
}

/** A flat list of header names and values loses the value that follows a secret name. */
function toPrintableList(list: readonly unknown[], depth: number, parents: ReadonlySet<unknown>): unknown[] {
  return list.slice(0, MOST_ITEMS).map((item, index) => {
    const before = list[index - 1];
    const isSecret = typeof before === 'string' && isSecretName(before);
    return isSecret ? REDACTED : toPrintable(item, depth, parents);
  });
}

function errorFields(error: Error): Record<string, unknown> {
  const code = 'code' in error ? { code: error.code } : {};
  const cause = error.cause === undefined ? {} : { cause: error.cause };
  return { name: error.name, message: error.message, ...code, ...cause };
}

/** Scrubbed before it is cut, with a margin: the start of a secret at the cut is a secret too. */
function shortText(text: string): string {
  if (text.length <= LONGEST_STRING) return scrubText(text);
  const clean = scrubText(text.slice(0, LONGEST_STRING + CUT_MARGIN));
  return `${clean.slice(0, Math.min(LONGEST_STRING, clean.length - CUT_MARGIN))}… [${text.length} characters]`;
}
