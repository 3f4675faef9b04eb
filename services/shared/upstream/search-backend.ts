// The port through which the web is searched for a model whose provider cannot, and what is decided about it.
import type { FoundPage } from '#shared/providers/search-blocks.ts';

/** Anthropic's words for a search that failed. */
export type SearchErrorCode =
  | 'invalid_tool_input'
  | 'unavailable'
  | 'max_uses_exceeded'
  | 'too_many_requests'
  | 'query_too_long'
  | 'request_too_large';

export interface SearchQuery {
  query: string;
  /** Domains with what is below them, perhaps with a path; none = all. */
  allowedDomains: readonly string[];
  blockedDomains: readonly string[];
  /** Two letters; null = anywhere. */
  country: string | null;
}

export type SearchOutcome =
  | { kind: 'found'; pages: FoundPage[] }
  /** The message is for the model. */
  | { kind: 'failed'; code: SearchErrorCode; message: string };

export interface SearchBackend {
  readonly name: string;
  /** Never rejects: what goes wrong is an outcome. */
  search(query: SearchQuery, signal: AbortSignal): Promise<SearchOutcome>;
}

export interface SearchPolicy {
  /** Providers that search themselves may do so. */
  readonly usesProviders: boolean;
  /** Who searches for the others; null = nobody. */
  readonly backend: SearchBackend | null;
  /** What to do about a search that nobody can make, in a sentence. */
  readonly remedy: string;
  /** Searches in one answer at most. */
  readonly maxUses: number;
}
