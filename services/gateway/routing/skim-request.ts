// As much of a request as the facts of a turn are made of, without making objects of the conversation: of the messages
// only the texts of the last user's and, when asked for, the first; of the tools only how many they are. Pure.
import {
  MOST_ELEMENTS,
  type Outline,
  type Span,
  scanFields,
  scanList,
  scanTopLevel,
} from '#shared/messages/scan-top-level.ts';
import type { MessagesRequest } from '#shared/wire/anthropic.ts';
import { SUBAGENT_MARK } from './classify-request.ts';

export const MAX_DEPTH = 512;
const QUOTE = 0x22;
const BACKSLASH = 0x5c;
const LETTER_U = 0x75;
const OPEN_BRACE = 0x7b;
const OPEN_BRACKET = 0x5b;
const NOT_READ = Object.freeze({ role: 'not read' });

export interface SkimOptions {
  /** Where the top-level values stand, when that is known. */
  readonly spans: ReadonlyMap<string, Span> | null;
  /** The first user message is needed, and the texts of the last; else only how many messages there are. */
  readonly users: 'none' | 'last' | 'both';
}

/**
 * The request with a placeholder for each message and tool that was not read, and of the instructions beside tools only as
 * much as shows a subagent; these three are no fields that are listed, and read when they are asked for. null when the
 * bytes are not a request.
 */
export function skimRequest(bytes: Buffer, options: SkimOptions): MessagesRequest | null {
  try {
    return skim(bytes, options.users, options.spans ?? scanTopLevel(bytes, MAX_DEPTH, new Set()));
  } catch {
    return null; // ours to look at, the upstream's to refuse
  }
}

function skim(bytes: Buffer, users: SkimOptions['users'], spans: ReadonlyMap<string, Span>): MessagesRequest {
  const request = new SkimmedRequest(bytes, users, spans) as unknown as Record<string, unknown>;
  for (const [key, span] of spans) {
    if (key !== 'system' && key !== 'messages' && key !== 'tools') request[key] = valueAt(bytes, span);
  }
  return request as unknown as MessagesRequest;
}

/** Has the fields that are read later; those that are read at once become its own. What cannot be read is as if it were not there. */
class SkimmedRequest {
  static {
    // A client's `__proto__` is a name like any other.
    Object.setPrototypeOf(SkimmedRequest.prototype, null);
  }

  readonly #bytes: Buffer;
  readonly #users: SkimOptions['users'];
  readonly #spans: ReadonlyMap<string, Span>;
  #system: { value: unknown } | null = null;
  #messages: { value: unknown } | null = null;
  #tools: { value: unknown } | null = null;

  constructor(bytes: Buffer, users: SkimOptions['users'], spans: ReadonlyMap<string, Span>) {
    this.#bytes = bytes;
    this.#users = users;
    this.#spans = spans;
  }

  get system(): unknown {
    const isHeadEnough = Array.isArray(this.tools) && this.tools.length > 0;
    this.#system ??= this.#read('system', isHeadEnough ? systemHead : valueAt);
    return this.#system.value;
  }

  get messages(): unknown {
    this.#messages ??= this.#read('messages', (bytes, span) => skimMessages(bytes, span, this.#users));
    return this.#messages.value;
  }

  get tools(): unknown {
    this.#tools ??= this.#read('tools', skimTools);
    return this.#tools.value;
  }

  #read(key: string, read: (bytes: Buffer, span: Span) => unknown): { value: unknown } {
    const span = this.#spans.get(key);
    return { value: span && readOr(undefined, () => read(this.#bytes, span)) };
  }
}

/** As JSON has it, from its rarest character on: some who write it escape an equals sign. */
const MARK_AS_WRITTEN = Buffer.from(SUBAGENT_MARK.slice(SUBAGENT_MARK.indexOf('_'), SUBAGENT_MARK.indexOf('=')));

/** The instructions with only the first of each text; none where they do not begin as those of a subagent do. */
function systemHead(bytes: Buffer, span: Span): unknown {
  const start = bytes.subarray(span.start, Math.min(span.end, span.start + 2 * HEAD_BYTES));
  if (!start.includes(MARK_AS_WRITTEN)) return undefined;
  if (bytes[span.start] !== OPEN_BRACKET) return textHead(bytes, span);
  return scanList(bytes, span, MAX_DEPTH).map(({ start }) => {
    const text = textSpan(bytes, start);
    return text === undefined ? NOT_READ : { text: textHead(bytes, text) };
  });
}

/** Enough for the first 400 characters, however they are escaped. */
const HEAD_BYTES = 2400;

/** Ends between two characters, however many escapes there are. */
function textHead(bytes: Buffer, { start, end }: Span): unknown {
  if (end - start <= HEAD_BYTES || bytes[start] !== QUOTE) return valueAt(bytes, { start, end });
  let at = start + 1;
  while (at < start + HEAD_BYTES) at += bytes[at] !== BACKSLASH ? 1 : bytes[at + 1] === LETTER_U ? 6 : 2;
  return JSON.parse(`${bytes.toString('utf8', start, at)}"`);
}

/** Of a list that is not too long to be read. */
function outlineOf({ outline }: Span): Outline | undefined {
  return outline !== undefined && outline.items <= MOST_ELEMENTS ? outline : undefined;
}

function skimMessages(bytes: Buffer, span: Span, users: SkimOptions['users']): unknown {
  if (bytes[span.start] !== OPEN_BRACKET) return valueAt(bytes, span);
  const outline = outlineOf(span);
  if (outline !== undefined && users !== 'both') {
    const messages: unknown[] = new Array(outline.items).fill(NOT_READ);
    if (users === 'none') return messages;
    const last = lastTexts(bytes, outline);
    if (last !== undefined) return messages.with(-1, last);
  }
  const places = scanList(bytes, span, MAX_DEPTH);
  const messages: unknown[] = new Array(places.length).fill(NOT_READ);
  if (users === 'none') return messages;
  const placeOf = (index: number): Span => places[index] ?? span;
  const last = places.findLastIndex((place) => isOfUser(bytes, place));
  if (last !== -1) messages[last] = textsOf(bytes, placeOf(last));
  const first = users === 'both' ? places.findIndex((place) => isOfUser(bytes, place)) : -1;
  if (first !== -1) messages[first] = valueAt(bytes, placeOf(first));
  return messages;
}

/** A last message written as nearly all are: its role, a user's, and then a list of blocks. undefined = it is another. */
function lastTexts(bytes: Buffer, { lastStart, fields, objects }: Outline): unknown {
  const [firstBlock] = objects;
  if (bytes[lastStart] !== OPEN_BRACE || fields !== 2 || firstBlock === undefined) return undefined;
  let role: unknown;
  scanFields(bytes, lastStart, MAX_DEPTH, (key, span) => {
    if (key === 'role') role = valueAt(bytes, span);
    return false;
  });
  const isContent = CONTENT.test(bytes.toString('latin1', Math.max(lastStart, firstBlock - 64), firstBlock));
  return role === 'user' && isContent ? toMessage(bytes, objects) : undefined;
}

const CONTENT = /[{,]\s*"content"\s*:\s*\[\s*$/;

function isOfUser(bytes: Buffer, message: Span): boolean {
  const role = fieldOf(bytes, message, 'role');
  return role !== undefined && valueAt(bytes, role) === 'user';
}

/** A user's message with only the texts of its blocks: results of tools are longer than all else. */
function textsOf(bytes: Buffer, message: Span): unknown {
  const content = fieldOf(bytes, message, 'content');
  if (content === undefined || bytes[content.start] !== OPEN_BRACKET) return valueAt(bytes, message);
  return toMessage(
    bytes,
    scanList(bytes, content, MAX_DEPTH).map(({ start }) => start),
  );
}

/** @param blocks where each begins */
function toMessage(bytes: Buffer, blocks: readonly number[]): unknown {
  if (blocks.length > MOST_ELEMENTS) return NOT_READ;
  const content = blocks.map((start) => {
    const text = textSpan(bytes, start);
    return text === undefined ? NOT_READ : { text: valueAt(bytes, text) };
  });
  return { role: 'user', content };
}

/** Where the text of a block stands. Most say first what they are: then the rest of one that is no text is not even looked through. */
export function textSpan(bytes: Buffer, start: number): Span | undefined {
  let found: Span | undefined;
  let isText = true;
  if (bytes[start] !== OPEN_BRACE) return undefined;
  scanFields(bytes, start, MAX_DEPTH, (key, span) => {
    if (key === 'text') found = span;
    if (key === 'type') isText = valueAt(bytes, span) === 'text';
    return isText;
  });
  return isText ? found : undefined;
}

/** Where the last field of that name stands; undefined when there is none, or the value is no object. */
function fieldOf(bytes: Buffer, { start }: Span, name: string): Span | undefined {
  let found: Span | undefined;
  if (bytes[start] !== OPEN_BRACE) return undefined;
  scanFields(bytes, start, MAX_DEPTH, (key, span) => {
    if (key === name) found = span;
    return true;
  });
  return found;
}

function readOr<T>(unreadable: T, read: () => T): T {
  try {
    return read();
  } catch {
    return unreadable;
  }
}

function skimTools(bytes: Buffer, span: Span): unknown {
  if (bytes[span.start] !== OPEN_BRACKET) return valueAt(bytes, span);
  return new Array(outlineOf(span)?.items ?? scanList(bytes, span, MAX_DEPTH).length).fill(NOT_READ);
}

/** What each tool of a list is called, and of what type it is. @throws ScanError or SyntaxError */
export function toolHeads(bytes: Buffer, span: Span): unknown[] {
  return scanList(bytes, span, MAX_DEPTH).map((tool) => {
    if (bytes[tool.start] !== OPEN_BRACE) return valueAt(bytes, tool);
    const [name, type] = [fieldOf(bytes, tool, 'name'), fieldOf(bytes, tool, 'type')];
    return { ...(name ? { name: valueAt(bytes, name) } : {}), ...(type ? { type: valueAt(bytes, type) } : {}) };
  });
}

export function valueAt(bytes: Buffer, { start, end }: Span): unknown {
  return JSON.parse(bytes.toString('utf8', start, end));
}
