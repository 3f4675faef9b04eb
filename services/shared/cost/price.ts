// Usage → money. Pure. What is not known is not guessed: an unknown model, an unreported total, a prompt beyond the
// length a price is published for give null, never 0.
import type { Usage } from '#shared/wire/anthropic.ts';

/** USD per million tokens. */
export interface Prices {
  readonly input: number;
  readonly output: number;
  /** null = as input. */
  readonly cacheRead: number | null;
  readonly cacheWrite: number | null;
  /** For a cache that is kept an hour; null = as `cacheWrite`. */
  readonly cacheWriteHour: number | null;
  /** Prompts longer than this cost something else; null = all cost the same. */
  readonly upToPromptTokens: number | null;
}

/** USD; the first three add up to `prompt`. */
export interface ItemizedPrice {
  readonly input: number;
  readonly cacheRead: number;
  readonly cacheWrite: number;
  readonly prompt: number;
  readonly completion: number;
  readonly total: number;
}

export function priceUsage(usage: Usage | null, prices: Prices | null): number | null {
  return itemizeUsage(usage, prices)?.total ?? null;
}

export function itemizeUsage(usage: Usage | null, prices: Prices | null): ItemizedPrice | null {
  if (usage === null || prices === null) return null;
  const input = count(usage.input_tokens);
  const output = count(usage.output_tokens);
  if (input === null || output === null) return null;
  const read = count(usage.cache_read_input_tokens) ?? 0;
  const written = count(usage.cache_creation_input_tokens) ?? 0;
  const { upToPromptTokens } = prices;
  if (upToPromptTokens !== null && input + read + written > upToPromptTokens) return null;
  const hour = Math.min(
    written,
    count((usage.cache_creation as HourUsage | undefined)?.ephemeral_1h_input_tokens) ?? 0,
  );
  const writePrice = prices.cacheWrite ?? prices.input;
  const fresh = input * prices.input;
  const answered = output * prices.output;
  const cacheRead = read * (prices.cacheRead ?? prices.input);
  const cacheWrite = (written - hour) * writePrice + hour * (prices.cacheWriteHour ?? writePrice);
  return {
    input: fresh / MILLION,
    cacheRead: cacheRead / MILLION,
    cacheWrite: cacheWrite / MILLION,
    prompt: (fresh + cacheRead + cacheWrite) / MILLION,
    completion: answered / MILLION,
    total: (fresh + answered + cacheRead + cacheWrite) / MILLION,
  };
}

const MILLION = 1_000_000;

interface HourUsage {
  ephemeral_1h_input_tokens?: unknown;
}

function count(value: unknown): number | null {
  return typeof value === 'number' && Number.isFinite(value) && value >= 0 ? value : null;
}
