// `/api/tracing`: spans on or off.
import type { IncomingMessage } from 'node:http';
import { GatewayError } from '#shared/errors.ts';
import type { GatewayContext } from '../context.ts';
import { readJson } from './read-json.ts';

export async function getTracing(_request: IncomingMessage, context: GatewayContext): Promise<unknown> {
  return context.tracing.describe();
}

export async function putTracing(request: IncomingMessage, context: GatewayContext): Promise<unknown> {
  const { enabled } = await readJson(request);
  if (typeof enabled !== 'boolean') throw new GatewayError('invalid_request_error', 'enabled: must be true or false');
  await context.tracing.set(enabled);
  context.events.tracingChanged(enabled);
  return context.tracing.describe();
}
