// [web_search] → who searches the web for models whose provider cannot: one engine, asked over HTTP at the one configured
// address. Redirects are not followed, an answer is read up to a limit, and whatever goes wrong is an outcome.
import type { Config } from '#shared/config/load.ts';
import { ConfigError, errorMessage } from '#shared/errors.ts';
import { parseJson } from '#shared/providers/fields.ts';
import type { FoundPage } from '#shared/providers/search-blocks.ts';
import type { Credential } from '#shared/providers/target.ts';
import { type Answer, callUpstream, UpstreamFailure, type UpstreamRequest } from '#shared/upstream/call-upstream.ts';
import { credentialHeaders } from '#shared/upstream/credentials.ts';
import { readKey } from '#shared/upstream/read-key.ts';
import type {
  SearchBackend,
  SearchErrorCode,
  SearchOutcome,
  SearchPolicy,
  SearchQuery,
} from '#shared/upstream/search-backend.ts';
import type { UpstreamAgent } from '#shared/upstream/upstream-agent.ts';
import { isAllowed } from './domains.ts';
import { ENGINES } from './engines/index.ts';
import type { SearchEngine } from './search-engine.ts';

export interface SearchParts {
  /** Connections, made within so many milliseconds. */
  agentWith(connectMs: number): UpstreamAgent;
  /** The engine was asked. */
  onSearched?(search: { engine: string; result: SearchErrorCode | 'found'; pages: number; error?: string }): void;
}

type Settings = Config['web_search'];

/** @throws ConfigError when mode emulate has nobody to ask */
export function createSearch(config: Config, parts: SearchParts): SearchPolicy {
  const { mode, max_uses: maxUses } = config.web_search;
  const nobody = { backend: null, maxUses, remedy: REMEDY[mode] };
  if (mode === 'error') return { ...nobody, usesProviders: false };
  if (mode === 'route') return { ...nobody, usesProviders: true };
  return { ...nobody, usesProviders: true, backend: createBackend(config, parts) };
}

const REMEDY: Readonly<Record<Settings['mode'], string>> = {
  route:
    'the provider of this model has no web search of its own. Let a rule send searches to a model whose provider has one, or set web_search.mode = "emulate" and web_search.provider in the gateway\'s configuration',
  emulate: '',
  error: 'web_search.mode = "error" in the gateway\'s configuration switches it off',
};

const CONNECT_MS = 10_000;
/** Of an answer. */
const MOST_BYTES = 2 * 1024 * 1024;
/** What a model is given of one page, and of all pages of a search. */
const PAGE_CHARS = 2000;
const ALL_CHARS = 16_000;
const TITLE_CHARS = 300;
/** A longer address is no page that anybody could open. */
const URL_CHARS = 4096;

function createBackend(config: Config, parts: SearchParts): SearchBackend {
  const settings = config.web_search;
  const engine = findEngine(settings.provider, config);
  const baseUrl = (settings.url ?? engine.url)?.replace(/\/+$/, '');
  const refuse = (key: string, what: string): never => {
    throw new ConfigError(`${config.placeOf(`web_search.${key}`)}: web_search.${key} ${what}`);
  };
  if (baseUrl === undefined) return refuse('url', `is missing: ${engine.name} is a server of your own`);
  const secret = readKey('web_search', settings, config);
  if (secret === null && engine.keyHeader !== null && settings.url === null) {
    refuse('env_key', `is missing: ${engine.name} wants an API key`);
  }
  const header = engine.keyHeader ?? 'authorization';
  const credential: Credential = secret === null ? { kind: 'none' } : { kind: 'key', header, secret };
  const ask = async (query: SearchQuery, signal: AbortSignal): Promise<SearchOutcome> => {
    if (query.query.length > engine.maxQueryChars)
      return failed('query_too_long', `The query has more than ${engine.maxQueryChars} characters.`);
    const asked = { ...query, maxResults: settings.max_results, model: settings.model };
    const request = toHttp(engine.toRequest(asked), baseUrl, credential);
    try {
      const answer = await call(request, settings.timeout_secs * 1000, parts.agentWith(CONNECT_MS), signal);
      return readAnswer(answer, engine, query, settings.max_results);
    } catch (error) {
      if (!(error instanceof UpstreamFailure)) throw error;
      const isLate = error.kind.startsWith('timeout');
      return failed('unavailable', `The web search ${isLate ? 'took too long' : 'could not be reached'}.`);
    }
  };
  return {
    name: engine.name,
    search: async (query, signal) => {
      let trouble: { error?: string } = {};
      const outcome = await ask(query, signal).catch((error: unknown) => {
        trouble = { error: errorMessage(error) };
        return failed('unavailable', 'The web search could not be asked.');
      });
      const isFound = outcome.kind === 'found';
      parts.onSearched?.({
        engine: engine.name,
        result: isFound ? 'found' : outcome.code,
        pages: isFound ? outcome.pages.length : 0,
        ...trouble,
      });
      return outcome;
    },
  };
}

function findEngine(name: string | null, { placeOf }: Config): SearchEngine {
  const known = ENGINES.map((engine) => engine.name).join(', ');
  if (name === null) {
    const place = placeOf('web_search.mode');
    throw new ConfigError(`${place}: web_search.mode = "emulate" needs web_search.provider: ${known}`);
  }
  const engine = ENGINES.find((candidate) => candidate.name === name);
  if (!engine) {
    const place = placeOf('web_search.provider');
    throw new ConfigError(`${place}: web_search.provider = "${name}" is no search we know: ${known}`);
  }
  return engine;
}

function toHttp(
  { method, path, body }: ReturnType<SearchEngine['toRequest']>,
  baseUrl: string,
  credential: Credential,
): UpstreamRequest {
  const base = new URL(baseUrl);
  return {
    origin: base.origin,
    path: base.pathname.replace(/\/$/, '') + path,
    method,
    headers: [
      ...['accept', 'application/json', 'accept-encoding', 'identity'],
      ...(body === undefined ? [] : ['content-type', 'application/json']),
      ...credentialHeaders(credential, []),
    ],
    body: body === undefined ? null : Buffer.from(JSON.stringify(body)),
  };
}

interface HttpAnswer {
  status: number;
  /** Null when it is longer than anybody reads. */
  body: Buffer | null;
}

/** @throws UpstreamFailure when no whole answer came in time, or the signal was aborted */
async function call(
  request: UpstreamRequest,
  timeoutMs: number,
  dispatcher: UpstreamAgent,
  signal: AbortSignal,
): Promise<HttpAnswer> {
  let abort = (): void => {};
  const onAbort = (): void => abort();
  signal.addEventListener('abort', onAbort, { once: true });
  try {
    const answer = await callUpstream(request, {
      dispatcher,
      timeouts: { connectMs: CONNECT_MS, firstByteMs: timeoutMs, idleMs: timeoutMs, deadlineMs: timeoutMs },
      onAbortable: (given) => {
        abort = given;
        if (signal.aborted) given();
      },
    });
    return await readBody(answer, signal);
  } finally {
    signal.removeEventListener('abort', onAbort);
  }
}

function readBody(answer: Answer, signal: AbortSignal): Promise<HttpAnswer> {
  const { status } = answer;
  return new Promise((resolve, reject) => {
    const chunks: Buffer[] = [];
    let size = 0;
    signal.addEventListener('abort', () => reject(new UpstreamFailure('reset', 'the call was aborted')), {
      once: true,
    });
    const flow = answer.start({
      onChunk: (chunk) => {
        size += chunk.length;
        if (size <= MOST_BYTES) chunks.push(chunk);
        else if (size - chunk.length <= MOST_BYTES) {
          queueMicrotask(() => flow.abort());
          resolve({ status, body: null });
        }
      },
      onEnd: () => resolve({ status, body: Buffer.concat(chunks) }),
      onError: reject,
    });
  });
}

function readAnswer(
  { status, body }: HttpAnswer,
  engine: SearchEngine,
  query: SearchQuery,
  most: number,
): SearchOutcome {
  if (status !== 200) return failed(codeOf(status), `The web search answered ${status}.`);
  const pages = body === null ? null : engine.readPages(parseJson(body.toString('utf8')));
  if (pages === null) return failed('unavailable', 'The answer of the web search could not be read.');
  const { allowedDomains, blockedDomains } = query;
  const allowed = pages.filter(({ url }) => url.length <= URL_CHARS && isAllowed(url, allowedDomains, blockedDomains));
  const distinct = [...new Map(allowed.map((page) => [page.url, page])).values()];
  return { kind: 'found', pages: shorten(distinct.slice(0, most)) };
}

function codeOf(status: number): SearchErrorCode {
  if (status === 429) return 'too_many_requests';
  if (status === 413) return 'request_too_large';
  return status === 422 ? 'invalid_tool_input' : 'unavailable';
}

function shorten(pages: readonly FoundPage[]): FoundPage[] {
  const each = Math.min(PAGE_CHARS, Math.floor(ALL_CHARS / Math.max(1, pages.length)));
  return pages.map(({ url, title, text = '', age = null }) => ({
    url,
    title: title.trim().slice(0, TITLE_CHARS).toWellFormed(),
    text: text.trim().slice(0, each).toWellFormed(),
    age: age === null ? null : age.slice(0, 60),
  }));
}

function failed(code: SearchErrorCode, message: string): SearchOutcome {
  return { kind: 'failed', code, message };
}
