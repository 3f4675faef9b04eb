// What a search API must say to be an engine: how it is asked and what its answer holds. Pure; HTTP is create-search.ts's.
import type { FoundPage } from '#shared/providers/search-blocks.ts';
import type { KeyHeader } from '#shared/providers/target.ts';
import type { SearchQuery } from '#shared/upstream/search-backend.ts';

export interface EngineAsk extends SearchQuery {
  maxResults: number;
  /** For engines that are models themselves. */
  model: string;
}

export interface EngineRequest {
  method: 'GET' | 'POST';
  /** Behind the base URL, with its query. */
  path: string;
  /** Sent as JSON. */
  body?: unknown;
}

export interface SearchEngine {
  readonly name: string;
  /** Base URL of the public service; null = there is none. */
  readonly url: string | null;
  /** Null = it takes no key. */
  readonly keyHeader: KeyHeader | null;
  readonly maxQueryChars: number;
  toRequest(ask: EngineAsk): EngineRequest;
  /** Null when the answer is none of this API. */
  readPages(answer: unknown): FoundPage[] | null;
}
