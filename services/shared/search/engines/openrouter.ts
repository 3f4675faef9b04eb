// OpenRouter's web plugin (https://openrouter.ai/docs/guides/features/plugins/web-search): one search for one question to
// a model; the pages are in the annotations of its answer, whatever it says itself.
import { fieldsOf, isFields, listOf, textOf } from '#shared/providers/fields.ts';
import type { SearchEngine } from '../search-engine.ts';

/** It is asked for pages, not for an essay. */
const MOST_TOKENS = 1024;

export const openrouter: SearchEngine = {
  name: 'openrouter',
  url: 'https://openrouter.ai/api/v1',
  keyHeader: 'authorization',
  maxQueryChars: 2000,
  toRequest: ({ query, maxResults, allowedDomains, blockedDomains, model }) => ({
    method: 'POST',
    path: '/chat/completions',
    body: {
      model,
      messages: [
        { role: 'user', content: `Search the web and name the pages you find, with their addresses: ${query}` },
      ],
      plugins: [
        {
          id: 'web',
          max_results: maxResults,
          ...(allowedDomains.length > 0 ? { include_domains: allowedDomains } : {}),
          ...(blockedDomains.length > 0 ? { exclude_domains: blockedDomains } : {}),
        },
      ],
      max_tokens: MOST_TOKENS,
    },
  }),
  readPages: (answer) => {
    const { choices } = fieldsOf(answer);
    if (!Array.isArray(choices)) return null;
    const { annotations } = fieldsOf(fieldsOf(choices[0]).message);
    return listOf(annotations)
      .map((annotation) => fieldsOf(annotation).url_citation)
      .filter(isFields)
      .map(({ url, title, content }) => ({ url: textOf(url), title: textOf(title), text: textOf(content), age: null }));
  },
};
