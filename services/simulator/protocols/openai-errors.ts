// OpenAI's errors, which Chat Completions and Responses share, and what other servers of these protocols send instead.
import type { ChatQuirks } from '../quirks.ts';
import type { ErrorKind, SceneError } from '../script.ts';

export interface OpenaiError {
  message: string;
  type: string;
  param: string | null;
  code: string | null;
}

const OF_KIND: Record<ErrorKind, OpenaiError> = {
  'context-overflow': {
    message:
      "This model's maximum context length is 128000 tokens. However, your messages resulted in 208310 tokens. Please reduce the length of the messages.",
    type: 'invalid_request_error',
    param: 'messages',
    code: 'context_length_exceeded',
  },
  credentials: {
    message:
      'Incorrect API key provided: sk-simul*****ated. You can find your API key at https://platform.openai.com/account/api-keys.',
    type: 'invalid_request_error',
    param: null,
    code: 'invalid_api_key',
  },
  'model-not-found': {
    message: 'The model `no-such-model` does not exist or you do not have access to it.',
    type: 'invalid_request_error',
    param: null,
    code: 'model_not_found',
  },
  quota: {
    message: 'You exceeded your current quota, please check your plan and billing details.',
    type: 'insufficient_quota',
    param: null,
    code: 'insufficient_quota',
  },
  'rate-limit': {
    message:
      'Rate limit reached for this model in organization org-simulated on tokens per min (TPM): Limit 30000, Used 28310, Requested 4000. Please try again in 4.62s.',
    type: 'tokens',
    param: null,
    code: 'rate_limit_exceeded',
  },
  overloaded: {
    message: 'The engine is currently overloaded, please try again later',
    type: 'service_unavailable_error',
    param: null,
    code: 'server_overloaded',
  },
  'content-policy': {
    message: 'Your request was rejected as a result of our safety system.',
    type: 'invalid_request_error',
    param: null,
    code: 'content_policy_violation',
  },
};

const KIND_OF_STATUS: Record<number, ErrorKind> = {
  401: 'credentials',
  402: 'quota',
  404: 'model-not-found',
  429: 'rate-limit',
  503: 'overloaded',
  529: 'overloaded',
};

const KIND_OF_TYPE: Record<string, ErrorKind> = { overloaded_error: 'overloaded', rate_limit_error: 'rate-limit' };

const SERVER_ERROR: OpenaiError = {
  message: 'The server had an error while processing your request. Sorry about that!',
  type: 'server_error',
  param: null,
  code: null,
};

export function openaiError(status: number, error: SceneError): OpenaiError {
  const kind = error.kind ?? KIND_OF_STATUS[status] ?? KIND_OF_TYPE[error.type ?? ''];
  const usual = kind === undefined ? ofStatus(status) : OF_KIND[kind];
  return { ...usual, message: error.message ?? usual.message, ...error.details };
}

function ofStatus(status: number): OpenaiError {
  if (status >= 500 || status === 200) return SERVER_ERROR;
  const message = `simulated error ${status}`;
  return { message, type: 'invalid_request_error', param: null, code: null };
}

/** The body of an answer that is an error, in the shape that the server has. */
export function openaiErrorBody(status: number, error: SceneError, shape?: ChatQuirks['errorBody']): string {
  const own = openaiError(status, error);
  switch (shape) {
    case 'openrouter': {
      const metadata = { raw: own.message, provider_name: 'Simulated', is_byok: false };
      const shown = { message: 'Provider returned error', code: status, metadata };
      return JSON.stringify({ error: shown, user_id: 'user_simulated' });
    }
    case 'vllm':
      return JSON.stringify({ error: { ...own, type: 'BadRequestError', code: status } });
    case 'azure':
      return JSON.stringify({ error: { code: own.code ?? String(status), message: own.message } });
    case 'detail':
      return JSON.stringify({ detail: own.message });
    case 'message':
      return JSON.stringify({ message: own.message, request_id: 'simulated' });
    case 'string':
      return JSON.stringify({ error: own.message });
    default:
      return JSON.stringify({ error: own });
  }
}

export function openaiHeaders(requestId: string, status: number): Record<string, string> {
  const isLimited = status === 429;
  return {
    'x-request-id': requestId,
    'openai-organization': 'org-simulated',
    'openai-processing-ms': '12',
    'openai-version': '2020-10-01',
    'x-ratelimit-limit-requests': '5000',
    'x-ratelimit-limit-tokens': '30000',
    'x-ratelimit-remaining-requests': isLimited ? '0' : '4999',
    'x-ratelimit-remaining-tokens': isLimited ? '1690' : '29000',
    'x-ratelimit-reset-requests': '12ms',
    'x-ratelimit-reset-tokens': isLimited ? '4.62s' : '2s',
  };
}
