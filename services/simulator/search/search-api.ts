// What a search API must say to be played: how it is asked, how it answers and how it refuses.
import type { Fields } from '../read-ask.ts';
import type { SeenRequest } from '../seen.ts';

/** A page as scenes tell it. */
export interface SceneResult {
  url: string;
  title: string;
  content?: string;
  date?: string;
}

export interface SearchAsk {
  query: string;
  count: number;
  allowed: string[];
  blocked: string[];
}

/** Said instead of results. */
export interface SearchRefusal {
  status: number;
  message: string;
}

export interface SearchApi {
  readonly method: 'GET' | 'POST';
  /** Behind the base URL. */
  readonly path: string;
  /** The header that must hold a key; undefined = it takes none. */
  readonly keyHeader?: 'authorization' | 'x-subscription-token';
  read(request: SeenRequest, query: URLSearchParams, body: Fields): SearchAsk | SearchRefusal;
  write(results: SceneResult[], ask: SearchAsk): unknown;
  refuse(refusal: SearchRefusal): unknown;
}

export function isRefusal(answer: SearchAsk | SearchRefusal): answer is SearchRefusal {
  return 'status' in answer;
}
