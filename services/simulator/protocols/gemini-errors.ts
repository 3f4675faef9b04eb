// Google's errors: a code, a status word, and details by type.
import type { Fields } from '../read-ask.ts';
import type { ErrorKind, SceneError } from '../script.ts';

const STATUS_WORDS: Record<number, string> = {
  400: 'INVALID_ARGUMENT',
  401: 'UNAUTHENTICATED',
  402: 'FAILED_PRECONDITION',
  403: 'PERMISSION_DENIED',
  404: 'NOT_FOUND',
  409: 'ABORTED',
  413: 'INVALID_ARGUMENT',
  429: 'RESOURCE_EXHAUSTED',
  499: 'CANCELLED',
  500: 'INTERNAL',
  503: 'UNAVAILABLE',
  504: 'DEADLINE_EXCEEDED',
  529: 'UNAVAILABLE',
};

const KIND_OF_STATUS: Record<number, ErrorKind> = {
  401: 'credentials',
  404: 'model-not-found',
  429: 'rate-limit',
  503: 'overloaded',
  529: 'overloaded',
};
const KIND_OF_TYPE: Record<string, ErrorKind> = { overloaded_error: 'overloaded', rate_limit_error: 'rate-limit' };
const STATUS_OF_KIND: Partial<Record<ErrorKind, number>> = { overloaded: 503, 'rate-limit': 429, quota: 429 };

const MESSAGES: Record<ErrorKind, string> = {
  'context-overflow': 'The input token count (1208310) exceeds the maximum number of tokens allowed (1048576).',
  credentials: 'API key not valid. Please pass a valid API key.',
  'model-not-found':
    'models/no-such-model is not found for API version v1beta, or is not supported for generateContent. Call ListModels to see the list of available models and their supported methods.',
  quota: 'You exceeded your current quota, please check your plan and billing details.',
  'rate-limit': 'You exceeded your current quota, please check your plan and billing details. Please retry in 34.4s.',
  overloaded: 'The model is overloaded. Please try again later.',
  'content-policy': 'The request was blocked.',
};

const TYPE = 'type.googleapis.com/google.rpc';

/** @param status The HTTP status; 200 where the error is within a stream. */
export function geminiError(status: number, error: SceneError): Fields {
  const kind = error.kind ?? KIND_OF_STATUS[status] ?? KIND_OF_TYPE[error.type ?? ''];
  const code = status === 200 ? ((kind && STATUS_OF_KIND[kind]) ?? 500) : status;
  const usual = kind === undefined ? ofCode(code) : MESSAGES[kind];
  const details = kind === undefined ? undefined : detailsOf(kind);
  return {
    code,
    message: error.message ?? usual,
    status: STATUS_WORDS[code] ?? (code < 500 ? 'INVALID_ARGUMENT' : 'INTERNAL'),
    ...(details === undefined ? {} : { details }),
    ...error.details,
  };
}

/** Indented, as Google writes it. */
export function geminiErrorBody(status: number, error: SceneError, asList = false): string {
  const body = { error: geminiError(status, error) };
  return `${JSON.stringify(asList ? [body] : body, null, 2)}\n`;
}

function ofCode(code: number): string {
  if (code < 500) return 'Request contains an invalid argument.';
  return 'An internal error has occurred. Please retry or report in https://developers.generativeai.google/guide/troubleshooting';
}

function detailsOf(kind: ErrorKind): Fields[] | undefined {
  switch (kind) {
    case 'credentials':
      return [
        {
          '@type': `${TYPE}.ErrorInfo`,
          reason: 'API_KEY_INVALID',
          domain: 'googleapis.com',
          metadata: { service: 'generativelanguage.googleapis.com' },
        },
      ];
    case 'rate-limit':
      return [
        quotaFailure('GenerateRequestsPerMinutePerProjectPerModel'),
        { '@type': `${TYPE}.RetryInfo`, retryDelay: '34.4s' },
      ];
    case 'quota':
      return [
        quotaFailure('GenerateRequestsPerDayPerProjectPerModel-FreeTier'),
        { '@type': `${TYPE}.RetryInfo`, retryDelay: '51s' },
      ];
    default:
      return undefined;
  }
}

function quotaFailure(quotaId: string): Fields {
  const quotaMetric = 'generativelanguage.googleapis.com/generate_content_requests';
  const violation = { quotaMetric, quotaId, quotaDimensions: { location: 'global' }, quotaValue: '250' };
  return { '@type': `${TYPE}.QuotaFailure`, violations: [violation] };
}
