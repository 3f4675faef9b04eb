// The HTTP calls of upstreams that one answer takes: mostly one.
import { newSpanId } from '#shared/ids.ts';
import type { Attempt, Call } from './call.ts';

/** Ends the one before. */
export function beginAttempt(call: Call, now: number): void {
  endAttempt(call, now);
  call.attemptAt = now;
}

/** Another may follow, with a span of its own. */
export function endAttempt(call: Call, now: number): void {
  if (call.attemptAt === null) return;
  call.earlierAttempts ??= [];
  call.earlierAttempts.push(toAttempt(call, call.attemptAt, now));
  call.trace.forwardSpanId = newSpanId();
  call.attemptAt = null;
  call.attemptAnswer = null;
}

/** null = the end of the answer came of none. */
export function lastAttempt(call: Call, endedAt: number): Attempt | null {
  return call.attemptAt === null ? null : toAttempt(call, call.attemptAt, endedAt);
}

/** That of a round which searched ended before the search. */
function toAttempt({ acceptedAt, trace, attemptAnswer }: Call, askedAt: number, now: number): Attempt {
  const endedAt = Math.min(now, askedAt + (attemptAnswer?.durationMs ?? Number.POSITIVE_INFINITY));
  return {
    spanId: trace.forwardSpanId,
    askedMs: askedAt - acceptedAt,
    endMs: endedAt - acceptedAt,
    status: attemptAnswer?.status ?? 0,
    connectionWaitMs: attemptAnswer?.connectionWaitMs ?? null,
  };
}

/** A round that searched did not. */
export function isFailed({ status }: Attempt): boolean {
  return status === 0 || status >= 400;
}
