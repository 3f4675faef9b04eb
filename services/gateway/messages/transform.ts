// Plan and request → Outbound. On a native route nothing changes but the model's name, hop-by-hop headers, the credential
// and thinking that the gateway itself signed; every other protocol is its provider's to write.
import { GatewayError } from '#shared/errors.ts';
import { parseRequest } from '#shared/exchange/read-exchange.ts';
import { editPieces } from '#shared/messages/edit-bytes.ts';
import { estimateTokens } from '#shared/messages/estimate-tokens.ts';
import type { KnownTools } from '#shared/messages/known-tools.ts';
import type { LongTexts } from '#shared/messages/long-texts.ts';
import { spliceModel } from '#shared/messages/splice-model.ts';
import { findOwnThinking } from '#shared/providers/find-own-thinking.ts';
import { findProvider } from '#shared/providers/index.ts';
import type { Provider } from '#shared/providers/provider.ts';
import type { Target } from '#shared/providers/target.ts';
import type { SentRequest } from '#shared/upstream/call-upstream.ts';
import { limitsOf, lowerMaxTokens, refuseTooLong } from '#shared/upstream/limit-request.ts';
import { type Conversion, startConversion } from '#shared/upstream/start-conversion.ts';
import { toUpstreamUrl } from '#shared/upstream/upstream-url.ts';
import type { MessagesRequest } from '#shared/wire/anthropic.ts';
import type { GatewayContext } from '../context.ts';
import { forwardHeaders } from '../forward-headers.ts';
import { type ReadRequest, readRequest } from '../read-request.ts';
import { identifySession } from '../routing/identify-turn.ts';
import type { Call, Plan, RequestView } from './call.ts';

export interface Outbound {
  request: SentRequest;
  /** How the answer becomes Anthropic's; null when it is. */
  conversion: Conversion | null;
}

/** @throws GatewayError 400 that names what the provider cannot carry, or says by how much the prompt is too long */
export async function transform(
  plan: Plan,
  request: RequestView,
  call: Call,
  context: Pick<GatewayContext, 'tokens' | 'tools' | 'learned' | 'search'>,
): Promise<Outbound> {
  const provider = findProvider(plan.primary);
  return provider ? convert(provider, plan, request, call, context) : pass(plan, request, call);
}

function pass(plan: Plan, request: RequestView, call: Call): Outbound {
  const span = request.spans.get('model');
  const isRenamed = plan.model !== null && plan.model !== request.model && span !== undefined;
  const messages = request.mayHoldOwnThinking ? request.spans.get('messages') : undefined;
  const thinking = findOwnThinking(request.bytes, messages);
  if (thinking.blocks > 0) call.notes.push(`omitted:own-thinking:${thinking.blocks}`);
  const edits = [...(isRenamed ? [spliceModel(span, plan.model)] : []), ...thinking.cuts];
  const headers = withVersion(forwardHeaders(call.request.rawHeaders, plan.primary), plan);
  return {
    request: {
      ...toUpstreamUrl(plan.primary, call.request.url ?? '/'),
      method: 'POST',
      headers: request.stream ? askForIdentity(headers) : headers,
      body: edits.length > 0 ? editPieces(request.bytes, edits) : request.bytes,
    },
    conversion: null,
  };
}

async function convert(
  provider: Provider,
  plan: Plan,
  view: RequestView,
  call: Call,
  context: Pick<GatewayContext, 'tokens' | 'tools' | 'learned' | 'search'>,
): Promise<Outbound> {
  const { request, texts } = takeRequest(view, plan.primary, context.tools);
  const headers: Record<string, string> = {};
  for (const [name, value] of Object.entries(call.request.headers))
    if (typeof value === 'string') headers[name] = value;
  const inputTokens = await countInput(request, texts, plan, view, context);
  const conversion = startConversion(request, {
    ...{ provider, target: plan.primary, inputTokens, learned: context.learned, search: context.search },
    ...(texts === null ? {} : { texts }),
    sessionId: sessionOf(request, texts, view, headers),
    anthropicVersion: headers['anthropic-version'] ?? null,
    anthropicBeta: headers['anthropic-beta'] ?? null,
  });
  call.notes.push(...conversion.notes);
  return { request: conversion.upstream, conversion };
}

/** What rules have read, or read now; steps of a pipeline see whole texts. @throws GatewayError 400 */
function takeRequest(view: RequestView, { pipeline }: Target, tools: KnownTools): ReadRequest {
  const known = view.parsed;
  view.parsed = null;
  if (known !== null && (known.texts === null || pipeline === null)) return known;
  const read = readRequest(view, pipeline !== null, tools);
  if (read === null) throw new GatewayError('invalid_request_error', 'the request body is not valid JSON');
  return read;
}

/** A session that the client does not name is known by the whole of its first message. */
function sessionOf(
  request: MessagesRequest,
  texts: LongTexts | null,
  view: RequestView,
  headers: Readonly<Record<string, string>>,
): string {
  const { sessionId, sessionSource } = identifySession(request, headers);
  const isWhole = texts === null || sessionSource !== 'fallback';
  return isWhole ? sessionId : identifySession(parseRequest(view.bytes) ?? request, headers).sessionId;
}

/** An estimate may be wrong by so much: where that decides whether a request fits, it is counted. */
const MARGIN = 1.6;

/** @throws GatewayError 400 when the target's window is too small for it */
async function countInput(
  request: MessagesRequest,
  texts: LongTexts | null,
  plan: Plan,
  view: RequestView,
  { tokens }: Pick<GatewayContext, 'tokens'>,
): Promise<number> {
  const estimate = estimateTokens(request, texts?.countText);
  const { contextWindow, maxOutput } = limitsOf(plan.primary, request.model);
  if (contextWindow === null) return estimate;
  const limited = lowerMaxTokens(request, maxOutput).request;
  if (estimate * MARGIN + (limited.max_tokens ?? 0) <= contextWindow) return estimate;
  const counted = (await tokens.count(view.bytes)) ?? estimate;
  refuseTooLong(limited, contextWindow, counted);
  return counted;
}

const VERSION = ['anthropic-version', '2023-06-01'];

/** A client that names no version may rely on a gateway for it; where its own credential goes, it is asked as it asked. */
function withVersion(headers: string[], { primary }: Plan): string[] {
  const isNamed = headers.some((name, index) => index % 2 === 0 && name.toLowerCase() === VERSION[0]);
  return isNamed || primary.credential.kind === 'client' ? headers : [...headers, ...VERSION];
}

/** A compressed stream would come in lumps, and where its last event ends could not be seen. */
function askForIdentity(headers: string[]): string[] {
  const kept: string[] = [];
  for (let index = 0; index < headers.length; index += 2) {
    const name = headers[index] ?? '';
    if (name.toLowerCase() !== 'accept-encoding') kept.push(name, headers[index + 1] ?? '');
  }
  kept.push('accept-encoding', 'identity');
  return kept;
}
