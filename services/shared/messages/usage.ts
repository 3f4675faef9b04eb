// Token counts as Anthropic reports them: cumulative totals, of which the last known value counts.
import type { Usage } from '#shared/wire/anthropic.ts';

/** The totals that are stored and summed; null = not reported. */
export interface UsageCounts {
  input_tokens: number | null;
  output_tokens: number | null;
  cache_read_input_tokens: number | null;
  cache_creation_input_tokens: number | null;
}

/** Later totals replace earlier ones; a null or a missing total leaves what was known. */
export function mergeUsage(known: Usage, update: Usage): Usage {
  const merged: Usage = { ...known };
  for (const [key, value] of Object.entries(update)) {
    if (value === null || value === undefined) {
      if (!Object.hasOwn(merged, key)) setOwn(merged, key, value);
    } else {
      setOwn(merged, key, value);
    }
  }
  return merged;
}

/** Two answers that are one to the client: counts add up, those within counts too; of the rest the later one holds. */
export function addUsage(one: Usage, other: Usage): Usage {
  const sum: Usage = { ...one };
  for (const [key, value] of Object.entries(other)) {
    const known = Object.hasOwn(sum, key) ? sum[key] : undefined;
    if (isCounts(known) && isCounts(value)) setOwn(sum, key, addUsage(known, value));
    else if (typeof known === 'number' && typeof value === 'number') setOwn(sum, key, known + value);
    else if (known === undefined || (value !== null && value !== undefined)) setOwn(sum, key, value);
  }
  return sum;
}

function isCounts(value: unknown): value is Usage {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

export function usageCounts(usage: Usage | null): UsageCounts {
  return {
    input_tokens: count(usage?.input_tokens),
    output_tokens: count(usage?.output_tokens),
    cache_read_input_tokens: count(usage?.cache_read_input_tokens),
    cache_creation_input_tokens: count(usage?.cache_creation_input_tokens),
  };
}

/** Size of the prompt: Anthropic's `input_tokens` leaves out what was read from or written to the cache. */
export function promptTokens(usage: Usage | null): number | null {
  const { input_tokens, cache_creation_input_tokens, cache_read_input_tokens } = usageCounts(usage);
  const parts = [input_tokens, cache_creation_input_tokens, cache_read_input_tokens].filter((part) => part !== null);
  return parts.length === 0 ? null : parts.reduce((sum, part) => sum + part, 0);
}

/** Output tokens spent on thinking, which are part of all; null = not reported. */
export function thinkingTokens(usage: Usage | null): number | null {
  const details = usage?.output_tokens_details;
  return isCounts(details) ? count(details.thinking_tokens) : null;
}

function count(value: unknown): number | null {
  return typeof value === 'number' && Number.isFinite(value) && value >= 0 ? value : null;
}

/** Plain assignment of a key named `__proto__` would change the prototype instead. */
function setOwn(target: Usage, key: string, value: unknown): void {
  if (key !== '__proto__') target[key] = value;
  else Object.defineProperty(target, key, { value, writable: true, enumerable: true, configurable: true });
}
