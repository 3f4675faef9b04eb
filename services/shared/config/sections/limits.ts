// [limits], [cache], [prices.<model>]: how much, how long, for how much.
import { choice, optionalInteger, optionalNumber, seconds } from '../schema.ts';

export const limits = {
  max_output_tokens: optionalInteger(
    'Most output tokens a converted request may ask for; unset = as the model has it.',
    {
      min: 1,
    },
  ),
};

export const cache = {
  count_tokens: choice('Answer count_tokens; off = 404, and clients count for themselves.', ['on', 'off'], 'on'),
  count_tokens_ttl_secs: seconds('Seconds for which a count of the same request is kept; 0 = not at all.', 300, 0),
};

/** What is unset here stays as the bundled table has it; what is in neither is unknown. */
export const price = {
  input: optionalNumber('USD per million input tokens.', { min: 0 }),
  output: optionalNumber('USD per million output tokens.', { min: 0 }),
  cache_read: optionalNumber('USD per million tokens read from the cache; unknown = as input.', { min: 0 }),
  cache_write: optionalNumber('USD per million tokens written to the cache; unknown = as input.', { min: 0 }),
};
