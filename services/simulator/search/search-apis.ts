// Five search APIs as they are published, each as far as a client of it can tell.
import { type Fields, isFields, listOf } from '../read-ask.ts';
import type { SceneResult, SearchApi, SearchAsk, SearchRefusal } from './search-api.ts';

const MOST_RESULTS = 20;

const brave: SearchApi = {
  method: 'GET',
  path: '/res/v1/web/search',
  keyHeader: 'x-subscription-token',
  read: (_request, query) => {
    const ask = { query: query.get('q') ?? '', count: Number(query.get('count') ?? 20), allowed: [], blocked: [] };
    const isLong = ask.query.length > 400 || ask.query.split(/\s+/).length > 50;
    return isLong ? { status: 422, message: 'Unable to validate request parameter(s)' } : checked(ask, 422);
  },
  write: (results, { query }) => ({
    type: 'search',
    query: { original: query, more_results_available: true },
    ...(results.length === 0
      ? {}
      : {
          web: {
            type: 'search',
            results: results.map(({ url, title, content = '', date }) => ({
              ...{ type: 'search_result', title, url, description: content.replaceAll('&', '&amp;') },
              ...(date === undefined ? {} : { page_age: `${date}T00:00:00`, age: date }),
            })),
          },
        }),
  }),
  refuse: ({ status, message }) => ({
    type: 'ErrorResponse',
    error: { id: 'simulated', status, code: 'SIMULATED', detail: message },
    time: 0,
  }),
};

const openrouter: SearchApi = {
  method: 'POST',
  path: '/chat/completions',
  keyHeader: 'authorization',
  read: (_request, _query, body) => {
    const plugin = listOf(body.plugins).find((one) => isFields(one) && one.id === 'web');
    if (!isFields(plugin) || typeof body.model !== 'string') return { status: 400, message: 'No web plugin' };
    const last = listOf(body.messages).findLast(isFields);
    return checked(
      {
        query: String(last?.content ?? ''),
        count: Number(plugin.max_results ?? 5),
        allowed: listOf(plugin.include_domains).map(String),
        blocked: listOf(plugin.exclude_domains).map(String),
      },
      400,
    );
  },
  write: (results) => {
    const annotations = results.map(({ url, title, content = '' }) => ({
      type: 'url_citation',
      url_citation: { url, title, content, start_index: 0, end_index: 0 },
    }));
    const message = { role: 'assistant', content: 'These pages were found.', annotations };
    return {
      id: 'gen-simulated',
      object: 'chat.completion',
      choices: [{ index: 0, finish_reason: 'stop', message }],
      usage: { prompt_tokens: 10, completion_tokens: 5, total_tokens: 15 },
    };
  },
  refuse: ({ status, message }) => ({ error: { code: status, message } }),
};

const perplexity: SearchApi = {
  method: 'POST',
  path: '/search',
  keyHeader: 'authorization',
  read: (_request, _query, body) => {
    const filter = listOf(body.search_domain_filter).map(String);
    const blocked = filter.filter((domain) => domain.startsWith('-'));
    const isMixed = blocked.length > 0 && blocked.length < filter.length;
    if (isMixed || filter.length > 20) return { status: 400, message: 'search_domain_filter is invalid' };
    return checked(
      {
        query: String(body.query ?? ''),
        count: Number(body.max_results ?? 10),
        allowed: blocked.length > 0 ? [] : filter,
        blocked: blocked.map((domain) => domain.slice(1)),
      },
      400,
    );
  },
  write: (results) => ({
    id: 'simulated',
    results: results.map(({ url, title, content = '', date }) => ({
      ...{ title, url, snippet: content, date: date ?? null, last_updated: date ?? null },
    })),
    server_time: null,
  }),
  refuse: ({ status, message }) => ({ error: { message, type: 'simulated', code: status } }),
};

const searxng: SearchApi = {
  method: 'GET',
  path: '/search',
  read: (_request, query) => {
    if (query.get('format') !== 'json') return { status: 403, message: 'Forbidden' };
    return checked({ query: query.get('q') ?? '', count: MOST_RESULTS, allowed: [], blocked: [] }, 400);
  },
  write: (results, { query }) => ({
    query,
    number_of_results: results.length,
    results: results.map(({ url, title, content = '', date }) => ({
      ...{ url, title, content, engine: 'simulated', publishedDate: date ?? null, score: 1, category: 'general' },
    })),
    answers: [],
    suggestions: [],
    unresponsive_engines: [],
  }),
  refuse: ({ message }) => ({ error: message }),
};

const tavily: SearchApi = {
  method: 'POST',
  path: '/search',
  keyHeader: 'authorization',
  read: (_request, _query, body) => {
    const ask = {
      query: String(body.query ?? ''),
      count: Number(body.max_results ?? 5),
      allowed: listOf(body.include_domains).map(String),
      blocked: listOf(body.exclude_domains).map(String),
    };
    if (ask.query.length > 400)
      return { status: 400, message: 'Query is too long. Max query length is 400 characters.' };
    return checked(ask, 400);
  },
  write: (results, { query }) => ({
    query,
    follow_up_questions: null,
    answer: null,
    images: [],
    results: results.map(({ url, title, content = '' }) => ({ url, title, content, score: 0.9, raw_content: null })),
    response_time: 0.1,
    request_id: 'simulated',
  }),
  refuse: ({ message }) => ({ detail: { error: message } }),
};

function checked(ask: SearchAsk, status: number): SearchAsk | SearchRefusal {
  if (ask.query.trim() === '') return { status, message: 'The query is missing.' };
  const isCount = Number.isInteger(ask.count) && ask.count >= 1 && ask.count <= MOST_RESULTS;
  return isCount ? ask : { status, message: 'The number of results is out of range.' };
}

export const SEARCH_APIS: Readonly<Record<string, SearchApi>> = { brave, openrouter, perplexity, searxng, tavily };

/** Pages for a query of which no scene says what is found. */
export function usualResults(query: string): SceneResult[] {
  const topic = query.replace(/\s+/g, ' ').trim().slice(0, 60);
  return ['one', 'two', 'three'].map((word, index) => ({
    url: `https://${word}.example.com/${encodeURIComponent(topic).slice(0, 40)}`,
    title: `Page ${word}: ${topic}`,
    content: `What page ${word} says of ${topic}.`,
    date: `2026-01-0${index + 1}`,
  }));
}

export function fieldsOf(value: unknown): Fields {
  return isFields(value) ? value : {};
}
