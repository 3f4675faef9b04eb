// Searches the upstream made for the model → the blocks with which Anthropic tells of its own. A search that says what it
// found is told at once; of one that does not, the citations in the text are what it found.
import type { ContentBlock, Usage } from '#shared/wire/anthropic.ts';
import { fieldsOf, listOf, textOf } from '../fields.ts';
import { type FoundPage, searchBlocks } from '../search-blocks.ts';

export interface SearchLog {
  /** Blocks to write now. */
  add(id: string, action: unknown): ContentBlock[];
  cite(annotation: unknown): void;
  /** Blocks of the searches whose results were not known before the end. */
  flush(): ContentBlock[];
  usage(): Usage;
}

export function createSearchLog(): SearchLog {
  const cited = new Map<string, FoundPage>();
  let waiting: Array<{ id: string; query: string }> = [];
  let count = 0;
  return {
    add: (id, value) => {
      const action = fieldsOf(value);
      // Opening a page and looking for a word in it are no searches.
      if (textOf(action.type) !== 'search' && textOf(action.type) !== '') return [];
      count++;
      const query = textOf(action.query) || listOf(action.queries).map(textOf).join(', ');
      const pages = listOf(action.sources).map((source) => toPage(fieldsOf(source)));
      if (pages.length > 0) return searchBlocks(id, query, pages);
      waiting.push({ id, query });
      return [];
    },
    cite: (annotation) => {
      const said = fieldsOf(annotation);
      const page = toPage(isNested(said.url_citation) ? fieldsOf(said.url_citation) : said);
      if (said.type === 'url_citation' && page.url !== '' && !cited.has(page.url)) cited.set(page.url, page);
    },
    flush: () => {
      const blocks = waiting.flatMap(({ id, query }, index) =>
        searchBlocks(id, query, index === waiting.length - 1 ? [...cited.values()] : []),
      );
      waiting = [];
      return blocks;
    },
    usage: () => (count === 0 ? {} : { server_tool_use: { web_search_requests: count } }),
  };
}

function isNested(value: unknown): boolean {
  return Object.keys(fieldsOf(value)).length > 0;
}

function toPage(source: Record<string, unknown>): FoundPage {
  return { url: textOf(source.url), title: textOf(source.title) };
}
