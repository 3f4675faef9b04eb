// Which session a turn is part of. Pure.
import { createHash } from 'node:crypto';
import type { ExchangeEntry } from '#shared/exchange/exchange.ts';
import { canonicalJson } from '#shared/messages/canonical-json.ts';
import type { Span } from '#shared/messages/scan-top-level.ts';
import type { MessagesRequest } from '#shared/wire/anthropic.ts';
import { skimRequest } from './skim-request.ts';

export type SessionIdentity = Pick<ExchangeEntry, 'sessionId' | 'sessionSource'>;

const SESSION_HEADER = 'x-claude-code-session-id';

/** Does the client itself say which session it is? Else it is known by its first message. */
export function hasNamedSession(
  bytes: Buffer,
  headers: Readonly<Record<string, string>>,
  spans: ReadonlyMap<string, Span> | null,
): boolean {
  if (headers[SESSION_HEADER]) return true;
  const request = skimRequest(bytes, { spans, users: 'none' });
  return request !== null && namedInBody(request) !== null;
}

export function sessionHeader(headers: Readonly<Record<string, string | string[] | undefined>>): string | undefined {
  const named = headers[SESSION_HEADER];
  return named === undefined || named === '' ? undefined : bounded(String(named));
}

const LEGACY_SESSION = /_session_([0-9a-f-]{36})$/;

export function identifySession(request: MessagesRequest, headers: Readonly<Record<string, string>>): SessionIdentity {
  const header = headers[SESSION_HEADER];
  if (header) return { sessionId: bounded(header), sessionSource: 'header' };
  const named = namedInBody(request);
  if (named !== null) return named;
  const messages = Array.isArray(request.messages) ? request.messages : [];
  const first = messages.find((message) => message?.role === 'user');
  return { sessionId: hash(canonicalJson(first ?? null)), sessionSource: 'fallback' };
}

function namedInBody(request: MessagesRequest): SessionIdentity | null {
  const userId = typeof request.metadata?.user_id === 'string' ? request.metadata.user_id : '';
  const fromJson = sessionInJson(userId);
  if (fromJson) return { sessionId: bounded(fromJson), sessionSource: 'metadata' };
  const legacy = LEGACY_SESSION.exec(userId)?.[1];
  return legacy ? { sessionId: legacy, sessionSource: 'legacy' } : null;
}

const LONGEST_ID = 128;

/** Ids come from clients: what is longer than any real one is known by its hash. */
function bounded(id: string): string {
  return id.length <= LONGEST_ID ? id : hash(id);
}

function sessionInJson(userId: string): string | undefined {
  if (!userId.startsWith('{')) return undefined;
  try {
    const value = JSON.parse(userId) as { session_id?: unknown };
    return typeof value.session_id === 'string' ? value.session_id : undefined;
  } catch {
    return undefined; // a user id may look like anything
  }
}

/** SHA-256 over the text with its length ahead, as hex. */
function hash(text: string): string {
  return createHash('sha256').update(`${text.length}:`).update(text).digest('hex');
}
