// The one error class of the product. Its codes are Anthropic's error types
// (https://docs.claude.com/en/api/errors), so that every failure has a place in the client's own envelope.

export type GatewayErrorCode =
  | 'invalid_request_error'
  | 'authentication_error'
  | 'billing_error'
  | 'permission_error'
  | 'not_found_error'
  | 'request_too_large'
  | 'rate_limit_error'
  | 'api_error'
  | 'timeout_error'
  | 'overloaded_error';

const STATUS: Record<GatewayErrorCode, number> = {
  invalid_request_error: 400,
  authentication_error: 401,
  billing_error: 402,
  permission_error: 403,
  not_found_error: 404,
  request_too_large: 413,
  rate_limit_error: 429,
  api_error: 500,
  timeout_error: 504,
  overloaded_error: 529,
};

export interface GatewayErrorOptions {
  /** HTTP status where it differs from the code's usual one. */
  status?: number;
  cause?: unknown;
  /** Response headers of ours, e.g. `retry-after`, `x-should-retry`. */
  headers?: Record<string, string>;
  /** `error.details` of the envelope, e.g. `{ error_code: 'thread_unsupported_request' }`. */
  details?: Record<string, unknown>;
  /** Close the client's connection after the answer (its request was not read to the end). */
  closeConnection?: boolean;
}

/** An error with a message that is safe to show to the caller: what, which field, what to do. */
export class GatewayError extends Error {
  readonly code: GatewayErrorCode;
  readonly status: number;
  readonly headers: Readonly<Record<string, string>>;
  readonly details: Readonly<Record<string, unknown>> | undefined;
  readonly closeConnection: boolean;

  constructor(code: GatewayErrorCode, message: string, options: GatewayErrorOptions = {}) {
    super(message, options.cause === undefined ? undefined : { cause: options.cause });
    this.name = 'GatewayError';
    this.code = code;
    this.status = options.status ?? STATUS[code];
    this.headers = options.headers ?? {};
    this.details = options.details;
    this.closeConnection = options.closeConnection ?? false;
  }
}

/** Mistakes in the configuration, one line each: they end the start with exit code 2 and the message alone. */
export class ConfigError extends Error {
  readonly problems: readonly string[];

  constructor(problems: string | readonly string[], cause?: unknown) {
    const all = [problems].flat();
    super(all.join('\n'), cause === undefined ? undefined : { cause });
    this.name = 'ConfigError';
    this.problems = all;
  }
}

/** Whoever looks for mistakes in the configuration goes on after the first. */
export interface Problems {
  /** What `check` returns; undefined when it found a mistake, which is kept. */
  attempt<T>(check: () => T): T | undefined;
  keep(problem: string): void;
  /** In the order in which they were found, each once. */
  found(): readonly string[];
  /** @throws ConfigError with everything that was kept */
  raise(): never;
  /** The same, if anything was kept. */
  raiseAny(): void;
}

export function createProblems(): Problems {
  const found = new Set<string>();
  let cause: unknown;
  const raise = (): never => {
    throw new ConfigError([...found], cause);
  };
  return {
    attempt: (check) => {
      try {
        return check();
      } catch (error) {
        if (!(error instanceof ConfigError)) throw error;
        cause ??= error;
        for (const problem of error.problems) found.add(problem);
        return undefined;
      }
    },
    keep: (problem) => {
      found.add(problem);
    },
    found: () => [...found],
    raise,
    raiseAny: () => {
      if (found.size > 0) raise();
    },
  };
}

/** Anthropic's error envelope; also the data of a stream's `event: error`. */
export interface ErrorEnvelope {
  type: 'error';
  error: { type: string; message: string; details?: Record<string, unknown> };
  request_id?: string;
}

export function toErrorEnvelope(error: GatewayError, requestId?: string): ErrorEnvelope {
  return {
    type: 'error',
    error: { type: error.code, message: error.message, ...(error.details ? { details: error.details } : {}) },
    ...(requestId ? { request_id: requestId } : {}),
  };
}

/** The message of anything thrown, for logs. */
export function errorMessage(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
