// As much of a request as the facts of a turn are made of, without making objects of the conversation: of the messages
// only the last user's and, when asked for, the first; of the tools only what they are called. Pure.
import { type Span, scanList, scanTopLevel } from '#shared/messages/scan-top-level.ts';
import type { MessagesRequest } from '#shared/wire/anthropic.ts';

export interface SkimmedRequest {
  /**
   * The request with a placeholder for each message that was not read and tools that have only names and types. Its
   * length is that of the conversation.
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

/** null when the bytes are not a request. `withFirst` = the first user message is needed too. */
export function skimRequest(bytes: Buffer, withFirst: boolean): SkimmedRequest | null {
  try {
    return skim(bytes, withFirst);
  } catch {
    return null; // ours to look at, the upstream's to refuse
  }
}

function skim(bytes: Buffer, withFirst: boolean): SkimmedRequest {
  const spans = scanTopLevel(bytes, MAX_DEPTH, new Set());
  const fields = [...spans].map(([key, span]) => [key, readField(key, bytes, span, withFirst)] as const);
  return {
    request: Object.fromEntries(fields) as unknown as MessagesRequest,
    messages: bytesAt(bytes, spans.get('messages')),
    tools: bytesAt(bytes, spans.get('tools')),
  };
}

function readField(key: string, bytes: Buffer, span: Span, withFirst: boolean): unknown {
  if (bytes[span.start] !== OPEN_BRACKET) return valueAt(bytes, span);
  if (key === 'messages') return skimMessages(bytes, span, withFirst);
  return key === 'tools' ? skimTools(bytes, span) : valueAt(bytes, span);
}

function skimMessages(bytes: Buffer, span: Span, withFirst: boolean): unknown[] {
  const places = scanList(bytes, span, MAX_DEPTH);
  const messages: unknown[] = new Array(places.length).fill(NOT_READ);
  const readUntilUser = (order: Iterable<number>): void => {
    for (const index of order) {
      const place = places[index];
      if (place === undefined) return;
      if (messages[index] === NOT_READ) messages[index] = valueAt(bytes, place);
      if ((messages[index] as { role?: unknown } | null)?.role === 'user') return;
    }
  };
  if (withFirst) readUntilUser(places.keys());
  readUntilUser([...places.keys()].reverse());
  return messages;
}

/** What each tool is called, and of what type it is. @throws ScanError or SyntaxError */
export function skimTools(bytes: Buffer, span: Span): unknown[] {
  return scanList(bytes, span, MAX_DEPTH).map((tool) => {
    const own = bytes.subarray(tool.start, tool.end);
    if (own[0] !== OPEN_BRACE) return valueAt(bytes, tool);
    const places = scanTopLevel(own, MAX_DEPTH, new Set());
    const [name, type] = [places.get('name'), places.get('type')];
    return { ...(name ? { name: valueAt(own, name) } : {}), ...(type ? { type: valueAt(own, type) } : {}) };
  });
}

export function valueAt(bytes: Buffer, { start, end }: Span): unknown {
  return JSON.parse(bytes.toString('utf8', start, end));
}

function bytesAt(bytes: Buffer, span: Span | undefined): Buffer {
  return span === undefined ? bytes.subarray(0, 0) : bytes.subarray(span.start, span.end);
}
