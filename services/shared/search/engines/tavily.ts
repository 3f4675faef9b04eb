// Tavily (https://docs.tavily.com/documentation/api-reference/endpoint/search).
import { fieldsOf, listOf, textOf } from '#shared/providers/fields.ts';
import { hostsOf, wholeHostsOf } from '../domains.ts';
import type { SearchEngine } from '../search-engine.ts';

export const tavily: SearchEngine = {
  name: 'tavily',
  url: 'https://api.tavily.com',
  keyHeader: 'authorization',
  maxQueryChars: 400,
  toRequest: ({ query, maxResults, allowedDomains, blockedDomains }) => {
    const [include, exclude] = [hostsOf(allowedDomains), wholeHostsOf(blockedDomains)];
    return {
      method: 'POST',
      path: '/search',
      body: {
        query,
        max_results: maxResults,
        ...(include.length > 0 ? { include_domains: include } : {}),
        ...(exclude.length > 0 ? { exclude_domains: exclude } : {}),
      },
    };
  },
  readPages: (answer) => {
    const { results } = fieldsOf(answer);
    if (!Array.isArray(results)) return null;
    return listOf(results)
      .map(fieldsOf)
      .map(({ url, title, content, published_date }) => ({
        url: textOf(url),
        title: textOf(title),
        text: textOf(content),
        age: textOf(published_date) || null,
      }));
  },
};
