// A finished call → the bus, later and off the path. What cannot be handed over is counted.
import type { GatewayContext } from '../context.ts';
import type { FinishedCall } from './finished-call.ts';

/** Never throws, never waits. */
export function publishExchange(finished: FinishedCall, context: GatewayContext): void {
  context.publisher.offer(finished);
}
