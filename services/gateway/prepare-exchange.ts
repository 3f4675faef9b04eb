// The work of an exchange that grows with the conversation: what kind of turn it is, by what it is known, and its body
// compressed. The same here and in the thread.
import { laidOutRequest, packBody } from '#shared/exchange/exchange.ts';
import type { Span } from '#shared/messages/scan-top-level.ts';
import { type Classification, classifyRequest } from './routing/classify-request.ts';
import type { IdentifyPair, PairIdentity } from './routing/identify-pair.ts';
import { identifySession, namedSession, type SessionIdentity } from './routing/identify-turn.ts';
import { skimRequest } from './routing/skim-request.ts';

type Headers = Readonly<Record<string, string>>;

export interface ExchangeQuestion {
  /** From `layOutBody`; given away with the question. */
  laidOut: Uint8Array<ArrayBuffer>;
  headers: Headers;
  /** Say what kind of turn it is. */
  describe: boolean;
  /** The session of a turn that is compared, which has to be known again; null = it is not. */
  identifyIn: string | null;
  pack: boolean;
}

export interface TurnFacts extends SessionIdentity {
  kind: Classification;
  isThreadContinue: boolean;
}

/** null where nothing was asked, or the body is no request after all. */
export interface PreparedExchange {
  turn: TurnFacts | null;
  identity: PairIdentity | null;
  /** Packed, or as it came. */
  body: Uint8Array<ArrayBuffer>;
}

export function prepareExchange(question: ExchangeQuestion, identifyPair: IdentifyPair): PreparedExchange {
  const { laidOut, headers, describe, identifyIn, pack } = question;
  const request = laidOutRequest(laidOut);
  return {
    turn: describe ? describeTurn(request, headers, null) : null,
    identity: identifyIn === null ? null : identifyPair(request, headers, null, identifyIn),
    body: pack ? packBody(laidOut) : laidOut,
  };
}

/**
 * null when the bytes are no request. `spans`: where its top-level values stand, null when that is not known. The first
 * message is read only where the session is known by nothing else.
 */
export function describeTurn(
  bytes: Buffer,
  headers: Headers,
  spans: ReadonlyMap<string, Span> | null,
): TurnFacts | null {
  const users = namedSession(bytes, headers, spans) === null ? 'both' : 'last';
  const request = skimRequest(bytes, { spans, users });
  if (request === null) return null;
  return {
    ...identifySession(request, headers),
    kind: classifyRequest(request, headers),
    isThreadContinue: (request.thread as { type?: unknown } | undefined)?.type === 'continue',
  };
}
