// Which session a turn is part of: for its log line, its spans, the history and the comparison alike. Pure.
import type { ExchangeEntry } from '#shared/exchange/exchange.ts';
import { canonicalJson } from '#shared/messages/canonical-json.ts';
import { type Span, scanTopLevel } from '#shared/messages/scan-top-level.ts';
import { boundedSession, hashOfText, sessionOfUser } from '#shared/telemetry/client-user.ts';
import type { MessagesRequest } from '#shared/wire/anthropic.ts';
import type { FinishedCall } from '../messages/finished-call.ts';
import { MAX_DEPTH, valueAt } from './skim-request.ts';

export type SessionIdentity = Pick<ExchangeEntry, 'sessionId' | 'sessionSource'>;

type Headers = Readonly<Record<string, string>>;

const SESSION_HEADER = 'x-claude-code-session-id';

/**
 * As the client itself names it, in a header or its metadata; of the body nothing else is read. null = it does not: the
 * session is known by its first message. `spans`: where the top-level values stand, null when that is not known.
 */
export function namedSession(
  bytes: Buffer,
  headers: Headers,
  spans: ReadonlyMap<string, Span> | null,
): SessionIdentity | null {
  const header = sessionHeader(headers);
  if (header !== undefined) return { sessionId: header, sessionSource: 'header' };
  try {
    const metadata = (spans ?? scanTopLevel(bytes, MAX_DEPTH, new Set())).get('metadata');
    return metadata === undefined ? null : sessionOfUser(userIn(valueAt(bytes, metadata)));
  } catch {
    return null; // ours to look at, the upstream's to refuse
  }
}

/** As the client names it. */
export function sessionOfCall({
  request,
  requestSpans,
  clientHeaders,
}: Pick<FinishedCall, 'request' | 'requestSpans' | 'clientHeaders'>): string | undefined {
  if (request === null) return sessionHeader(clientHeaders);
  return namedSession(request, clientHeaders, requestSpans)?.sessionId;
}

export function sessionHeader(headers: Readonly<Record<string, string | string[] | undefined>>): string | undefined {
  const named = headers[SESSION_HEADER];
  return named === undefined || named === '' ? undefined : boundedSession(String(named));
}

export function identifySession(request: MessagesRequest, headers: Headers): SessionIdentity {
  const header = sessionHeader(headers);
  if (header !== undefined) return { sessionId: header, sessionSource: 'header' };
  const named = sessionOfUser(userIn(request.metadata));
  if (named !== null) return named;
  const messages = Array.isArray(request.messages) ? request.messages : [];
  const first = messages.find((message) => message?.role === 'user');
  return { sessionId: hashOfText(canonicalJson(first ?? null)), sessionSource: 'fallback' };
}

function userIn(metadata: unknown): unknown {
  return (metadata as { user_id?: unknown } | null | undefined)?.user_id;
}
