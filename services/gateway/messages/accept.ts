// HTTP request → Call: its id, its clock, its trace, and the moment its client leaves.
import type { IncomingMessage, ServerResponse } from 'node:http';
import { uuidv7 } from '#shared/ids.ts';
import type { GatewayContext } from '../context.ts';
import { startTrace } from '../start-trace.ts';
import type { Call } from './call.ts';

export function accept(request: IncomingMessage, response: ServerResponse, context: GatewayContext): Call {
  const startedAtMs = context.clock.nowMs();
  const { mode } = context.mode.current();
  const call: Call = {
    id: uuidv7(startedAtMs),
    startedAtMs,
    acceptedAt: context.clock.monotonicMs(),
    request,
    response,
    trace: startTrace(request.headers, context.config.trace, mode === 'compare'),
    mode,
    caller: null,
    view: null,
    plan: null,
    notes: [],
    dispatchedAt: null,
    attemptAt: null,
    attemptAnswer: null,
    earlierAttempts: null,
    headersAt: null,
    firstByteAt: null,
    answerEndedAt: null,
    upstreamStatus: 0,
    upstreamHeaders: [],
    converted: null,
    kept: null,
    answerEnd: null,
    sentBodies: [],
    isRequestSent: false,
    termination: null,
    error: null,
    isCredentialRefused: false,
    isClientGone: false,
    onClientGone: () => {},
    abortUpstream: () => {},
    releases: [context.open.take()],
  };
  response.once('close', () => {
    if (response.writableFinished || call.answerEnd !== null) return;
    call.isClientGone = true;
    call.onClientGone();
  });
  return call;
}
