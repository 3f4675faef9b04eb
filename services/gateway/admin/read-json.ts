// The JSON object in the body of an admin request.
import type { IncomingMessage } from 'node:http';
import { GatewayError } from '#shared/errors.ts';
import { readBody } from '../read-body.ts';

const LIMIT_BYTES = 65_536;

/** @throws GatewayError 400 or 413 */
export async function readJson(request: IncomingMessage): Promise<Record<string, unknown>> {
  const bytes = await readBody(request, { limitBytes: LIMIT_BYTES });
  let value: unknown;
  try {
    value = JSON.parse(bytes.toString('utf8'));
  } catch (error) {
    throw new GatewayError('invalid_request_error', 'the body is not valid JSON', { cause: error });
  }
  if (typeof value !== 'object' || value === null || Array.isArray(value)) {
    throw new GatewayError('invalid_request_error', 'the body must be a JSON object');
  }
  return value as Record<string, unknown>;
}
