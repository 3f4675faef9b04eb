// One web search as Anthropic tells of it: the call and, right after it, what was found or why nothing was.
import type { ContentBlock } from '#shared/wire/anthropic.ts';
import { CLIENT_TOOL_IDS, toToolId } from './tool-names.ts';

export interface FoundPage {
  url: string;
  /** '' = unknown; the page's address stands for it. */
  title: string;
  /** What the page says, as far as it is known. */
  text?: string;
  /** When it was written, in the words of who found it. */
  age?: string | null;
}

export function searchBlocks(id: string, query: string, pages: readonly FoundPage[]): ContentBlock[] {
  return [searchCall(id, { query }), foundBlock(id, pages)];
}

export function searchCall(id: string, input: Record<string, unknown>): ContentBlock {
  return { type: 'server_tool_use', id: serverId(id), name: 'web_search', input };
}

export function foundBlock(id: string, pages: readonly FoundPage[]): ContentBlock {
  const known = new Map<string, { title: string; age: string | null }>();
  for (const { url, title, age = null } of pages) {
    const told = known.get(url);
    if (url !== '') known.set(url, { title: told?.title || title, age: told?.age ?? age });
  }
  const content = [...known].map(([url, { title, age }]) => ({
    type: 'web_search_result',
    title: title || withoutScheme(url),
    url,
    encrypted_content: '',
    page_age: age,
  }));
  return { type: 'web_search_tool_result', tool_use_id: serverId(id), content };
}

export function failedBlock(id: string, code: string): ContentBlock {
  const content = { type: 'web_search_tool_result_error', error_code: code };
  return { type: 'web_search_tool_result', tool_use_id: serverId(id), content };
}

function serverId(id: string): string {
  return `srvtoolu_${toToolId(id, CLIENT_TOOL_IDS)}`;
}

function withoutScheme(url: string): string {
  return url.replace(/^https?:\/\/(www\.)?/i, '').replace(/[?#].*$|\/$/, '');
}
