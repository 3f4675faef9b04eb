// As much of a request as the facts of a turn are made of, without making objects of the conversation: of the messages
// only the texts of the last user's and, when asked for, the first; of the tools only what they are called. Pure.
import { type Span, scanFields, scanList, scanTopLevel } from '#shared/messages/scan-top-level.ts';
import type { MessagesRequest } from '#shared/wire/anthropic.ts';

export interface SkimmedRequest {
  /**
   * The request with a placeholder for each message and tool that was not read; `messages`, `tools` and `system` are no
   * fields that are listed.
   */
  request: MessagesRequest;
  /** The JSON of the conversation and of the tools, as sent; empty when absent. */
  messages: Buffer;
  tools: Buffer;
}

export const MAX_DEPTH = 512;
const OPEN_BRACE = 0x7b;
const OPEN_BRACKET = 0x5b;
const NOT_READ = Object.freeze({ role: 'not read' });

export interface SkimOptions {
  /** Where the top-level values stand, when that is known. */
  readonly spans: ReadonlyMap<string, Span> | null;
  /** The first user message is needed, and the texts of the last; else only how many messages there are. */
  readonly users: 'none' | 'last' | 'both';
  /** The names and types of the tools are needed, not only how many they are. */
  readonly tools: boolean;
}

/** null when the bytes are not a request. What is long is read when it is asked for. */
export function skimRequest(bytes: Buffer, options: SkimOptions): SkimmedRequest | null {
  try {
    return skim(bytes, options, options.spans ?? scanTopLevel(bytes, MAX_DEPTH, new Set()));
  } catch {
    return null; // ours to look at, the upstream's to refuse
  }
}

function skim(bytes: Buffer, options: SkimOptions, spans: ReadonlyMap<string, Span>): SkimmedRequest {
  const request = Object.create(null) as Record<string, unknown>;
  for (const [key, span] of spans) {
    const read = LONG_FIELDS[key];
    if (read === undefined) request[key] = valueAt(bytes, span);
    else readLater(request, key, () => read(bytes, span, options));
  }
  return {
    request: request as unknown as MessagesRequest,
    messages: bytesAt(bytes, spans.get('messages')),
    tools: bytesAt(bytes, spans.get('tools')),
  };
}

const LONG_FIELDS: Readonly<Record<string, (bytes: Buffer, span: Span, options: SkimOptions) => unknown>> = {
  __proto__: null as never,
  system: valueAt,
  messages: (bytes, span, { users }) =>
    bytes[span.start] === OPEN_BRACKET ? skimMessages(bytes, span, users) : valueAt(bytes, span),
  tools: (bytes, span, { tools }) => {
    if (bytes[span.start] !== OPEN_BRACKET) return valueAt(bytes, span);
    return tools ? skimTools(bytes, span) : scanList(bytes, span, MAX_DEPTH).map(() => NOT_READ);
  },
};

/** Not among the fields that are listed. What cannot be read is as if it were not there. */
function readLater(request: object, key: string, read: () => unknown): void {
  let value: unknown;
  let isRead = false;
  const get = (): unknown => {
    if (!isRead) value = readOr(undefined, read);
    isRead = true;
    return value;
  };
  Object.defineProperty(request, key, { get });
}

function skimMessages(bytes: Buffer, span: Span, users: SkimOptions['users']): unknown[] {
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

function isOfUser(bytes: Buffer, message: Span): boolean {
  const role = fieldOf(bytes, message, 'role');
  return role !== undefined && valueAt(bytes, role) === 'user';
}

/** A user's message with only the texts of its blocks: results of tools are longer than all else. */
function textsOf(bytes: Buffer, message: Span): unknown {
  const content = fieldOf(bytes, message, 'content');
  if (content === undefined || bytes[content.start] !== OPEN_BRACKET) return valueAt(bytes, message);
  const blocks = scanList(bytes, content, MAX_DEPTH).map((block) => {
    const text = textOf(bytes, block);
    return text === undefined ? NOT_READ : { text: valueAt(bytes, text) };
  });
  return { role: 'user', content: blocks };
}

/** Most say first what they are: then the rest of one that is no text is not even looked through. */
function textOf(bytes: Buffer, { start }: Span): Span | undefined {
  let found: Span | undefined;
  if (bytes[start] !== OPEN_BRACE) return undefined;
  scanFields(bytes, start, MAX_DEPTH, (key, span) => {
    if (key === 'text') found = span;
    return key !== 'type' || valueAt(bytes, span) === 'text';
  });
  return found;
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

/** What each tool is called, and of what type it is. @throws ScanError or SyntaxError */
export function skimTools(bytes: Buffer, span: Span): unknown[] {
  return scanList(bytes, span, MAX_DEPTH).map((tool) => {
    if (bytes[tool.start] !== OPEN_BRACE) return valueAt(bytes, tool);
    const [name, type] = [fieldOf(bytes, tool, 'name'), fieldOf(bytes, tool, 'type')];
    return { ...(name ? { name: valueAt(bytes, name) } : {}), ...(type ? { type: valueAt(bytes, type) } : {}) };
  });
}

export function valueAt(bytes: Buffer, { start, end }: Span): unknown {
  return JSON.parse(bytes.toString('utf8', start, end));
}

function bytesAt(bytes: Buffer, span: Span | undefined): Buffer {
  return span === undefined ? bytes.subarray(0, 0) : bytes.subarray(span.start, span.end);
}
