// What a failure is called, wherever it is counted, logged, traced or listed: a closed list, so that no upstream can make
// names of its own.
import type { GatewayErrorCode } from '#shared/errors.ts';

/** Anthropic's error types, and the two of its SDKs for answers that never came. */
const TOLD_CODES = [
  'invalid_request_error',
  'authentication_error',
  'billing_error',
  'permission_error',
  'not_found_error',
  'conflict_error',
  'request_too_large',
  'rate_limit_error',
  'api_error',
  'timeout_error',
  'overloaded_error',
  'connection_error',
] as const;

/** `credential_refused`: the gateway's own. A refused one of the client is `authentication_error`. */
export type ErrorCode = (typeof TOLD_CODES)[number] | GatewayErrorCode | 'credential_refused';

export const ERROR_CODES: readonly ErrorCode[] = [...TOLD_CODES, 'credential_refused'];

export function isErrorCode(value: unknown): value is ErrorCode {
  return (ERROR_CODES as readonly unknown[]).includes(value);
}

/**
 * Of a call that failed and was not answered by the gateway itself.
 * @param outcome the call's, as in `CallOutcome`
 * @param told the type in the answer's error, which upstreams choose; null when there was none
 */
export function failureCode(outcome: string, told: string | null, status: number): ErrorCode {
  return outcome === 'timeout' ? 'timeout_error' : toErrorCode(told, status);
}

/** What an upstream told where it is on the list, else what its status means; a 200 that failed is the API's error. */
export function toErrorCode(told: string | null, status: number): ErrorCode {
  const code = TOLD_CODES.find((known) => known === told);
  // Also read where a refusal told nothing.
  const isUnsaid = code === 'api_error' && status >= 400 && status < 500;
  return code === undefined || isUnsaid ? codeOfStatus(status) : code;
}

function codeOfStatus(status: number): ErrorCode {
  switch (status) {
    case 401:
      return 'authentication_error';
    case 402:
      return 'billing_error';
    case 403:
      return 'permission_error';
    case 404:
      return 'not_found_error';
    case 408:
    case 504:
    case 524:
      return 'timeout_error';
    case 409:
      return 'conflict_error';
    case 413:
      return 'request_too_large';
    case 429:
      return 'rate_limit_error';
    case 498:
    case 529:
      return 'overloaded_error';
    default:
      return status >= 400 && status < 500 ? 'invalid_request_error' : 'api_error';
  }
}
