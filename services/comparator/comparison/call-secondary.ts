// Asks the secondary once, as it would have been asked by the client, and records its answer as bytes and arrival times.
// No client credential is ever there to be sent; nothing is tried again but what the target refused and can be asked
// without, as the gateway would; and a failure is an answer like any other.
import type { Clock } from '#shared/clock.ts';
import { GatewayError, toErrorEnvelope } from '#shared/errors.ts';
import type { AnswerEnd, ExchangeEntry, RecordedAnswer, TimedChunk } from '#shared/exchange/exchange.ts';
import { inflateBytes } from '#shared/exchange/inflate-chunks.ts';
import { parseRequest } from '#shared/exchange/read-exchange.ts';
import { formatTraceparent, pairSpanId } from '#shared/ids.ts';
import { findProvider } from '#shared/providers/index.ts';
import type { Target, Timeouts } from '#shared/providers/target.ts';
import { askLearning } from '#shared/upstream/ask-learning.ts';
import {
  type Answer,
  type CallOptions,
  type SentRequest,
  UpstreamFailure,
  type UpstreamRequest,
} from '#shared/upstream/call-upstream.ts';
import { withHeaders } from '#shared/upstream/constant-headers.ts';
import { convertAnswer } from '#shared/upstream/convert-answer.ts';
import { sign } from '#shared/upstream/credentials.ts';
import { recordWithoutSecrets, secretsOf } from '#shared/upstream/hide-own-secrets.ts';
import type { TraitMemory } from '#shared/upstream/learned-traits.ts';
import { startConversion } from '#shared/upstream/start-conversion.ts';
import { toUpstreamUrl } from '#shared/upstream/upstream-url.ts';
import { Stopping } from '../stopping.ts';
import { traceOf } from './pair-row.ts';

/** `callUpstream` with the connections of a target. */
export type CallTarget = (
  request: SentRequest,
  target: Target,
  options: Pick<CallOptions, 'onAbortable' | 'timeouts'>,
) => Promise<Answer>;

export interface SecondaryCall {
  target: Target;
  /** The rewritten request as JSON. */
  body: Buffer;
  entry: ExchangeEntry;
}

export interface CallSecondaryParts {
  callTarget: CallTarget;
  clock: Clock;
  firstByteTimeoutMs: number;
  timeoutMs: number;
  answerMaxBytes: number;
  signal: AbortSignal;
  /** What targets taught by refusing. */
  learned: TraitMemory;
  /** A target taught something: it is called once more. */
  onLearned(target: Target): void;
}

/** @throws Stopping when the signal is aborted meanwhile. Whatever the target does is the result. */
export async function callSecondary(call: SecondaryCall, parts: CallSecondaryParts): Promise<RecordedAnswer> {
  const { target } = call;
  const timeouts: Timeouts = { ...target.timeouts, firstByteMs: parts.firstByteTimeoutMs, deadlineMs: parts.timeoutMs };
  const abort = abortWith(parts.signal);
  let startedAtMs = parts.clock.monotonicMs();
  const sinceStart = (): number => parts.clock.monotonicMs() - startedAtMs;
  try {
    const callTarget = (request: SentRequest): Promise<Answer> =>
      parts.callTarget(withTrace(request, call), target, { timeouts, onAbortable: abort.set });
    const onLearned = (): void => {
      parts.onLearned(target);
      // What the refusal took is no time of the answer.
      startedAtMs = parts.clock.monotonicMs();
    };
    const answer = await ask(call, callTarget, { ...parts, onLearned });
    const recorded = await recordAnswer(answer, sinceStart, parts);
    return await recordWithoutSecrets(recorded, { secrets: secretsOf(target), inflate: inflateBytes });
  } catch (error) {
    if (parts.signal.aborted) throw new Stopping();
    if (error instanceof GatewayError) return refusedAnswer(error, sinceStart());
    if (!(error instanceof UpstreamFailure)) throw error;
    const nothing = { status: 0, rawHeaders: [], upstream: null, headersAtMs: null, chunks: [] };
    return { ...nothing, end: error.kind, endAtMs: sinceStart() };
  } finally {
    abort.forget();
  }
}

/**
 * The target's answer in Anthropic's words.
 * @throws GatewayError when the target's protocol cannot carry the request
 */
async function ask(
  call: SecondaryCall,
  callTarget: (request: SentRequest) => Promise<Answer>,
  { learned, onLearned, signal }: Pick<CallSecondaryParts, 'learned' | 'signal'> & { onLearned: () => void },
): Promise<Answer> {
  const { target, entry } = call;
  const provider = findProvider(target);
  if (provider === null) return callTarget(toNativeRequest(call));
  const body = parseRequest(call.body);
  if (body === null) throw new GatewayError('invalid_request_error', 'the request is no JSON object');
  const anthropicVersion = entry.clientHeaders['anthropic-version'] ?? null;
  const conversion = startConversion(body, {
    ...{ provider, target, sessionId: entry.sessionId, anthropicVersion, learned },
    anthropicBeta: entry.clientHeaders['anthropic-beta'] ?? null,
  });
  const callMarked = (request: SentRequest): Promise<Answer> =>
    callTarget({ ...request, headers: [...request.headers, ...ownHeaders(entry)] });
  const answer = await askLearning(conversion, callMarked, { signal, onLearned });
  return convertAnswer(answer, {
    conversion,
    isStream: body.stream === true,
    messageId: `msg_${entry.id.replaceAll('-', '')}`,
    requestId: entry.id,
  });
}

/** A target that may know is told which span its request is. */
function withTrace(request: SentRequest, { entry, target }: SecondaryCall): SentRequest {
  const trace = traceOf(entry);
  if (!target.propagatesTrace || trace.parentSpanId === null) return request;
  const spanId = pairSpanId('compare_request', entry.id, target.name, 0);
  const traceparent = formatTraceparent({ traceId: trace.traceId, spanId, sampled: trace.sampled });
  return { ...request, headers: [...request.headers, 'traceparent', traceparent] };
}

/** What a client would have read: the error's status and envelope. */
function refusedAnswer(error: GatewayError, atMs: number): RecordedAnswer {
  const bytes = Buffer.from(JSON.stringify(toErrorEnvelope(error)));
  const rawHeaders = ['content-type', 'application/json'];
  return {
    status: error.status,
    rawHeaders,
    upstream: null,
    headersAtMs: atMs,
    chunks: [{ atMs, bytes }],
    end: 'complete',
    endAtMs: atMs,
  };
}

function toNativeRequest({ target, body, entry }: SecondaryCall): UpstreamRequest {
  return {
    ...toUpstreamUrl(target, '/v1/messages'),
    method: 'POST',
    headers: sign(
      withHeaders(
        [
          ...['content-type', 'application/json', 'accept', 'application/json, text/event-stream'],
          ...['anthropic-version', entry.clientHeaders['anthropic-version'] ?? '2023-06-01'],
          ...passedOn(entry, 'anthropic-beta'),
          ...ownHeaders(entry),
        ],
        target.headers,
      ),
      target.credential,
      [],
    ),
    body,
  };
}

/** Whose shadow it is, so that a gateway further on casts none of its own. */
function ownHeaders({ id }: ExchangeEntry): string[] {
  return ['x-ccproxy-shadow', '1', 'x-ccproxy-request-id', id];
}

function passedOn(entry: ExchangeEntry, name: string): string[] {
  const value = entry.clientHeaders[name];
  return value === undefined ? [] : [name, value];
}

function recordAnswer(answer: Answer, sinceStart: () => number, parts: CallSecondaryParts): Promise<RecordedAnswer> {
  const headersAtMs = sinceStart();
  const chunks: TimedChunk[] = [];
  let size = 0;
  return new Promise((resolve, reject) => {
    const end = (kind: AnswerEnd): void => {
      parts.signal.removeEventListener('abort', onAbort);
      const { status, upstream = null } = answer;
      const rawHeaders = withoutSecrets(answer.rawHeaders);
      resolve({ status, rawHeaders, upstream, headersAtMs, chunks, end: kind, endAtMs: sinceStart() });
    };
    const onAbort = (): void => reject(new Stopping());
    parts.signal.addEventListener('abort', onAbort, { once: true });
    let isOver = false;
    const flow = answer.start({
      onChunk: (bytes) => {
        size += bytes.length;
        if (size <= parts.answerMaxBytes) chunks.push({ atMs: sinceStart(), bytes });
        else if (!isOver) {
          isOver = true;
          queueMicrotask(() => flow.abort());
          end('reset');
        }
      },
      onEnd: () => end('complete'),
      onError: (failure) => end(failure.kind),
    });
  });
}

const SECRET_HEADERS = new Set(['set-cookie', 'authorization', 'proxy-authenticate', 'www-authenticate']);

function withoutSecrets(rawHeaders: readonly string[]): string[] {
  const kept: string[] = [];
  for (let index = 0; index + 1 < rawHeaders.length; index += 2) {
    const [name = '', value = ''] = rawHeaders.slice(index, index + 2);
    if (!SECRET_HEADERS.has(name.toLowerCase())) kept.push(name, value);
  }
  return kept;
}

/** Ties the way to abort a call to a signal. */
function abortWith(signal: AbortSignal): { set(abort: () => void): void; forget(): void } {
  let abort: (() => void) | undefined;
  const onAbort = (): void => abort?.();
  signal.addEventListener('abort', onAbort, { once: true });
  return {
    set(given) {
      abort = given;
      if (signal.aborted) given();
    },
    forget: () => signal.removeEventListener('abort', onAbort),
  };
}
