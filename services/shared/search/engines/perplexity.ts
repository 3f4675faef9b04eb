// Perplexity's Search API (https://docs.perplexity.ai/api-reference/search-post): pages, not a model's answer.
import { fieldsOf, listOf, textOf } from '#shared/providers/fields.ts';
import { hostsOf, wholeHostsOf } from '../domains.ts';
import type { SearchEngine } from '../search-engine.ts';

const MOST_DOMAINS = 20;

export const perplexity: SearchEngine = {
  name: 'perplexity',
  url: 'https://api.perplexity.ai',
  keyHeader: 'authorization',
  maxQueryChars: 1000,
  toRequest: ({ query, maxResults, allowedDomains, blockedDomains, country }) => {
    // One list holds either kind.
    const filter =
      allowedDomains.length > 0 ? hostsOf(allowedDomains) : wholeHostsOf(blockedDomains).map((host) => `-${host}`);
    return {
      method: 'POST',
      path: '/search',
      body: {
        query,
        max_results: maxResults,
        ...(filter.length > 0 ? { search_domain_filter: filter.slice(0, MOST_DOMAINS) } : {}),
        ...(country === null ? {} : { country }),
      },
    };
  },
  readPages: (answer) => {
    const { results } = fieldsOf(answer);
    if (!Array.isArray(results)) return null;
    return listOf(results)
      .map(fieldsOf)
      .map(({ url, title, snippet, date, last_updated }) => ({
        url: textOf(url),
        title: textOf(title),
        text: textOf(snippet),
        age: textOf(date) || textOf(last_updated) || null,
      }));
  },
};
