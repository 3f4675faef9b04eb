// One web search as Anthropic tells of it: the call and, right after it, what was found.
import type { ContentBlock } from '#shared/wire/anthropic.ts';
import { CLIENT_TOOL_IDS, toToolId } from './tool-names.ts';

export interface FoundPage {
  url: string;
  /** '' = unknown; the page's address stands for it. */
  title: string;
}

export function searchBlocks(id: string, query: string, pages: readonly FoundPage[]): ContentBlock[] {
  const toolId = `srvtoolu_${toToolId(id, CLIENT_TOOL_IDS)}`;
  const known = new Map(pages.filter(({ url }) => url !== '').map((page) => [page.url, page]));
  const content = [...known.values()].map(({ url, title }) => ({
    type: 'web_search_result',
    title: title || withoutScheme(url),
    url,
    encrypted_content: '',
    page_age: null,
  }));
  return [
    { type: 'server_tool_use', id: toolId, name: 'web_search', input: { query } },
    { type: 'web_search_tool_result', tool_use_id: toolId, content },
  ];
}

function withoutScheme(url: string): string {
  return url.replace(/^https?:\/\/(www\.)?/i, '').replace(/[?#].*$|\/$/, '');
}
