// [web_search]: what becomes of a client's web search where the model's own provider has none.
import { choice, integer, optionalBaseUrl, optionalText, seconds, secret, text } from '../schema.ts';

export const SEARCH_MODES = ['route', 'emulate', 'error'] as const;

export const webSearch = {
  mode: choice(
    'Who searches the web for a converted model: route = its provider, where it can; emulate = where it cannot, the gateway asks web_search.provider; error = nobody. Where nobody does, the client gets an explicit error.',
    SEARCH_MODES,
    'route',
  ),
  provider: optionalText('Who is asked in mode emulate: brave, openrouter, perplexity, searxng or tavily.'),
  url: optionalBaseUrl('Base URL of that provider; unset = its public one. SearXNG has none.'),
  env_key: optionalText('Environment variable that holds its API key; wins over api_key.'),
  key_file: optionalText('File that holds its API key.'),
  api_key: secret('The API key itself; env_key or key_file are better places.'),
  model: text('Model that OpenRouter searches with.', 'openrouter/auto'),
  max_results: integer('Pages a search gives at most.', 8, { min: 1, max: 20 }),
  max_uses: integer('Searches in one answer at most; a request may ask for fewer.', 8, { min: 1, max: 50 }),
  timeout_secs: seconds('Seconds for one search.', 20),
};
