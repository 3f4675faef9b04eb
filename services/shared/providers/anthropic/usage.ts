// Token counts of servers that deviate → Anthropic's: numbers only, each token once.
import type { Usage } from '#shared/wire/anthropic.ts';
import { fieldsOf, isFields, numberOf } from '../fields.ts';
import type { Profile } from './profiles.ts';

/** An input of 0 is one that was not counted: it is left out, and the estimate stays in its place. */
export function toUsage(value: unknown, { countsCachedInput }: Profile): Usage {
  const counts = Object.entries(fieldsOf(value)).filter(([, count]) => typeof count === 'number' || isFields(count));
  const usage: Usage = Object.fromEntries(counts);
  const cached = (numberOf(usage.cache_read_input_tokens) ?? 0) + (numberOf(usage.cache_creation_input_tokens) ?? 0);
  const input = numberOf(usage.input_tokens);
  if (input !== null && countsCachedInput) usage.input_tokens = Math.max(0, input - cached);
  if (input === 0 && cached === 0) delete usage.input_tokens;
  return usage;
}
