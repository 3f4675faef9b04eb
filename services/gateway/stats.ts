// `/api/stats`: counts of the primary's answers, kept across restarts and shared by replicas. Added up here and handed
// over once a second.
import type { Control, Stats } from '#shared/control/control.ts';

export interface StatsBook {
  add(delta: Stats): void;
  /** The kept counters and what waits here. */
  read(): Promise<Stats & { since: string }>;
  /** Hands over what waits, last time. */
  stop(): Promise<void>;
}

const FLUSH_MS = 1000;
const ZERO: Stats = {
  total_requests: 0,
  input_tokens: 0,
  output_tokens: 0,
  tool_calls: 0,
  cache_read_input_tokens: 0,
  cache_creation_input_tokens: 0,
};

export function createStatsBook(control: Control, nowMs: () => number, onTrouble: (error: unknown) => void): StatsBook {
  const startedAt = new Date(nowMs()).toISOString();
  let waiting = { ...ZERO };
  const flush = async (): Promise<void> => {
    if (waiting.total_requests === 0) return;
    const delta = waiting;
    waiting = { ...ZERO };
    try {
      await control.addStats(delta);
    } catch (error) {
      waiting = sum(waiting, delta);
      onTrouble(error);
    }
  };
  const timer = setInterval(() => void flush(), FLUSH_MS);
  timer.unref();
  return {
    add: (delta) => {
      waiting = sum(waiting, delta);
    },
    read: async () => {
      try {
        const kept = await control.readStats();
        return { ...sum(kept, waiting), since: kept.since };
      } catch (error) {
        onTrouble(error);
        return { ...waiting, since: startedAt };
      }
    },
    stop: async () => {
      clearInterval(timer);
      await flush();
    },
  };
}

function sum(a: Stats, b: Stats): Stats {
  return {
    total_requests: a.total_requests + b.total_requests,
    input_tokens: a.input_tokens + b.input_tokens,
    output_tokens: a.output_tokens + b.output_tokens,
    tool_calls: a.tool_calls + b.tool_calls,
    cache_read_input_tokens: a.cache_read_input_tokens + b.cache_read_input_tokens,
    cache_creation_input_tokens: a.cache_creation_input_tokens + b.cache_creation_input_tokens,
  };
}
