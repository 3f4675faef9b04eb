// Gemini's errors: Google's usual shape, but a bad key is told as a bad request.
import type { GatewayError } from '#shared/errors.ts';
import { parseJson } from '../fields.ts';
import type { UpstreamError } from '../provider.ts';
import { readBody, readHttpError, readStreamError, refusedCredentials } from '../read-error.ts';

export function readGeminiError(error: UpstreamError): GatewayError {
  return isBadKey(parseJson(error.body.toString('utf8'))) ? refusedCredentials() : readHttpError(error);
}

export function readStreamFailure(body: unknown): GatewayError {
  return isBadKey(body) ? refusedCredentials() : readStreamError(body);
}

function isBadKey(body: unknown): boolean {
  if (body === undefined) return false;
  const { codes, message } = readBody(body);
  return codes.includes('api_key_invalid') || /API key (?:not valid|expired|not found)/i.test(message);
}
