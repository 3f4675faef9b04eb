// What an upstream said when it refused → an error in the client's own words. Every vendor puts its words elsewhere; the
// status and the few phrases that clients act on decide what the client sees.
import { GatewayError, type GatewayErrorCode } from '#shared/errors.ts';
import { readOverflow } from './context-overflow.ts';
import { fieldsOf, isFields, listOf, numberOf, parseJson, textOf } from './fields.ts';
import type { UpstreamError } from './provider.ts';
import { readRetryAfter } from './retry-after.ts';
import { scrubMessage } from './scrub-message.ts';

/** What an upstream's error says, wherever it says it. */
export interface Failure {
  status: number;
  message: string;
  /** Codes and types it names, in lower case. */
  codes: string[];
  retryAfterSeconds: number | null;
}

const LONGEST = 2048;

/** For an answer with an error status. */
export function readHttpError({ status, rawHeaders, body }: UpstreamError): GatewayError {
  const text = body.toString('utf8');
  const json = parseJson(text);
  const said = json === undefined ? null : readBody(json);
  return toGatewayError({
    status,
    message: said?.message || plainMessage(text) || `the upstream answered with status ${status}`,
    codes: said?.codes ?? [],
    retryAfterSeconds: readRetryAfter(rawHeaders, json),
  });
}

/** For an error inside an answer that had begun well; `body` is its JSON. */
export function readStreamError(body: unknown): GatewayError {
  const { message, codes, status } = readBody(body);
  const words = message || 'the upstream failed while it answered';
  return toGatewayError({
    status: status ?? statusOf(codes, words),
    message: words,
    codes,
    retryAfterSeconds: readRetryAfter([], body),
  });
}

interface Said {
  message: string;
  codes: string[];
  /** HTTP status, when the body names one. */
  status: number | null;
}

/** `{error: {…}}`, `{error: "…"}`, `{message}`, `{detail}`, `[{error}]` and what else is in use. */
export function readBody(json: unknown): Said {
  const root = fieldsOf(Array.isArray(json) ? json[0] : json);
  const error = isFields(root.error) ? root.error : root;
  const metadata = fieldsOf(error.metadata);
  const message =
    nestedMessage(metadata.raw) ||
    nestedMessage(error.message) ||
    textOf(root.error) ||
    detailMessage(root.detail) ||
    textOf(root.message) ||
    textOf(root.error_description) ||
    textOf(root.msg);
  const details = listOf(error.details).flatMap((detail) => {
    const { reason, violations } = fieldsOf(detail);
    return [textOf(reason), ...listOf(violations).map((violation) => textOf(fieldsOf(violation).quotaId))];
  });
  const codes = [error.code, error.type, error.status, root.code, root.type, metadata.error_type, ...details]
    .flatMap((code) => (typeof code === 'string' || typeof code === 'number' ? [String(code).toLowerCase()] : []))
    .filter((code) => code !== '' && code !== 'error');
  return { message, codes, status: httpStatus([error.code, error.status, root.status, root.code]) };
}

/** A router hands on what its own upstream said, often as JSON in a text. */
function nestedMessage(value: unknown): string {
  const text = textOf(value);
  const inner = /^\s*[[{]/.test(text) ? parseJson(text) : undefined;
  return inner === undefined ? text : readBody(inner).message || text;
}

function detailMessage(detail: unknown): string {
  if (!Array.isArray(detail)) return textOf(detail) || textOf(fieldsOf(detail).message);
  const lines = detail.map((item) => {
    const { loc, msg } = fieldsOf(item);
    return [listOf(loc).map(String).join('.'), textOf(msg)].filter((part) => part !== '').join(': ');
  });
  return lines.filter((line) => line !== '').join('; ');
}

function httpStatus(values: readonly unknown[]): number | null {
  const numbers = values.map((value) => (typeof value === 'string' && /^\d{3}$/.test(value) ? Number(value) : value));
  return numbers.map(numberOf).find((value) => value !== null && value >= 400 && value <= 599) ?? null;
}

/** A page's title, else the text itself. */
function plainMessage(text: string): string {
  if (!/^\s*</.test(text)) return text.trim();
  const title = /<title[^>]*>([^<]*)<\/title>/i.exec(text)?.[1] ?? '';
  return title.trim() || 'the upstream answered with a web page';
}

/** By the codes of an error that came without a status. */
function statusOf(codes: readonly string[], message: string): number {
  const said = `${codes.join(' ')} ${message}`.toLowerCase();
  if (/overloaded|unavailable|engine_overloaded|capacity/.test(said)) return 529;
  if (/rate.?limit|too many requests|resource_exhausted/.test(said)) return 429;
  if (/authentication|invalid_api_key|unauthorized/.test(said)) return 401;
  if (/permission/.test(said)) return 403;
  if (/not_found/.test(said)) return 404;
  if (/timeout|deadline_exceeded/.test(said)) return 504;
  if (/invalid_request|invalid_argument|bad_request|invalid_prompt|badrequest/.test(said)) return 400;
  return 500;
}

const QUOTA =
  /insufficient_quota|insufficient.?balance|billing_|out of credits|credit balance|no credits|used all available credits|spending limit|perday|daily (?:limit|quota)|payment required/i;
const NO_MODEL = /model_not_found|model_not_exist|model .{0,80}(?:not found|does not exist)|no endpoints found/i;
const OVERLOADED = /overloaded|at capacity|unavailable|try again later|(?:engine|server) (?:is )?busy/i;
const NOT_ALLOWED = /model|region|country|territory|location|moderation|flagged|content|terms|policy/i;
const CREDENTIAL = /api.?key|credential|unauthorized|authenticat|token/i;

/** The one table: an upstream's failure → type, status and headers of ours. */
export function toGatewayError(failure: Failure): GatewayError {
  const message = scrubMessage(failure.message).slice(0, LONGEST);
  const said = `${failure.codes.join(' ')} ${failure.message}`;
  const { status } = failure;
  const overflow = status < 500 || status === 500 ? readOverflow(failure.codes, failure.message) : null;
  if (overflow !== null) return new GatewayError('invalid_request_error', overflow);
  if (status === 402 || ((status === 429 || status === 403) && QUOTA.test(said))) {
    return new GatewayError('billing_error', message, { headers: { 'x-should-retry': 'false' } });
  }
  if (status === 401 || (status === 403 && isAboutCredential(said))) return refusedCredentials(message);
  if (status < 500 && status !== 429 && NO_MODEL.test(said)) return new GatewayError('not_found_error', message);
  const { code, status: shown } = classify(status, said);
  const headers = waitHeaders(code, failure.retryAfterSeconds);
  return new GatewayError(code, message, { status: shown, headers });
}

function isAboutCredential(said: string): boolean {
  return CREDENTIAL.test(said) || !NOT_ALLOWED.test(said);
}

const KEY = '(?:api.?key|credentials?|(?:access|bearer|auth\\w*).token)';
const BAD = '(?:invalid|incorrect|expired|revoked|disabled|deactivated|unknown|missing|not (?:valid|recognized))';
const KEY_REFUSED = new RegExp(
  `authentication_error|invalid_api_key|\\b${BAD}\\b.{0,40}\\b${KEY}\\b|\\b${KEY}\\b.{0,40}\\b${BAD}\\b`,
  'i',
);
const KEY_IS_SAID_WITHIN = 16 * 1024;

/** Whether a native 403 blames the key in so many words: what leaves that open stays as it is, for the client to read. */
export function refusesKey(body: Buffer): boolean {
  const said = body.toString('utf8', 0, KEY_IS_SAID_WITHIN);
  return KEY_REFUSED.test(said) && !NOT_ALLOWED.test(said);
}

/** Why an error is the operator's to mend: the upstream does not take the gateway's own key. */
export class CredentialRefused extends Error {
  constructor(said: string) {
    super(said);
    this.name = 'CredentialRefused';
  }
}

/** The client can do nothing about the gateway's own key: no log-in, no retry. */
export function refusedCredentials(said = ''): GatewayError {
  return new GatewayError('api_error', "upstream rejected the gateway's credentials", {
    status: 502,
    headers: { 'x-should-retry': 'false' },
    cause: new CredentialRefused(said),
  });
}

/**
 * Who refused, in front of what it said: a client's user sees whose limits these are. Sentences that clients know by
 * their beginning stay as they are.
 */
export function nameUpstream(error: unknown, upstream: string | undefined): unknown {
  if (upstream === undefined || !(error instanceof GatewayError) || error.code !== 'invalid_request_error')
    return error;
  if (KNOWN_BEGINNING.test(error.message)) return error;
  return withMessage(error, `${upstream}: ${error.message}`);
}

/** Without what it was asked with: some upstreams say which key they got. By its look not every key is one. */
export function hideKeys(error: unknown, keys: readonly string[]): unknown {
  if (!(error instanceof GatewayError)) return error;
  const hidden = keys.reduce((text, key) => text.replaceAll(key, '[redacted]'), error.message);
  return hidden === error.message ? error : withMessage(error, hidden);
}

function withMessage(error: GatewayError, message: string): GatewayError {
  const { code, status, headers, details, cause } = error;
  const options = { status, headers: { ...headers }, cause, ...(details ? { details: { ...details } } : {}) };
  return new GatewayError(code, message, options);
}

const KNOWN_BEGINNING = /^(?:prompt is too long|input length and|capability_rejected)/;

function classify(status: number, said: string): { code: GatewayErrorCode; status: number } {
  if (status === 529 || status === 498 || (status === 503 && OVERLOADED.test(said))) {
    return { code: 'overloaded_error', status: 529 };
  }
  if (status === 408 || status === 504 || status === 524) return { code: 'timeout_error', status: 504 };
  if (status === 500 || status === 502 || status === 503) return { code: 'api_error', status };
  if (status === 409 || status === 425 || status === 499) return { code: 'api_error', status: 503 };
  if (status >= 500) return { code: 'api_error', status: 502 };
  if (status === 403) return { code: 'permission_error', status };
  if (status === 404) return { code: 'not_found_error', status };
  if (status === 413) return { code: 'request_too_large', status };
  if (status === 429) return { code: 'rate_limit_error', status };
  return { code: 'invalid_request_error', status: 400 };
}

/** Clients wait so long and no longer before they try again, about ten times. */
const LONGEST_WAIT = 60;
const TRIES = 10;

/** More than clients wait is told only where all their tries would be in vain. */
function waitHeaders(code: GatewayErrorCode, seconds: number | null): Record<string, string> {
  const mayWait = code === 'rate_limit_error' || code === 'overloaded_error' || code === 'api_error';
  if (!mayWait || seconds === null) return {};
  if (seconds <= LONGEST_WAIT * TRIES) return { 'retry-after': String(Math.min(seconds, LONGEST_WAIT)) };
  return { 'retry-after': String(seconds), 'x-should-retry': 'false' };
}
