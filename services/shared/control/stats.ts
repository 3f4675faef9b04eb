// The names of the usage counters, once, and their sum.
import type { Stats } from './control.ts';

export const EMPTY_STATS: Readonly<Stats> = {
  total_requests: 0,
  input_tokens: 0,
  output_tokens: 0,
  tool_calls: 0,
  cache_read_input_tokens: 0,
  cache_creation_input_tokens: 0,
};

export const STAT_NAMES = Object.keys(EMPTY_STATS) as ReadonlyArray<keyof Stats>;

export function addStats(a: Stats, b: Stats): Stats {
  const sum = { ...EMPTY_STATS };
  for (const name of STAT_NAMES) sum[name] = a[name] + b[name];
  return sum;
}
