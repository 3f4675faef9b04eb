// The identities of a turn: its session, the agent inside it, and the key by which a repeated attempt is known. Pure.
import { createHash } from 'node:crypto';
import type { ExchangeEntry } from '#shared/exchange/exchange.ts';
import { canonicalJson } from '#shared/messages/canonical-json.ts';
import type { Span } from '#shared/messages/scan-top-level.ts';
import type { MessagesRequest } from '#shared/wire/anthropic.ts';
import { systemText } from './classify-request.ts';
import { skimRequest } from './skim-request.ts';

export type SessionIdentity = Pick<ExchangeEntry, 'sessionId' | 'sessionSource'>;

/** The agent inside a session: by the client's own word, else by its instructions and tools. */
export function lineageOf(
  sessionId: string,
  request: MessagesRequest,
  headers: Readonly<Record<string, string>>,
): string {
  const agent = headers['x-claude-code-agent-id'];
  const lineage =
    agent ?? hash(withoutBillingBlock(systemText(request)), JSON.stringify(toolNames(request))).slice(0, 32);
  return `${sessionId}/${lineage}`;
}

/**
 * Equal for a turn that is sent again, also with another `stream` and `max_tokens`, as clients do after a failure. Made of
 * the bytes of `messages` and `tools` as they were sent: a client that repeats a turn writes them the same way, and who
 * writes the same conversation otherwise is asking anew.
 */
export function turnKeyOf(turn: { sessionId: string; model: string; messages: Uint8Array; tools: Uint8Array }): string {
  return hash(turn.sessionId, turn.model, turn.messages, turn.tools);
}

const SESSION_HEADER = 'x-claude-code-session-id';

/** Does the client itself say which session it is? Else it is known by its first message. */
export function hasNamedSession(
  bytes: Buffer,
  headers: Readonly<Record<string, string>>,
  spans: ReadonlyMap<string, Span> | null,
): boolean {
  if (headers[SESSION_HEADER]) return true;
  const request = skimRequest(bytes, { spans, users: 'none', tools: false })?.request;
  return request !== undefined && namedInBody(request) !== null;
}

export function sessionHeader(headers: Readonly<Record<string, string | string[] | undefined>>): string | undefined {
  const named = headers[SESSION_HEADER];
  return named === undefined ? undefined : bounded(String(named));
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

function withoutBillingBlock(system: string): string {
  return system.replace(/^x-anthropic-billing-header:[^\n]*\n?/, '');
}

function toolNames(request: MessagesRequest): string[] {
  const tools: unknown[] = Array.isArray(request.tools) ? request.tools : [];
  return tools.map((tool) => {
    const { name, type } = (tool ?? {}) as { name?: unknown; type?: unknown };
    return typeof name === 'string' ? name : typeof type === 'string' ? type : '';
  });
}

/** SHA-256 over the parts, each with its length ahead, as hex. */
function hash(...parts: Array<string | Uint8Array>): string {
  const digest = createHash('sha256');
  for (const part of parts) digest.update(`${part.length}:`).update(part);
  return digest.digest('hex');
}
