// Token counts of Chat Completions, as a dozen servers write them → Anthropic's, which counts what came from a cache apart.
import type { Usage } from '#shared/wire/anthropic.ts';
import { type Fields, fieldsOf, isFields, numberOf } from '../fields.ts';

/** Null when it counts nothing. */
export function toUsage(value: unknown): Usage | null {
  if (!isFields(value)) return null;
  const prompt = count(value.prompt_tokens, value.input_tokens);
  const completion = count(value.completion_tokens, value.output_tokens);
  if (prompt === null && completion === null) return null;
  const details = fieldsOf(value.prompt_tokens_details);
  const read = count(details.cached_tokens, value.prompt_cache_hit_tokens, value.cached_tokens) ?? 0;
  const written =
    count(details.cache_write_tokens, details.cache_creation_tokens, value.cache_creation_input_tokens) ?? 0;
  const reasoning = count(fieldsOf(value.completion_tokens_details).reasoning_tokens, value.reasoning_tokens) ?? 0;
  return {
    ...(prompt === null
      ? {}
      : {
          input_tokens: Math.max(0, prompt - read - written),
          cache_read_input_tokens: read,
          cache_creation_input_tokens: written,
        }),
    ...(completion === null
      ? {}
      : { output_tokens: completion + reasoningBeside(value, prompt, completion, reasoning) }),
    ...(reasoning > 0 ? { output_tokens_details: { thinking_tokens: reasoning } } : {}),
  };
}

/** Most servers count reasoning within the completion; the total tells who does not. */
function reasoningBeside(usage: Fields, prompt: number | null, completion: number, reasoning: number): number {
  const total = count(usage.total_tokens);
  return reasoning > 0 && total === (prompt ?? 0) + completion + reasoning ? reasoning : 0;
}

function count(...values: unknown[]): number | null {
  const found = values.map(numberOf).find((value) => value !== null && value >= 0);
  return found === undefined || found === null ? null : Math.round(found);
}
