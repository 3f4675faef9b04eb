// UpstreamRequest → Answer: the bytes of an upstream as they arrive. One attempt, and a second where a converted request
// asked for what the upstream does not know; what was refused with the gateway's own key is the gateway's failure, not the
// client's.
import { GatewayError } from '#shared/errors.ts';
import { inflateBytes } from '#shared/exchange/inflate-chunks.ts';
import { CredentialRefused, refusesKey } from '#shared/providers/read-error.ts';
import { askLearning } from '#shared/upstream/ask-learning.ts';
import { type Answer, callUpstream, type SentRequest, UpstreamFailure } from '#shared/upstream/call-upstream.ts';
import { convertAnswer } from '#shared/upstream/convert-answer.ts';
import { tokenRefused } from '#shared/upstream/credentials.ts';
import { type HeldAnswer, secretsOf, withoutOwnSecrets } from '#shared/upstream/hide-own-secrets.ts';
import type { Conversion } from '#shared/upstream/start-conversion.ts';
import type { GatewayContext } from '../context.ts';
import { REQUEST_ID } from '../error-response.ts';
import { traceHeaders } from '../start-trace.ts';
import { beginAttempt, endAttempt } from './attempt.ts';
import { type Call, ClientGone, type Plan, whenClientGone } from './call.ts';
import type { Outbound } from './transform.ts';

/** @throws GatewayError 502, 503 or 504; ClientGone */
export async function dispatch(outbound: Outbound, plan: Plan, call: Call, context: GatewayContext): Promise<Answer> {
  if (call.isClientGone) throw new ClientGone();
  const release = context.targetSlots(plan.primary).take();
  if (!release) {
    throw new GatewayError(
      'api_error',
      `${plan.primary.provider} has as many requests in flight as it may; try again`,
      {
        status: 503,
        headers: { 'retry-after': '1' },
      },
    );
  }
  call.releases.push(release);
  call.dispatchedAt = context.clock.monotonicMs();
  whenClientGone(call, () => call.abortUpstream());
  const answer = receive(outbound, plan, call, context);
  return outbound.conversion ? convert(answer, outbound.conversion, plan, call, context) : answer;
}

/** The upstream's answer from its headers on. */
async function receive(outbound: Outbound, plan: Plan, call: Call, context: GatewayContext): Promise<Answer> {
  const callWith = (request: SentRequest): Promise<Answer> => callOnce(request, plan, call, context);
  const { conversion, request } = outbound;
  const onLearned = (): void => {
    endAttempt(call, context.clock.monotonicMs());
    context.events.capabilityLearned(call, plan.primary.provider);
    call.notes.push(...(conversion?.notes ?? []).filter((note) => !call.notes.includes(note)));
  };
  const answer = await (conversion ? askLearning(conversion, callWith, { onLearned }) : callWith(request));
  call.headersAt ??= context.clock.monotonicMs();
  // Where the client's answer had to begin before, the record shows that one.
  if (call.upstreamStatus === 0) {
    call.upstreamStatus = answer.status;
    call.upstreamHeaders = answer.rawHeaders;
  }
  if (answer.status === 401 && plan.primary.credential.kind !== 'client') {
    const isRenewed = tokenRefused(plan.primary.credential, (conversion?.upstream ?? request).headers);
    throw refusedCredential(answer, plan, call, isRenewed, context);
  }
  if (conversion || answer.status < 400) return answer;
  const refusal = await readRefusal(answer, plan, call);
  if (isAboutOwnKey(refusal, plan)) throw refusedCredential(refusal, plan, call, false, context);
  return refusal;
}

/** A 403 about a model or a region is the client's to read; one about the key is not. A 401 was told before. */
function isAboutOwnKey(refusal: Answer | HeldAnswer, { primary }: Plan): boolean {
  if (refusal.status !== 403 || primary.credential.kind === 'client' || !('said' in refusal)) return false;
  return refusal.said !== null && refusesKey(refusal.said);
}

/** What the client reads, and all that is kept of it, does not tell what the gateway asked with. */
async function readRefusal(answer: Answer, { primary }: Plan, call: Call): Promise<Answer | HeldAnswer> {
  if (call.isClientGone) throw new ClientGone();
  const hiding = { secrets: secretsOf(primary), inflate: inflateBytes };
  const held = await new Promise<Answer | HeldAnswer>((resolve, reject) => {
    whenClientGone(call, () => {
      call.abortUpstream();
      reject(new ClientGone());
    });
    Promise.resolve(withoutOwnSecrets(answer, hiding)).then(resolve, reject);
  });
  call.upstreamHeaders = held.rawHeaders;
  return held;
}

/** From here on the answer is Anthropic's, whoever gives it; it may begin before the upstream's does. */
async function convert(
  answer: Promise<Answer>,
  conversion: Conversion,
  plan: Plan,
  call: Call,
  context: GatewayContext,
): Promise<Answer> {
  try {
    const converted = await convertAnswer(answer, {
      conversion,
      askOn: (next) => receive({ request: next.upstream, conversion: next }, plan, call, context),
      abortCall: () => call.abortUpstream(),
      onAbortable: (abort) => whenClientGone(call, abort),
      isStream: call.view?.stream ?? false,
      messageId: `msg_${call.id.replaceAll('-', '')}`,
      requestId: call.id,
    });
    call.upstreamStatus ||= converted.status;
    call.upstreamHeaders = converted.rawHeaders;
    call.converted = converted;
    return converted;
  } catch (error) {
    call.answerEndedAt = context.clock.monotonicMs();
    if (call.isClientGone) throw new ClientGone();
    if (error instanceof GatewayError && error.cause instanceof CredentialRefused) sayRefused(call, plan, context);
    call.answerEnd ??= error instanceof UpstreamFailure ? error.kind : 'complete';
    throw error instanceof UpstreamFailure ? toGatewayError(error, plan) : error;
  }
}

async function callOnce(request: SentRequest, plan: Plan, call: Call, context: GatewayContext): Promise<Answer> {
  const { timeouts } = plan.primary;
  beginAttempt(call, context.clock.monotonicMs());
  try {
    const headers = [...request.headers, ...traceHeaders(call.trace, plan.primary)];
    // The passthrough is asked as the client asked.
    if (plan.mode === 'target') headers.push(REQUEST_ID, call.id);
    const sent = { ...request, headers };
    call.sentBodies.push(request.body);
    context.dumps?.asked(call, sent);
    const answer = await callUpstream(sent, {
      dispatcher: context.agentFor(plan.primary),
      timeouts,
      onAbortable: (abort) => {
        call.abortUpstream = abort;
      },
    });
    call.attemptAnswer = answer;
    return context.dumps?.answered(call, answer) ?? answer;
  } catch (error) {
    call.answerEndedAt = context.clock.monotonicMs();
    if (call.isClientGone) throw new ClientGone();
    call.answerEnd = error instanceof UpstreamFailure ? error.kind : 'reset';
    throw toGatewayError(error, plan);
  }
}

function toGatewayError(error: unknown, plan: Plan): GatewayError {
  const kind = error instanceof UpstreamFailure ? error.kind : 'reset';
  const { provider } = plan.primary;
  switch (kind) {
    case 'timeout_first_byte':
    case 'timeout_idle':
    case 'timeout_total':
      return new GatewayError('timeout_error', `${provider} did not answer in time`, { cause: error });
    case 'connect_error':
      return new GatewayError('api_error', `no connection to ${provider}`, { status: 502, cause: error });
    case 'reset':
      return new GatewayError('api_error', `${provider} closed the connection before it answered`, {
        status: 502,
        cause: error,
      });
  }
}

/** A client that tries again soon may find a token that was renewed; a key stays what it is. */
function refusedCredential(
  answer: Answer,
  plan: Plan,
  call: Call,
  isRenewed: boolean,
  context: GatewayContext,
): GatewayError {
  answer.start({ onChunk: () => {}, onEnd: () => {}, onError: () => {} }).abort();
  call.answerEnd = 'complete';
  call.answerEndedAt = context.clock.monotonicMs();
  sayRefused(call, plan, context);
  const { credential, provider } = plan.primary;
  const whose = credential.kind === 'token' ? `${provider}, [tokens.${credential.source.name}]` : provider;
  const what = `upstream rejected the gateway's credentials (${whose})`;
  return new GatewayError('api_error', isRenewed ? `${what}; they are being renewed, try again` : what, {
    status: 502,
    headers: isRenewed ? { 'retry-after': '1' } : { 'x-should-retry': 'false' },
    cause: new CredentialRefused(what),
  });
}

/** Once a call, whoever sees it first. */
function sayRefused(call: Call, { primary }: Plan, { events }: GatewayContext): void {
  if (call.isCredentialRefused) return;
  call.isCredentialRefused = true;
  events.credentialRefused(call, primary.provider);
}
