// The work of an exchange that grows with the conversation: what kind of turn it is, and its body compressed. Pure, the
// same here and in the thread.
import { laidOutRequest, packBody } from '#shared/exchange/exchange.ts';
import type { Span } from '#shared/messages/scan-top-level.ts';
import { type Classification, classifyRequest } from './routing/classify-request.ts';
import { hasSessionHeader, identifySession, lineageOf, type TurnIdentity, turnKeyOf } from './routing/identify-turn.ts';
import { skimRequest } from './routing/skim-request.ts';

export interface ExchangeQuestion {
  /** From `layOutBody`; given away with the question. */
  laidOut: Uint8Array<ArrayBuffer>;
  /** null = nothing need be known of the turn. */
  describe: TurnQuestion | null;
  pack: boolean;
}

export interface TurnQuestion {
  headers: Readonly<Record<string, string>>;
  /** Whether it may be compared: then it is known by what it says. */
  forPairs: boolean;
}

/** `lineageId` and `turnKey` are '' when they were not asked for. */
export interface TurnFacts extends TurnIdentity {
  turnKey: string;
  kind: Classification;
  isThreadContinue: boolean;
}

export interface PreparedExchange {
  /** null when the body is no request after all, or nothing was asked. */
  turn: TurnFacts | null;
  /** Packed, or as it came. */
  body: Uint8Array<ArrayBuffer>;
}

export function prepareExchange({ laidOut, describe, pack }: ExchangeQuestion): PreparedExchange {
  return {
    turn: describe === null ? null : describeTurn(laidOutRequest(laidOut), describe, null),
    body: pack ? packBody(laidOut) : laidOut,
  };
}

/** null when the bytes are no request. `spans`: where its top-level values stand, null when that is not known. */
export function describeTurn(
  bytes: Buffer,
  { headers, forPairs }: TurnQuestion,
  spans: ReadonlyMap<string, Span> | null,
): TurnFacts | null {
  const skimmed = skimRequest(bytes, { spans, users: hasSessionHeader(headers) ? 'last' : 'both', tools: forPairs });
  if (skimmed === null) return null;
  const { request, messages, tools } = skimmed;
  const session = identifySession(request, headers);
  const { sessionId } = session;
  return {
    ...session,
    lineageId: forPairs ? lineageOf(sessionId, request, headers) : '',
    turnKey: forPairs ? turnKeyOf({ sessionId, model: request.model, messages, tools }) : '',
    kind: classifyRequest(request, headers),
    isThreadContinue: (request.thread as { type?: unknown } | undefined)?.type === 'continue',
  };
}
