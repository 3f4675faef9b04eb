// Makes the one record of a call, however it ended, and enters it in the books.
import type { IncomingHttpHeaders } from 'node:http';
import type { GatewayError } from '#shared/errors.ts';
import type { CallOutcome, RecordedAnswer } from '#shared/exchange/exchange.ts';
import { headerValue } from '#shared/messages/answer-headers.ts';
import { CredentialRefused } from '#shared/providers/read-error.ts';
import { type CallMemory, createCallMemory, LEFT_TO_THE_COLLECTOR } from '../call-memory.ts';
import type { GatewayContext } from '../context.ts';
import { shadowTargets } from '../routing/resolve-by-rules.ts';
import { lastAttempt } from './attempt.ts';
import type { Attempt, Call } from './call.ts';
import type { FinishedCall, FinishedPlan } from './finished-call.ts';

/** Never throws. */
export function account(call: Call, context: GatewayContext): FinishedCall {
  for (const release of call.releases) release();
  const finished = toFinishedCall(call, context.clock.monotonicMs(), context);
  context.books.enter(finished);
  return finished;
}

function toFinishedCall(call: Call, endedAt: number, context: GatewayContext): FinishedCall {
  const since = (at: number | null): number | null => (at === null ? null : at - call.acceptedAt);
  const headerNames = Object.keys(call.request.headers);
  const isAnswerTooLarge = call.kept?.isPartial ?? false;
  return {
    id: call.id,
    startedAtMs: call.startedAtMs,
    mode: call.mode,
    trace: call.trace,
    plan: finishedPlan(call, context),
    modelAsked: call.view?.model ?? null,
    stream: call.view?.stream ?? false,
    outcome: outcomeOf(call),
    upstreamStatus: call.upstreamStatus,
    lastAttempt: lastAttempt(call, call.answerEndedAt ?? endedAt),
    earlierAttempts: call.earlierAttempts ?? NO_ATTEMPTS,
    httpStatus: call.response.headersSent ? call.response.statusCode : 0,
    error: call.error ? toFinishedError(call.error) : null,
    isCredentialRefused: call.isCredentialRefused || call.error?.cause instanceof CredentialRefused,
    termination: call.isClientGone ? 'client_abort' : call.termination,
    clientHeaders: allowedHeaders(call.request.headers, headerNames),
    capturedHeaders: context.hooks.captureHeaders?.(call.request.headers) ?? null,
    headerNames,
    requestSpans: call.view?.spans ?? null,
    request: call.view?.bytes ?? null,
    answer: isAnswerTooLarge ? null : recordedAnswer(call, endedAt),
    memory: context.dumps !== null ? LEFT_TO_THE_COLLECTOR : memoryOf(call),
    responseBytes: call.kept?.totalBytes ?? 0,
    isAnswerTooLarge,
    times: {
      dispatchedMs: since(call.dispatchedAt),
      headersMs: since(call.headersAt),
      firstByteMs: since(call.firstByteAt),
      answerEndMs: since(call.answerEndedAt),
      endMs: endedAt - call.acceptedAt,
    },
  };
}

const NO_ATTEMPTS: readonly Attempt[] = [];

/** The client has its answer: what rules read for the shadow's sake keeps nobody waiting. */
function finishedPlan({ plan, view, request }: Call, context: GatewayContext): FinishedPlan | null {
  if (plan === null) return null;
  const isCompared = plan.mode === 'compare' && view !== null;
  return { ...plan, shadow: isCompared ? shadowTargets(view, request.headers, context, context.config.also) : [] };
}

/**
 * A call that went any other way than nearly all may have written something that is not sent yet. What comes compressed a
 * thread of the runtime reads, and may still do so after who asked it to has what it wants.
 */
function memoryOf({ view, kept, sentBodies, isRequestSent, upstreamHeaders, response }: Call): CallMemory {
  const [sent, ...others] = sentBodies;
  const isPlain = headerValue(upstreamHeaders, 'content-encoding') === undefined;
  const isOver = isRequestSent && others.length === 0 && response.writableFinished && isPlain;
  if (view === null || kept === null || sent == null || !isOver) return LEFT_TO_THE_COLLECTOR;
  return createCallMemory([view.bytes, ...(Buffer.isBuffer(sent) ? [sent] : sent), ...kept.blocks]);
}

function toFinishedError({ code, message }: GatewayError): FinishedCall['error'] {
  return { code, message };
}

function outcomeOf(call: Call): CallOutcome {
  if (call.isClientGone) return 'client_abort';
  if (call.error) return outcomeOfError(call);
  if (call.termination === 'idle_timeout') return 'timeout';
  if (call.termination !== 'complete') return 'stream_error';
  if (call.upstreamStatus >= 500 || call.upstreamStatus === 429) return 'upstream_error';
  return call.upstreamStatus >= 400 ? 'client_error' : 'ok';
}

function outcomeOfError(call: Call): CallOutcome {
  const { error } = call;
  if (error?.code === 'timeout_error') return 'timeout';
  if (call.dispatchedAt !== null) return 'upstream_error';
  return error !== null && error.status < 500 ? 'client_error' : 'rejected';
}

const NEVER_KEPT = new Set(['set-cookie', 'authorization', 'x-api-key']);

function recordedAnswer(call: Call, endedAt: number): RecordedAnswer | null {
  if (call.dispatchedAt === null) return null;
  const sentAt = call.dispatchedAt;
  return {
    status: call.upstreamStatus,
    rawHeaders: withoutSecrets(call.upstreamHeaders),
    upstream: call.converted?.upstream ?? null,
    headersAtMs: call.headersAt === null ? null : call.headersAt - sentAt,
    chunks: [...(call.kept?.chunks ?? [])],
    end: call.isClientGone ? 'client_abort' : (call.answerEnd ?? 'reset'),
    endAtMs: (call.answerEndedAt ?? endedAt) - sentAt,
  };
}

function withoutSecrets(rawHeaders: readonly string[]): string[] {
  const kept: string[] = [];
  for (let index = 0; index < rawHeaders.length; index += 2) {
    const name = rawHeaders[index] ?? '';
    if (!NEVER_KEPT.has(name.toLowerCase())) kept.push(name, rawHeaders[index + 1] ?? '');
  }
  return kept;
}

/** What readers of an exchange may know of the client's headers. */
const ALLOWED =
  /^(?:user-agent|x-app|anthropic-version|anthropic-beta|x-claude-code-[a-z-]+|x-claude-1p-request-class|x-stainless-[a-z-]+|x-ccproxy-shadow)$/;
const VALUE_LIMIT = 1024;

function allowedHeaders(headers: IncomingHttpHeaders, names: readonly string[]): Record<string, string> {
  const kept: Record<string, string> = {};
  for (const name of names) {
    if (!ALLOWED.test(name)) continue;
    const value = headers[name];
    if (value !== undefined) kept[name] = String(value).slice(0, VALUE_LIMIT);
  }
  return kept;
}
