// The only producer of Anthropic stream events.
import type { ErrorEnvelope } from '#shared/errors.ts';

/** The one event that ends a stream whose source failed between two events. */
export function errorEvent(envelope: ErrorEnvelope): Buffer {
  return Buffer.from(`event: error\ndata: ${JSON.stringify(envelope)}\n\n`);
}
