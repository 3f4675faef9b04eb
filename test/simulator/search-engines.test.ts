import { expect } from 'chai';
import { createSimulator, type Simulator } from '#services/simulator/service.ts';

type Fields = Record<string, unknown>;

interface Asked {
  name: string;
  path: string;
  init?: RequestInit;
}

const post = (body: Fields, key: string | null = 'Bearer k'): RequestInit => ({
  method: 'POST',
  headers: { 'content-type': 'application/json', ...(key === null ? {} : { authorization: key }) },
  body: JSON.stringify(body),
});

const GOOD: Asked[] = [
  { name: 'tavily', path: 'tavily/search', init: post({ query: 'q', max_results: 2 }) },
  { name: 'perplexity', path: 'perplexity/search', init: post({ query: 'q', max_results: 2 }) },
  {
    name: 'openrouter',
    path: 'openrouter/chat/completions',
    init: post({ model: 'm', messages: [{ role: 'user', content: 'q' }], plugins: [{ id: 'web', max_results: 2 }] }),
  },
  { name: 'searxng', path: 'searxng/search?q=q&format=json' },
  {
    name: 'brave',
    path: 'brave/res/v1/web/search?q=q&count=2',
    init: { headers: { 'x-subscription-token': 'k' } },
  },
];

const BAD: Array<Asked & { status: number }> = [
  { name: 'a key that is missing', path: 'tavily/search', init: post({ query: 'q' }, null), status: 401 },
  { name: 'a key that is missing', path: 'brave/res/v1/web/search?q=q', status: 401 },
  { name: 'a query that is missing', path: 'tavily/search', init: post({}), status: 400 },
  { name: 'a query that is too long', path: 'tavily/search', init: post({ query: 'q'.repeat(401) }), status: 400 },
  { name: 'too many results', path: 'perplexity/search', init: post({ query: 'q', max_results: 21 }), status: 400 },
  {
    name: 'a filter in and out',
    path: 'perplexity/search',
    init: post({ query: 'q', search_domain_filter: ['a.example', '-b.example'] }),
    status: 400,
  },
  { name: 'a format it was not set up for', path: 'searxng/search?q=q', status: 403 },
  { name: 'no plugin', path: 'openrouter/chat/completions', init: post({ model: 'm', messages: [] }), status: 400 },
  { name: 'another path', path: 'tavily/extract', init: post({ query: 'q' }), status: 404 },
];

describe('simulated search engines', () => {
  let simulator: Simulator;
  before(async () => {
    simulator = await createSimulator({ listenAddress: '127.0.0.1:0', seed: 1, delayScale: 0 });
  });
  after(() => simulator.stop());
  beforeEach(() => simulator.reset());

  const fetchFrom = ({ path, init }: Asked): Promise<Response> =>
    fetch(`${simulator.url}/search-engines/${path}`, init ?? {});

  for (const asked of GOOD) {
    it(`${asked.name} finds pages about what it is asked, or those of the scene`, async () => {
      const usual = await (await fetchFrom(asked)).text();
      expect(usual).to.include('https://one.example.com/q');
      simulator.use({ search: { results: [{ url: 'https://a.example/', title: 'A' }] } });
      const scene = await (await fetchFrom(asked)).text();
      expect(scene).to.include('https://a.example/').and.not.include('one.example.com');
    });

    it(`${asked.name} refuses as the scene says`, async () => {
      simulator.use({ status: 429, error: { message: 'slow down' } });
      const response = await fetchFrom(asked);
      expect(response.status).to.equal(429);
      expect(await response.text()).to.include('slow down');
    });
  }

  for (const bad of BAD) {
    it(`refuses ${bad.name} at ${bad.path.split('?')[0]}`, async () => {
      expect((await fetchFrom(bad)).status).to.equal(bad.status);
    });
  }

  it('keep to the domains they are given', async () => {
    const found = async (filter: Fields): Promise<string> =>
      (await fetchFrom({ name: '', path: 'tavily/search', init: post({ query: 'q', ...filter }) })).text();
    expect(await found({ include_domains: ['two.example.com'] }))
      .to.include('two.example')
      .and.not.include('one.example');
    expect(await found({ exclude_domains: ['two.example.com'] }))
      .to.include('one.example')
      .and.not.include('two.example');
  });
});
