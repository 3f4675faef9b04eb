// Headers → Caller, and whether it may be served now.
import { GatewayError } from '#shared/errors.ts';
import { holdsAdminToken } from '../admin/holds-admin-token.ts';
import type { GatewayContext } from '../context.ts';
import type { Call, Caller } from './call.ts';

/** @throws GatewayError when the gateway is full or draining, or the request bears the admin token */
export function authenticate(call: Call, context: GatewayContext): Caller {
  if (context.isDraining()) {
    throw new GatewayError('overloaded_error', 'the gateway is shutting down; send the request again', {
      headers: { 'retry-after': '1' },
      closeConnection: true,
    });
  }
  if (holdsAdminToken(call.request.headers, context.config.adminToken)) {
    throw new GatewayError('permission_error', 'the admin token is for the admin API only and is forwarded nowhere', {
      headers: { 'x-should-retry': 'false' },
    });
  }
  const release = context.serverSlots.take();
  if (!release) {
    throw new GatewayError('overloaded_error', 'the gateway serves as many requests as it may; try again', {
      headers: { 'retry-after': '1' },
    });
  }
  call.releases.push(release);
  call.caller = { name: 'any' };
  return call.caller;
}
