// What became of handing a call to the bus, for the event on its span.
import type { PublishResult } from '#shared/bus/bus.ts';
import type { SkipReason } from '#shared/exchange/exchange.ts';
import type { SessionIdentity } from './routing/identify-turn.ts';

/** `session`: as the exchange knows it; absent where nobody looked. */
export type Handover = HandedOver & { readonly session?: SessionIdentity };

type HandedOver =
  | { kind: 'published'; pairs: number }
  | { kind: 'dropped'; errorType: 'queue_full' | 'too_large' | 'bus_error' | 'internal' }
  | { kind: 'skipped'; reason: SkipReason }
  /** There was nothing to hand over. */
  | { kind: 'none' };

export function toHandover(result: PublishResult, pairs: number): Handover {
  switch (result) {
    case 'ok':
      return { kind: 'published', pairs };
    case 'dropped_full':
      return { kind: 'dropped', errorType: 'queue_full' };
    case 'dropped_size':
      return { kind: 'dropped', errorType: 'too_large' };
    case 'failed':
      return { kind: 'dropped', errorType: 'internal' };
    case 'redis_error':
    case 'redis_unknown':
      return { kind: 'dropped', errorType: 'bus_error' };
  }
}
