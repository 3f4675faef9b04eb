// SearXNG (https://docs.searxng.org/dev/search_api.html), one's own. `json` must be among its `search.formats`.
import { fieldsOf, listOf, textOf } from '#shared/providers/fields.ts';
import { withSites } from '../domains.ts';
import type { SearchEngine } from '../search-engine.ts';

const MOST_CHARS = 1000;

export const searxng: SearchEngine = {
  name: 'searxng',
  url: null,
  keyHeader: null,
  maxQueryChars: MOST_CHARS,
  toRequest: ({ query, allowedDomains, blockedDomains }) => {
    const q = withSites(query, allowedDomains, blockedDomains, MOST_CHARS);
    return { method: 'GET', path: `/search?${new URLSearchParams({ q, format: 'json' })}` };
  },
  readPages: (answer) => {
    const { results } = fieldsOf(answer);
    if (!Array.isArray(results)) return null;
    return listOf(results)
      .map(fieldsOf)
      .map(({ url, title, content, publishedDate }) => ({
        url: textOf(url),
        title: textOf(title),
        text: textOf(content),
        age: textOf(publishedDate) || null,
      }));
  },
};
