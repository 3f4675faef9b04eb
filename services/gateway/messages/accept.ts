// HTTP request → Call: its id, its clock, its trace, and the moment its client leaves.
import type { IncomingMessage, ServerResponse } from 'node:http';
import { newSpanId, newTraceId, parseTraceparent, uuidv7 } from '#shared/ids.ts';
import type { GatewayContext } from '../context.ts';
import type { Call, CallTrace } from './call.ts';

export function accept(request: IncomingMessage, response: ServerResponse, context: GatewayContext): Call {
  const startedAtMs = context.clock.nowMs();
  const call: Call = {
    id: uuidv7(startedAtMs),
    startedAtMs,
    acceptedAt: context.clock.monotonicMs(),
    request,
    response,
    trace: traceOf(request),
    mode: context.mode.current().mode,
    caller: null,
    view: null,
    plan: null,
    notes: [],
    dispatchedAt: null,
    headersAt: null,
    firstByteAt: null,
    answerEndedAt: null,
    upstreamStatus: 0,
    upstreamHeaders: [],
    kept: null,
    answerEnd: null,
    termination: null,
    error: null,
    isClientGone: false,
    onClientGone: () => {},
    abortUpstream: () => {},
    releases: [],
  };
  response.once('close', () => {
    if (response.writableFinished || call.answerEnd !== null) return;
    call.isClientGone = true;
    call.onClientGone();
  });
  context.open.add(call);
  return call;
}

function traceOf(request: IncomingMessage): CallTrace {
  const parent = parseTraceparent(request.headers.traceparent as string | undefined);
  return {
    traceId: parent?.traceId ?? newTraceId(),
    spanId: newSpanId(),
    forwardSpanId: newSpanId(),
    parentSpanId: parent?.spanId ?? null,
    sampled: parent?.sampled ?? true,
    tracestate: parent ? String(request.headers.tracestate ?? '') : '',
  };
}
