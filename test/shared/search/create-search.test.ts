import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect } from 'chai';
import { createSimulator, type Simulator } from '#services/simulator/service.ts';
import { ConfigError } from '#shared/errors.ts';
import { createSearch, type SearchParts } from '#shared/search/create-search.ts';
import { createAgent } from '#shared/upstream/agent.ts';
import type { SearchBackend, SearchOutcome, SearchPolicy, SearchQuery } from '#shared/upstream/search-backend.ts';
import { testConfig } from '../../support/gateway.ts';

const QUERY: SearchQuery = { query: 'node', allowedDomains: [], blockedDomains: [], country: null };

describe('[web_search]', () => {
  let server: Simulator;
  const agent = createAgent(1000);
  const heard: unknown[] = [];
  const parts: SearchParts = { agentWith: () => agent, onSearched: (search) => heard.push(search) };

  before(async () => {
    server = await createSimulator({ listenAddress: '127.0.0.1:0', seed: 1, delayScale: 0 });
  });
  after(async () => {
    await agent.destroy();
    await server.stop();
  });
  beforeEach(() => {
    server.reset();
    heard.length = 0;
  });

  function policy(settings: Record<string, unknown>, env: Record<string, string> = {}): SearchPolicy {
    const section = Object.entries(settings).map(([key, value]) => [`web_search.${key}`, value]);
    return createSearch(testConfig(Object.fromEntries(section), { env }), parts);
  }

  function backend(settings: Record<string, unknown> = {}, engine = 'tavily'): SearchBackend {
    const url = `${server.url}/search-engines/${engine}`;
    const made = policy({ mode: 'emulate', provider: engine, url, api_key: 'search-key', ...settings }).backend;
    if (made === null) throw new Error('nobody searches');
    return made;
  }

  const search = (one: SearchBackend, query: Partial<SearchQuery> = {}): Promise<SearchOutcome> =>
    one.search({ ...QUERY, ...query }, new AbortController().signal);

  const pagesOf = (outcome: SearchOutcome) => (outcome.kind === 'found' ? outcome.pages : []);

  it('leaves the search to providers by default, to nobody in mode error', () => {
    expect(policy({})).to.deep.include({ usesProviders: true, backend: null });
    expect(policy({ mode: 'error' })).to.deep.include({ usesProviders: false, backend: null });
    expect(policy({}).remedy).to.include('web_search.provider');
    expect(backend().name).to.equal('tavily');
  });

  it('says what is missing before anything is started', () => {
    const cases: Array<[Record<string, unknown>, string]> = [
      [{}, 'needs web_search.provider: brave, openrouter, perplexity, searxng, tavily'],
      [{ provider: 'altavista' }, '"altavista" is no search we know'],
      [{ provider: 'searxng' }, 'web_search.url is missing'],
      [{ provider: 'brave' }, 'web_search.env_key is missing'],
      [{ provider: 'brave', env_key: 'BRAVE_KEY' }, 'BRAVE_KEY, which is not set'],
      [{ provider: 'brave', key_file: '/nonexistent/key' }, 'cannot be read'],
    ];
    for (const [settings, sentence] of cases)
      expect(() => policy({ mode: 'emulate', ...settings }), sentence).to.throw(ConfigError, sentence);
  });

  it('takes its key from a variable or a file', async () => {
    const folder = mkdtempSync(join(tmpdir(), 'cc-proxy-search-'));
    writeFileSync(join(folder, 'key'), 'of-the-file\n');
    const url = `${server.url}/search-engines/tavily`;
    for (const [key, env] of [
      [{ env_key: 'TAVILY' }, { TAVILY: 'of-the-variable' }],
      [{ key_file: join(folder, 'key') }, {}],
    ] as const) {
      const { backend: one } = policy(
        { mode: 'emulate', provider: 'tavily', url, ...key },
        env as Record<string, string>,
      );
      if (one) await search(one);
    }
    rmSync(folder, { recursive: true });
    expect(server.seen().map(({ headers }) => headers.authorization)).to.deep.equal([
      'Bearer of-the-variable',
      'Bearer of-the-file',
    ]);
  });

  it('gives so many pages at most, each once, shortened, of allowed domains and with an address', async () => {
    const page = (url: string, content = 'x'.repeat(9000)) => ({ url, title: 't'.repeat(500), content });
    const results = [
      ...[page('https://a.example/1'), page('https://a.example/1'), page('https://b.example/2')],
      ...[page('javascript:alert(1)'), page('https://c.example/3'), page('https://d.example/4')],
    ];
    server.use({ body: JSON.stringify({ results }) });
    const outcome = await search(backend({ max_results: 2 }), { blockedDomains: ['b.example'] });
    expect(pagesOf(outcome).map(({ url }) => url)).to.deep.equal(['https://a.example/1', 'https://c.example/3']);
    expect(pagesOf(outcome).map(({ title, text }) => [title.length, text?.length])).to.deep.equal([
      [300, 2000],
      [300, 2000],
    ]);
    server.use({
      body: JSON.stringify({ results: Array.from({ length: 20 }, (_, i) => page(`https://a.example/${i}`)) }),
    });
    const many = pagesOf(await search(backend({ max_results: 20 })));
    expect(many.reduce((sum, { text = '' }) => sum + text.length, 0)).to.be.at.most(16_000);
  });

  it('is no failure where nothing is found', async () => {
    server.use({ search: { results: [] } });
    for (const engine of ['brave', 'openrouter', 'perplexity', 'searxng', 'tavily'])
      expect(await search(backend({}, engine)), engine).to.deep.equal({ kind: 'found', pages: [] });
  });

  it('asks nobody with a query that is too long', async () => {
    const outcome = await search(backend(), { query: 'x'.repeat(401) });
    expect(outcome).to.deep.include({ kind: 'failed', code: 'query_too_long' });
    expect(server.seen()).to.deep.equal([]);
  });

  it('never rejects: what cannot even be asked is a failed search, and told of as one', async () => {
    const outcome = await search(backend({ api_key: 'no\nheader' }));
    expect(outcome).to.deep.include({ kind: 'failed', code: 'unavailable' });
    expect(JSON.stringify(outcome)).not.to.include('header');
    expect(heard).to.deep.equal([{ engine: 'tavily', result: 'unavailable', pages: 0 }]);
    const broken: SearchParts = {
      ...parts,
      agentWith: () => {
        throw new Error('no connections');
      },
    };
    const settings = { 'web_search.mode': 'emulate', 'web_search.provider': 'tavily', 'web_search.api_key': 'k' };
    const made = createSearch(testConfig(settings), broken).backend;
    expect(made && (await search(made))).to.deep.include({ kind: 'failed', code: 'unavailable' });
    expect(heard[1]).to.deep.include({ result: 'unavailable', error: 'no connections' });
  });

  it('drops pages whose address is longer than any', async () => {
    const url = `https://a.example/${'x'.repeat(100_000)}`;
    server.use({
      body: JSON.stringify({
        results: [
          { url, title: 'long', content: 'x' },
          { url: 'https://a.example/', title: 'a', content: 'x' },
        ],
      }),
    });
    expect(pagesOf(await search(backend())).map((page) => page.url)).to.deep.equal(['https://a.example/']);
  });

  it('tells of each search who made it and what came of it, not what it was about', async () => {
    await search(backend());
    server.use({ status: 429 });
    await search(backend());
    expect(heard).to.deep.equal([
      { engine: 'tavily', result: 'found', pages: 3 },
      { engine: 'tavily', result: 'too_many_requests', pages: 0 },
    ]);
  });

  it('ends at once for a signal that was aborted before', async () => {
    const outcome = await backend().search(QUERY, AbortSignal.abort());
    expect(outcome.kind).to.equal('failed');
  });
});
