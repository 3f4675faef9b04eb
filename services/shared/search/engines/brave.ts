// Brave (https://api-dashboard.search.brave.com/app/documentation/web-search/get-started).
import { fieldsOf, isFields, listOf, textOf, textsOf } from '#shared/providers/fields.ts';
import { withSites } from '../domains.ts';
import type { SearchEngine } from '../search-engine.ts';

const MOST_CHARS = 400;
const MOST_RESULTS = 20;

export const brave: SearchEngine = {
  name: 'brave',
  url: 'https://api.search.brave.com',
  keyHeader: 'x-subscription-token',
  maxQueryChars: MOST_CHARS,
  toRequest: ({ query, maxResults, allowedDomains, blockedDomains, country }) => {
    const asked = new URLSearchParams({
      q: withSites(query, allowedDomains, blockedDomains, MOST_CHARS),
      count: String(Math.min(maxResults, MOST_RESULTS)),
      result_filter: 'web',
      text_decorations: 'false',
      ...(country === null ? {} : { country }),
    });
    return { method: 'GET', path: `/res/v1/web/search?${asked}` };
  },
  readPages: (answer) => {
    if (!isFields(answer) || answer.type !== 'search') return null;
    // Without any page there is no `web`.
    return listOf(fieldsOf(answer.web).results)
      .map(fieldsOf)
      .map(({ url, title, description, extra_snippets, page_age, age }) => ({
        url: textOf(url),
        title: plain(textOf(title)),
        text: [textOf(description), ...textsOf(extra_snippets)].map(plain).join('\n'),
        age: textOf(page_age) || textOf(age) || null,
      }));
  },
};

const ENTITIES: Readonly<Record<string, string>> = {
  '&lt;': '<',
  '&gt;': '>',
  '&quot;': '"',
  '&#x27;': "'",
  '&#39;': "'",
  '&amp;': '&',
};

/** Texts come as HTML. */
function plain(html: string): string {
  return html
    .replace(/<\/?[a-z][^<>]*>/gi, '')
    .replace(/&(?:lt|gt|quot|amp|#x27|#39);/g, (found) => ENTITIES[found] ?? '');
}
