// `POST /v1/messages/count_tokens`. An upstream that can count is asked; where it cannot, or does not, the count is made
// here. Any count is kept for a while and shared by those who ask the same at once. No books, no exchange, and no limit on
// requests: a client asks two dozen times in a tenth of a second.
import { createHash } from 'node:crypto';
import type { RequestHandler } from 'express';
import { GatewayError } from '#shared/errors.ts';
import { inflateChunks } from '#shared/exchange/inflate-chunks.ts';
import { parseRequest } from '#shared/exchange/read-exchange.ts';
import { headerValue } from '#shared/messages/answer-headers.ts';
import { findProvider } from '#shared/providers/index.ts';
import type { Provider } from '#shared/providers/provider.ts';
import { askCount, canCount } from '#shared/upstream/ask-count.ts';
import { callUpstream } from '#shared/upstream/call-upstream.ts';
import { tokenRefused } from '#shared/upstream/credentials.ts';
import type { GatewayContext } from '../context.ts';
import { writeError } from '../error-response.ts';
import { accept } from '../messages/accept.ts';
import { authenticate } from '../messages/authenticate.ts';
import type { Call, Plan, RequestView } from '../messages/call.ts';
import { dispatch } from '../messages/dispatch.ts';
import { parse } from '../messages/parse.ts';
import { route } from '../messages/route.ts';
import { streamBack } from '../messages/stream-back.ts';
import { transform } from '../messages/transform.ts';
import { routeHeaders } from '../route-headers.ts';
import { sessionHeader } from '../routing/identify-turn.ts';

export function createCountTokensHandler(context: GatewayContext): RequestHandler {
  return async (req, res) => {
    const call = accept(req, res, context);
    try {
      const caller = authenticate(call, context);
      const request = await parse(call, context);
      refuseWhenOff(context);
      const plan = route(caller, request, call, context);
      if (findProvider(plan.primary)) await countHere(request, plan, call, context);
      else await askUpstream(request, plan, call, context);
    } catch (error) {
      writeError(error, call, context);
    } finally {
      for (const release of call.releases) release();
      const status = res.headersSent ? res.statusCode : 0;
      context.events.answered({
        requestId: call.id,
        traceId: call.trace.traceId,
        sessionId: sessionHeader(req.headers),
        route: 'count_tokens',
        status,
        outcome: outcomeOf(call, status),
        durationMs: sinceAccepted(call, context),
      });
    }
  };
}

function sinceAccepted(call: Call, { clock }: GatewayContext): number {
  return clock.monotonicMs() - call.acceptedAt;
}

function outcomeOf(call: Call, status: number): 'client_abort' | 'upstream_error' | 'client_error' | 'ok' {
  if (call.isClientGone) return 'client_abort';
  if (status >= 500) return 'upstream_error';
  return status >= 400 ? 'client_error' : 'ok';
}

/** Clients take the 404 for "not implemented" and count for themselves. */
function refuseWhenOff(context: GatewayContext): void {
  if (!context.config.countTokens) throw new GatewayError('not_found_error', 'count_tokens is switched off here');
}

async function countHere(request: RequestView, plan: Plan, call: Call, context: GatewayContext): Promise<void> {
  const provider = findProvider(plan.primary);
  const model = plan.model ?? request.model;
  const mayAsk = provider !== null && canCount({ provider, target: plan.primary, learned: context.learned }, model);
  const key = mayAsk ? [JSON.stringify([plan.primary.name, model]), request.bytes] : [request.bytes];
  const tokens = await context.counts.of(digest(key), async () => {
    const exact = mayAsk ? await countThere(request, provider, plan, context) : null;
    if (exact !== null) return exact;
    if (!mayAsk) context.events.tokensCounted(plan.primary.provider, 'gateway');
    return context.tokens.count(request.bytes);
  });
  if (tokens === null) throw new GatewayError('invalid_request_error', 'the request body is not valid JSON');
  sendCount(tokens, plan, call);
}

/** A client waits for its count no longer than it would for anything small. */
const COUNT_MS = 10_000;

/** null = it gave none. */
async function countThere(
  view: RequestView,
  provider: Provider,
  { primary: target }: Plan,
  context: GatewayContext,
): Promise<number | null> {
  const request = parseRequest(view.bytes);
  if (request === null) return null;
  const onTrouble = (why: unknown): void => context.events.tokensCounted(target.provider, 'estimate', why);
  const release = context.targetSlots(target).take();
  if (!release) {
    onTrouble(new Error('it has as many requests in flight as it may'));
    return null;
  }
  const { timeouts } = target;
  const short = { ...timeouts, firstByteMs: Math.min(timeouts.firstByteMs, COUNT_MS), deadlineMs: 2 * COUNT_MS };
  try {
    const tokens = await askCount(request, {
      ...{ provider, target, learned: context.learned, onTrouble },
      call: async (question) => {
        const answer = await callUpstream(question, { dispatcher: context.agentFor(target), timeouts: short });
        if (answer.status === 401) tokenRefused(target.credential, question.headers);
        return answer;
      },
    });
    if (tokens !== null) context.events.tokensCounted(target.provider, 'upstream');
    return tokens;
  } finally {
    release();
  }
}

async function askUpstream(request: RequestView, plan: Plan, call: Call, context: GatewayContext): Promise<void> {
  let asking: Promise<number | null> | null = null;
  const tokens = await context.counts.of(questionKey(request, plan, call), () => {
    asking = forward(request, plan, call, context);
    return asking.catch(() => null);
  });
  if (asking !== null) await asking;
  else if (tokens !== null) sendCount(tokens, plan, call);
  // Who asked for all got an answer for one client only: an error, or it left.
  else await forward(request, plan, call, context);
}

/** The upstream's answer goes to the client as it comes; returns the count when it held one. */
async function forward(request: RequestView, plan: Plan, call: Call, context: GatewayContext): Promise<number | null> {
  const answer = await dispatch(await transform(plan, request, call, context), plan, call, context);
  await streamBack(answer, plan, call, context);
  if (answer.status !== 200 || call.answerEnd !== 'complete' || !call.kept || call.kept.isPartial) return null;
  const encoding = headerValue(answer.rawHeaders, 'content-encoding');
  const { chunks } = await inflateChunks([...call.kept.chunks], encoding);
  return readCount(Buffer.concat(chunks.map(({ bytes }) => bytes)));
}

function readCount(body: Buffer): number | null {
  try {
    const { input_tokens } = JSON.parse(body.toString('utf8')) as { input_tokens?: unknown };
    return typeof input_tokens === 'number' ? input_tokens : null;
  } catch {
    return null; // the client has it as it came; it is only not kept
  }
}

/** Whose credential it is and which protocol is asked for belong to the question. */
function questionKey(request: RequestView, plan: Plan, call: Call): string {
  const { headers, url } = call.request;
  const asked = [plan.mode, plan.primary.name, plan.model, url, headers.authorization, headers['x-api-key']];
  const protocol = [headers['anthropic-version'], headers['anthropic-beta']];
  return digest([JSON.stringify([...asked, ...protocol]), request.bytes]);
}

function digest(parts: ReadonlyArray<string | Buffer>): string {
  const hash = createHash('sha256');
  for (const part of parts) hash.update(part).update('\0');
  return hash.digest('base64');
}

function sendCount(tokens: number, plan: Plan, call: Call): void {
  if (call.isClientGone) return;
  const body = JSON.stringify({ input_tokens: tokens });
  const headers = ['content-type', 'application/json', 'content-length', String(Buffer.byteLength(body))];
  call.response.writeHead(200, [...headers, ...routeHeaders(call, plan)]);
  call.response.end(body);
}
