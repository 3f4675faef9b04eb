// Search APIs under one roof: `/search-engines/<name>` is the base URL of each. A scene's `search` says what they find; its
// status, delays and faults hold for them too.
import { type Answer, type AnswerContext, jsonAnswer, type Protocol } from '../answer.ts';
import type { Scene, SceneError } from '../script.ts';
import { isRefusal, type SceneResult, type SearchApi, type SearchAsk } from '../search/search-api.ts';
import { fieldsOf, SEARCH_APIS, usualResults } from '../search/search-apis.ts';
import type { SeenRequest } from '../seen.ts';

const ROOF = /^\/search-engines\/([a-z]+)(\/.*)$/;

export const searchEngines: Protocol = {
  name: 'search-engines',
  claims: (_method, path) => findApi(path) !== undefined,
  readAsk: () => undefined,
  answer: answerSearch,
  answerOther: () => undefined,
  errorBody: (_status, error) => JSON.stringify({ error: error.message ?? 'simulated' }),
};

function findApi(path: string): { api: SearchApi; rest: string } | undefined {
  const [, name = '', rest = ''] = ROOF.exec(path) ?? [];
  const api = Object.hasOwn(SEARCH_APIS, name) ? SEARCH_APIS[name] : undefined;
  return api && { api, rest };
}

function answerSearch(scene: Scene, request: SeenRequest, _context: AnswerContext): Answer {
  const found = findApi(request.path);
  if (found === undefined) return jsonAnswer(404, '{}');
  const { api, rest } = found;
  const { headers = {} } = scene;
  const refuse = (status: number, message: string): Answer =>
    jsonAnswer(status, JSON.stringify(api.refuse({ status, message })), headers);
  const status = scene.status ?? 200;
  if (scene.body !== undefined) return jsonAnswer(status, scene.body, headers);
  if (status !== 200) return refuse(status, wordsOf(scene.error, status));
  if (rest !== api.path || request.method !== api.method) return refuse(404, 'Not found');
  const key = api.keyHeader === undefined ? 'none' : (request.headers[api.keyHeader] ?? '').replace(/^Bearer /, '');
  if (key === '') return refuse(401, 'The API key is missing.');
  const query = new URLSearchParams(request.url.split('?', 2)[1] ?? '');
  const ask = api.read(request, query, fieldsOf(request.body));
  if (isRefusal(ask)) return refuse(ask.status, ask.message);
  const results = scene.search?.results ?? usualResults(ask.query);
  return jsonAnswer(200, JSON.stringify(api.write(results.filter(fits(ask)).slice(0, ask.count), ask)), headers);
}

function wordsOf(error: SceneError | undefined, status: number): string {
  return error?.message ?? `simulated refusal ${status}`;
}

function fits({ allowed, blocked }: SearchAsk): (result: SceneResult) => boolean {
  return ({ url }) => {
    const host = URL.canParse(url) ? new URL(url).hostname : '';
    const isOf = (domain: string): boolean => {
      const [name = ''] = domain.split('/');
      return host === name || host.endsWith(`.${name}`);
    };
    return !blocked.some(isOf) && (allowed.length === 0 || allowed.some(isOf));
  };
}
