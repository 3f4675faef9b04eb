// A finished call → the one code of its failure, for its log line, its spans and its row of the history.
import { type ErrorCode, failureCode } from '#shared/exchange/error-code.ts';
import type { AnswerFigures } from '#shared/exchange/observation.ts';
import type { FinishedCall } from './messages/finished-call.ts';

/** null = it did not fail; that a client left is no failure. Without figures the answer's own words are not known. */
export function errorCodeOf(finished: FinishedCall, figures: AnswerFigures | null): ErrorCode | null {
  const { outcome, error, answer, httpStatus, termination, isCredentialRefused } = finished;
  if (outcome === 'client_abort') return null;
  if (outcome === 'ok' && !isBroken(figures)) return null;
  if (isCredentialRefused) return 'credential_refused';
  if (error) return error.code === 'api_error' && isUnanswered(answer?.end) ? 'connection_error' : error.code;
  const told = figures?.error?.type ?? (termination === 'upstream_reset' ? 'connection_error' : null);
  return failureCode(outcome, told, httpStatus);
}

/** Taken for whole, and it is not. */
function isBroken(figures: AnswerFigures | null): boolean {
  return figures !== null && figures.message !== null && !figures.complete;
}

function isUnanswered(end: string | undefined): boolean {
  return end === 'connect_error' || end === 'reset';
}
