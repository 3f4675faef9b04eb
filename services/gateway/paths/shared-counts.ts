// Counts that were asked for: kept for a while, and made once for all who ask while one is under way. Clients ask the
// same two dozen questions each time they start.
import type { Clock } from '#shared/clock.ts';

export interface SharedCounts {
  /** `count` runs when nobody knows yet; null = it gave no count, and nothing is kept. Rejects as `count` did. */
  of(key: string, count: () => Promise<number | null>): Promise<number | null>;
}

const MAX_KEPT = 4096;

export function createSharedCounts(ttlMs: number, clock: Clock): SharedCounts {
  const kept = new Map<string, { tokens: number; atMs: number }>();
  const underWay = new Map<string, Promise<number | null>>();

  function keep(key: string, tokens: number): void {
    kept.set(key, { tokens, atMs: clock.monotonicMs() });
    const [oldest] = kept.keys();
    if (kept.size > MAX_KEPT && oldest !== undefined) kept.delete(oldest);
  }

  async function make(key: string, count: () => Promise<number | null>): Promise<number | null> {
    try {
      const tokens = await Promise.resolve().then(count);
      if (tokens !== null && ttlMs > 0) keep(key, tokens);
      return tokens;
    } finally {
      underWay.delete(key);
    }
  }

  return {
    of: (key, count) => {
      const known = kept.get(key);
      if (known && clock.monotonicMs() - known.atMs < ttlMs) return Promise.resolve(known.tokens);
      kept.delete(key);
      const pending = underWay.get(key) ?? make(key, count);
      underWay.set(key, pending);
      return pending;
    },
  };
}
