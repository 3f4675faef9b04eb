// Keeps a bus that is down from costing every publication its timeout: after some failures in a row nothing is tried
// for a while, then one attempt decides.
import type { Clock } from '#shared/clock.ts';

const FAILURES_TO_OPEN = 5;
const OPEN_MS = 10_000;

export interface PublishBreaker {
  /** May this attempt be made? One that may must end in `succeeded` or `failed`. */
  allows(): boolean;
  succeeded(): void;
  /** True when this failure opened the breaker. */
  failed(): boolean;
}

export function createPublishBreaker(clock: Clock): PublishBreaker {
  let failures = 0;
  let openUntilMs = 0;
  let isProbing = false;
  return {
    allows() {
      if (failures < FAILURES_TO_OPEN) return true;
      if (isProbing || clock.monotonicMs() < openUntilMs) return false;
      isProbing = true;
      return true;
    },
    succeeded() {
      failures = 0;
      isProbing = false;
    },
    failed() {
      failures += 1;
      isProbing = false;
      if (failures < FAILURES_TO_OPEN) return false;
      const now = clock.monotonicMs();
      // What was under way when it opened fails too, and says nothing new.
      const isOpen = now < openUntilMs;
      openUntilMs = now + OPEN_MS;
      return !isOpen;
    },
  };
}
