// What Google Search found for an answer. Each chunk tells it anew and at more length; it is told once, at the end.
import type { ContentBlock, Usage } from '#shared/wire/anthropic.ts';
import { type Fields, fieldsOf, listOf, textOf } from '../fields.ts';
import { type FoundPage, searchBlocks } from '../search-blocks.ts';

export interface Grounding {
  add(metadata: Fields): void;
  blocks(id: string): ContentBlock[];
  usage(): Usage;
}

export function createGrounding(): Grounding {
  const pages = new Map<string, FoundPage>();
  const queries = new Set<string>();
  const isEmpty = (): boolean => pages.size === 0 && queries.size === 0;
  return {
    add: (metadata) => {
      for (const query of listOf(metadata.webSearchQueries).map(textOf)) if (query !== '') queries.add(query);
      for (const chunk of listOf(metadata.groundingChunks)) {
        const { uri, title, domain } = fieldsOf(fieldsOf(chunk).web);
        const url = textOf(uri);
        if (url !== '' && !pages.has(url)) pages.set(url, { url, title: textOf(title) || textOf(domain) });
      }
    },
    blocks: (id) => (isEmpty() ? [] : searchBlocks(id, [...queries].join(', '), [...pages.values()])),
    usage: () => (isEmpty() ? {} : { server_tool_use: { web_search_requests: Math.max(1, queries.size) } }),
  };
}
