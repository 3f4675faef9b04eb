// Whatever went wrong on a request's way → the client's own error shape, or quiet when nobody reads it.
import type { ServerResponse } from 'node:http';
import { errorMessage, GatewayError, toErrorEnvelope } from '#shared/errors.ts';
import type { GatewayContext } from './context.ts';
import { type Call, ClientGone } from './messages/call.ts';
import { routeHeaders } from './route-headers.ts';

/** The header that names a request, to its client and to configured providers. */
export const REQUEST_ID = 'x-ccproxy-request-id';

/** Never throws. */
export function writeError(error: unknown, call: Call, context: GatewayContext): void {
  if (error instanceof ClientGone || call.isClientGone) {
    call.isClientGone = true;
    call.response.destroy();
    return;
  }
  const shown = toGatewayError(error, call.id, context);
  call.error = shown;
  const extra = call.plan ? routeHeaders(call, call.plan) : [REQUEST_ID, call.id, 'x-ccproxy-mode', call.mode];
  sendError(call.response, shown, call.id, extra);
}

/** Anything thrown → GatewayError; what nobody foresaw is logged whole and shown as nothing but its request id. */
export function toGatewayError(error: unknown, requestId: string, context: GatewayContext): GatewayError {
  if (error instanceof GatewayError) return error;
  context.log.error('request.failed', {
    request_id: requestId,
    error: errorMessage(error),
    stack: error instanceof Error ? error.stack : undefined,
  });
  return new GatewayError('api_error', `the gateway failed on this request (${requestId})`, { cause: error });
}

export function sendError(
  response: ServerResponse,
  error: GatewayError,
  requestId: string,
  extraHeaders: string[],
): void {
  if (response.headersSent) {
    response.destroy();
    return;
  }
  const body = Buffer.from(JSON.stringify(toErrorEnvelope(error, requestId)));
  const headers = ['content-type', 'application/json', 'content-length', String(body.length), ...extraHeaders];
  for (const [name, value] of Object.entries(error.headers)) headers.push(name, value);
  if (error.closeConnection) headers.push('connection', 'close');
  response.writeHead(error.status, headers);
  response.end(body);
}
