// `/api/stats`: the primary's tokens since counting began.
import type { IncomingMessage } from 'node:http';
import type { GatewayContext } from '../context.ts';

export async function getStats(_request: IncomingMessage, context: GatewayContext): Promise<unknown> {
  const { total_requests, input_tokens, output_tokens, tool_calls, ...rest } = await context.stats.read();
  return { total_requests, input_tokens, output_tokens, tool_calls, ...rest };
}
