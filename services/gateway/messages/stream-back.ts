// Answer → client, byte for byte. Each chunk is written before anything else sees it. At the end, and only there, the
// last bytes tell whether the turn was whole; a broken one never looks finished.
import { GatewayError, toErrorEnvelope } from '#shared/errors.ts';
import { headerValue } from '#shared/messages/answer-headers.ts';
import { errorEvent } from '#shared/messages/event-text.ts';
import type { Answer, UpstreamFailure } from '#shared/upstream/call-upstream.ts';
import type { GatewayContext } from '../context.ts';
import { answerHeaders } from '../forward-headers.ts';
import { routeHeaders } from '../route-headers.ts';
import { traceResponseHeaders } from '../start-trace.ts';
import { type Call, type Plan, type Termination, whenClientGone } from './call.ts';
import { createKeptChunks, type KeptChunks } from './kept-chunks.ts';
import { type Ending, looksLikeEvents, readEncodedEnding, readEnding } from './read-ending.ts';
import { relayChunks } from './relay-chunks.ts';

/** Resolves when the answer has ended for the client, however it ended. Never rejects. */
export function streamBack(answer: Answer, plan: Plan, call: Call, context: GatewayContext): Promise<void> {
  const { response } = call;
  const isEventStream = isStream(answer);
  const kept = createKeptChunks(Math.max(0, context.config.keptBytes - (call.view?.bytes.length ?? 0)));
  call.kept = kept;
  const headers = answerHeaders(answer.rawHeaders, plan.primary, isEventStream);
  const traced = context.tracing.describe().enabled ? traceResponseHeaders(call.trace, answer.rawHeaders) : [];
  response.writeHead(answer.status, [...headers, ...routeHeaders(call, plan), ...traced]);
  return new Promise((resolve, reject) => {
    // At once, so that the end goes out with the last bytes.
    const finish = (failure?: UpstreamFailure): void =>
      void finishAnswer(answer, failure, plan, call, kept).then(resolve, reject);
    relay(answer, plan, call, context, kept, finish);
  });
}

async function finishAnswer(
  answer: Answer,
  failure: UpstreamFailure | undefined,
  plan: Plan,
  call: Call,
  kept: KeptChunks,
): Promise<void> {
  if (call.isClientGone) return;
  const { response } = call;
  const closed = new Promise<void>((resolve) => {
    response.once('close', resolve);
  });
  // Servers mislabel their streams; what the client asked for and the first bytes decide.
  const isTurn = answer.status < 300 && (isStream(answer) || (call.view?.stream === true && looksLikeEvents(kept)));
  if (isTurn) await endStream(answer, failure, call, kept);
  else endPlain(failure, call);
  // A slow client is still reading: the call is over with the last byte, or when it reads no more.
  const stalled = setTimeout(() => response.destroy(), plan.primary.timeouts.idleMs);
  await closed;
  clearTimeout(stalled);
}

/** Passes chunks on until the upstream ends, fails, or the client leaves; `finish` of nothing = it ended properly. */
function relay(
  answer: Answer,
  plan: Plan,
  call: Call,
  { clock, dumps }: GatewayContext,
  kept: KeptChunks,
  finish: (failure?: UpstreamFailure) => void,
): void {
  const sentAt = call.dispatchedAt ?? call.acceptedAt;
  const settle = (end: Call['answerEnd'], failure?: UpstreamFailure): void => {
    call.answerEnd = end;
    call.isRequestSent = answer.isRequestSent === true;
    call.answerEndedAt = clock.monotonicMs();
    finish(failure);
  };
  const chunks = relayChunks(answer, {
    response: call.response,
    headFirst: isStream(answer),
    stalledMs: plan.primary.timeouts.idleMs,
    onWritten: (piece) => {
      const now = clock.monotonicMs();
      call.firstByteAt ??= now;
      kept.push(now - sentAt, piece);
      dumps?.relayed(call, piece);
    },
    onEnd: (failure) => settle(failure?.kind ?? 'complete', failure),
  });
  whenClientGone(call, () => {
    chunks.abort();
    settle('client_abort');
  });
  if (call.isClientGone) call.onClientGone();
}

function isStream(answer: Answer): boolean {
  return headerValue(answer.rawHeaders, 'content-type')?.toLowerCase().startsWith('text/event-stream') ?? false;
}

function endPlain(failure: UpstreamFailure | undefined, call: Call): void {
  call.termination = failure ? terminationOf(failure) : 'complete';
  if (failure) breakOff(call);
  else call.response.end();
}

/** How a stream ends for the client, by how its source ended and what its last bytes were. */
async function endStream(
  answer: Answer,
  failure: UpstreamFailure | undefined,
  call: Call,
  kept: KeptChunks,
): Promise<void> {
  const encoding = headerValue(answer.rawHeaders, 'content-encoding') ?? 'identity';
  const isPlain = /^(identity)?$/i.test(encoding);
  const ending = isPlain ? readEnding(kept) : await readEncodedEnding(kept, encoding);
  call.termination = terminationBy(ending, failure);
  // An event can be added to plain bytes of an open length, and to nothing else.
  if (ending === 'between_events' && isPlain && isStream(answer)) {
    call.response.end(errorEvent(toErrorEnvelope(brokenTurn(failure), call.id)));
    return;
  }
  // Where nothing is missing that the client waits for, it ends as the upstream ended.
  const isUnfinished = ending === 'between_events' || ending === 'inside_event';
  if (failure || isUnfinished) breakOff(call);
  else call.response.end();
}

function terminationBy(ending: Ending, failure: UpstreamFailure | undefined): Termination {
  if (failure) return terminationOf(failure);
  if (ending === 'error_event') return 'error_event';
  return ending === 'finished' ? 'complete' : 'no_message_stop';
}

/** Ends the connection in the middle of the HTTP message, after all that was written. */
function breakOff({ response, request }: Call): void {
  response.flushHeaders();
  const socket = response.socket ?? request.socket;
  // To a client of HTTP/1.0 an orderly close is an orderly end.
  if (request.httpVersionMajor === 1 && request.httpVersionMinor === 0) socket.resetAndDestroy();
  else socket.destroySoon();
}

function terminationOf(failure: UpstreamFailure): Termination {
  return failure.kind.startsWith('timeout') ? 'idle_timeout' : 'upstream_reset';
}

function brokenTurn(failure: UpstreamFailure | undefined): GatewayError {
  if (failure?.kind.startsWith('timeout')) {
    return new GatewayError('timeout_error', 'the upstream fell silent in the middle of its answer', {
      cause: failure,
    });
  }
  return new GatewayError('api_error', 'the upstream ended in the middle of its answer', { cause: failure });
}
