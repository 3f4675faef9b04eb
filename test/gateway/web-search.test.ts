// The real SDK, through the gateway, to models whose providers cannot search the web.
import Anthropic from '@anthropic-ai/sdk';
import { expect } from 'chai';
import type { Scene } from '#services/simulator/script.ts';
import { text, thinking, toolUse } from '#services/simulator/script.ts';
import { createSimulator, type SeenRequest, type Simulator } from '#services/simulator/service.ts';
import { fieldsOf, listOf } from '#shared/providers/fields.ts';
import { startTestGateway, type TestGateway } from '../support/gateway.ts';

const SEARCH: Anthropic.ToolUnion = { type: 'web_search_20250305', name: 'web_search', max_uses: 8 };
const READ: Anthropic.Tool = {
  name: 'Read',
  input_schema: { type: 'object', properties: { file_path: { type: 'string' } }, required: ['file_path'] },
};
const RESULTS = [
  { url: 'https://nodejs.example/24', title: 'Node 24', content: 'Node 24 is the cedar release.', date: '2026-05-06' },
  { url: 'https://news.example/node', title: 'News', content: 'Much was said.' },
];

const isSearch = ({ path }: SeenRequest): boolean => path.startsWith('/search-engines/');

/** What the model answers to each of its rounds; searches find the usual. */
function rounds(...scenes: Scene[]): (request: SeenRequest) => Scene {
  let round = 0;
  return (request) => (isSearch(request) ? { search: { results: RESULTS } } : (scenes[round++] ?? { content: [] }));
}

const ask = (query: string): Scene => ({ content: [toolUse('web_search', { query })] });
const answer: Scene = { content: [text('The cedar release, says nodejs.example.')] };

const PROVIDERS: ReadonlyArray<{ type: string; path: string; more?: Record<string, unknown> }> = [
  { type: 'openai-chat', path: '/v1' },
  { type: 'openai', path: '/v1' },
  { type: 'azure', path: '', more: { 'target.deployment': 'd', 'target.api_version': '2024-10-21' } },
  { type: 'ollama', path: '' },
  { type: 'anthropic', path: '', more: { 'target.profile': 'vllm' } },
];

let server: Simulator;
let gateway: TestGateway;
let client: Anthropic;

async function start(
  settings: Record<string, unknown>,
  { type, path, more = {} } = PROVIDERS[0] as (typeof PROVIDERS)[number],
): Promise<void> {
  const target = { 'target.type': type, 'target.url': `${server.url}${path}`, 'target.model': 'some-model', ...more };
  gateway = await startTestGateway({ settings: { ...target, 'target.api_key': 'upstream-key', ...settings } });
  client = new Anthropic({ baseURL: gateway.url, apiKey: 'client-key', maxRetries: 0 });
}

const emulated = (engine = 'tavily'): Record<string, unknown> => ({
  'web_search.mode': 'emulate',
  'web_search.provider': engine,
  'web_search.url': `${server.url}/search-engines/${engine}`,
  'web_search.api_key': 'search-key',
});

const request = (more: Partial<Anthropic.MessageCreateParams> = {}): Anthropic.MessageCreateParamsNonStreaming => ({
  model: 'claude-x',
  max_tokens: 4096,
  messages: [{ role: 'user', content: 'Perform a web search for the query: node 24' }],
  tools: [SEARCH],
  ...more,
  stream: false,
});

const stream = (more: Partial<Anthropic.MessageCreateParams> = {}): Promise<Anthropic.Message> =>
  client.messages.stream(request(more)).finalMessage();

const typesOf = ({ content }: Anthropic.Message): string[] => content.map(({ type }) => type);
const modelRequests = (): SeenRequest[] => server.seen().filter((seen) => !isSearch(seen));
const searches = (): SeenRequest[] => server.seen().filter(isSearch);

describe('the web search of a client of the real SDK', () => {
  before(async () => {
    server = await createSimulator({ listenAddress: '127.0.0.1:0', seed: 1, delayScale: 0 });
  });
  after(() => server.stop());
  beforeEach(() => server.reset());
  afterEach(() => gateway.stop());

  describe('a web search that the gateway makes for the model', () => {
    for (const provider of PROVIDERS) {
      it(`conv W-01 is one message to the client before ${provider.type}, with and without a stream`, async () => {
        await start(emulated(), provider);
        for (const isStream of [true, false]) {
          server.reset();
          server.use(rounds(ask('node 24'), answer));
          const message = isStream ? await stream() : await client.messages.create(request());
          expect(typesOf(message)).to.deep.equal(['server_tool_use', 'web_search_tool_result', 'text']);
          const [call, result, said] = message.content;
          expect(call).to.deep.include({ name: 'web_search', input: { query: 'node 24' } });
          expect(result).to.deep.include({ tool_use_id: (call as Anthropic.ServerToolUseBlock).id });
          expect((result as Anthropic.WebSearchToolResultBlock).content).to.deep.equal(
            RESULTS.map(({ url, title }) => ({
              ...{ type: 'web_search_result', title, url, encrypted_content: '', page_age: null },
            })),
          );
          expect(said).to.deep.include({ type: 'text', text: 'The cedar release, says nodejs.example.' });
          expect(message).to.deep.include({ stop_reason: 'end_turn', model: 'claude-x' });
          expect(message.usage.server_tool_use).to.deep.include({ web_search_requests: 1 });
          expect(searches().map(({ body }) => fieldsOf(body).query)).to.deep.equal(['node 24']);
          const [first, second] = modelRequests();
          expect(first?.raw.toString()).to.include('"query"').and.not.include('web_search_20250305');
          expect(second?.raw.toString()).to.include('cedar release').and.include('https://nodejs.example/24');
        }
      });
    }

    for (const engine of ['brave', 'openrouter', 'perplexity', 'searxng', 'tavily']) {
      it(`conv W-01 asks ${engine} as it is published, with its key and the domains of the request`, async () => {
        await start(emulated(engine));
        server.use(rounds(ask('node 24'), answer));
        const message = await stream({ tools: [{ ...SEARCH, allowed_domains: ['nodejs.example'] }] });
        const result = message.content[1] as Anthropic.WebSearchToolResultBlock;
        expect(listOf(result.content).map((page) => fieldsOf(page).url)).to.deep.equal(['https://nodejs.example/24']);
        const [seen] = searches();
        const key = engine === 'brave' ? seen?.headers['x-subscription-token'] : seen?.headers.authorization;
        expect(key).to.equal(engine === 'brave' ? 'search-key' : 'Bearer search-key');
        expect(JSON.stringify([seen?.url, seen?.body])).to.include('nodejs.example');
        expect(JSON.stringify(server.seen().map(({ rawHeaders }) => rawHeaders))).not.to.include('client-key');
      });
    }

    it('adds up the usage of all rounds, and sends the thinking of one back in the next', async () => {
      await start(emulated());
      const usage = { input_tokens: 100, output_tokens: 20 };
      server.use(
        rounds(
          { content: [thinking('I have to look.'), text('Looking.'), toolUse('web_search', { query: 'a' })], usage },
          { content: [toolUse('web_search', { query: 'b' })], usage },
          { ...answer, usage },
        ),
      );
      const message = await stream({ thinking: { type: 'enabled', budget_tokens: 1024 } });
      expect(typesOf(message)).to.deep.equal([
        ...['thinking', 'text', 'server_tool_use', 'web_search_tool_result'],
        ...['server_tool_use', 'web_search_tool_result', 'text'],
      ]);
      expect(message.usage).to.deep.include({ input_tokens: 300, output_tokens: 60 });
      expect(message.usage.server_tool_use).to.deep.include({ web_search_requests: 2 });
      const ids = message.content.flatMap((block) => (block.type === 'server_tool_use' ? [block.id] : []));
      expect(new Set(ids).size).to.equal(2);
      const sent = modelRequests().map(({ body }) => listOf(fieldsOf(body).messages).map((one) => fieldsOf(one).role));
      expect(sent).to.deep.equal([
        ['user'],
        ['user', 'assistant', 'tool'],
        ['user', 'assistant', 'tool', 'assistant', 'tool'],
      ]);
      expect(modelRequests().map(({ body }) => fieldsOf(body).max_tokens)).to.deep.equal([4096, 4076, 4056]);
    });

    it('makes several searches at once, and answers a call without a query with an error', async () => {
      await start(emulated());
      const calls = [
        toolUse('web_search', { query: 'a' }),
        toolUse('web_search', {}),
        toolUse('web_search', { query: 'b' }),
      ];
      server.use(rounds({ content: calls }, answer));
      const message = await stream();
      const found = message.content.flatMap((block) =>
        block.type === 'web_search_tool_result' ? [block.content] : [],
      );
      expect(found.map((content) => (Array.isArray(content) ? content.length : content.error_code))).to.deep.equal([
        ...[2, 'invalid_tool_input', 2],
      ]);
      expect(searches()).to.have.length(2);
    });

    it('searches max_uses times at most, and then no longer offers the search', async () => {
      await start(emulated());
      server.use(rounds(ask('a'), ask('b'), ask('c'), answer));
      const message = await stream({ tools: [{ ...SEARCH, max_uses: 2 }, READ] });
      expect(searches()).to.have.length(2);
      const last = message.content.findLast(({ type }) => type === 'web_search_tool_result');
      expect(last).to.have.nested.property('content.error_code', 'max_uses_exceeded');
      expect(message.stop_reason).to.equal('end_turn');
      const offered = modelRequests().map(({ body }) => listOf(fieldsOf(body).tools).length);
      expect(offered).to.deep.equal([2, 2, 1, 1]);
    });

    it('does not go on for ever with a model that never stops searching', async () => {
      await start(emulated());
      server.use((seen) => (isSearch(seen) ? {} : ask('again')));
      const message = await stream({ tools: [{ ...SEARCH, max_uses: 3 }] });
      expect(message.stop_reason).to.equal('end_turn');
      expect(modelRequests().length).to.be.within(4, 6);
    });

    it('leaves calls of the client to the client, and carries what was found into the next turn', async () => {
      await start(emulated());
      const calls = [toolUse('Read', { file_path: '/a' }), toolUse('web_search', { query: 'node 24' })];
      server.use(rounds({ content: [text('Both.'), ...calls] }, answer));
      const message = await stream({ tools: [SEARCH, READ] });
      expect(message.stop_reason).to.equal('tool_use');
      expect(typesOf(message)).to.deep.equal(['text', 'tool_use', 'server_tool_use', 'web_search_tool_result']);
      expect(modelRequests()).to.have.length(1);
      const call = message.content[1] as Anthropic.ToolUseBlock;
      const next = await stream({
        tools: [SEARCH, READ],
        messages: [
          { role: 'user', content: 'hi' },
          { role: 'assistant', content: message.content as Anthropic.ContentBlockParam[] },
          { role: 'user', content: [{ type: 'tool_result', tool_use_id: call.id, content: 'the file' }] },
        ],
      });
      expect(typesOf(next)).to.deep.equal(['text']);
      const sent = modelRequests()[1]?.raw.toString();
      expect(sent).to.include('[web_search: node 24]').and.include('https://nodejs.example/24').and.include('the file');
    });

    it('asks as the client demands: the search by name first, and freely after it', async () => {
      await start(emulated());
      server.use(rounds(ask('node 24'), answer));
      await stream({ tool_choice: { type: 'tool', name: 'web_search' } });
      const [first, second] = modelRequests().map(({ body }) => fieldsOf(body));
      expect(first?.tool_choice).to.deep.equal({ type: 'function', function: { name: 'web_search' } });
      expect(second?.tool_choice).to.equal('auto');
    });

    it('offers no search to a model that is to call nothing', async () => {
      await start(emulated());
      server.use(rounds(answer));
      expect(typesOf(await stream({ tool_choice: { type: 'none' } }))).to.deep.equal(['text']);
      expect(modelRequests()[0]?.body).not.to.have.property('tools');
    });

    for (const [what, scene, code] of [
      ['a refusal', { status: 401 }, 'unavailable'],
      ['too many requests', { status: 429 }, 'too_many_requests'],
      ['a web page', { body: '<html>no</html>' }, 'unavailable'],
      ['an answer of another kind', { body: '{"ok":true}' }, 'unavailable'],
      ['a redirect', { status: 302, headers: { location: 'https://elsewhere.example/' } }, 'unavailable'],
      ['a broken connection', { fault: { kind: 'cut-after-headers', manner: 'reset' } }, 'unavailable'],
      ['an answer beyond all measure', { body: `{"results":[${'"x",'.repeat(800_000)}"x"]}` }, 'unavailable'],
    ] as ReadonlyArray<[string, Scene, string]>) {
      it(`C-15 tells client and model of ${what}, and the model goes on`, async () => {
        await start(emulated());
        const model = rounds(ask('node 24'), { content: [text('No luck.')] });
        server.use((seen) => (isSearch(seen) ? scene : model(seen)));
        const message = await stream();
        expect(message.content[1]).to.deep.include({
          content: { type: 'web_search_tool_result_error', error_code: code },
        });
        expect(message.content[2]).to.deep.include({ type: 'text', text: 'No luck.' });
        expect(message.usage.server_tool_use).to.be.oneOf([undefined, null]);
        expect(modelRequests()[1]?.raw.toString()).to.match(/web search/i);
        expect(JSON.stringify(message) + JSON.stringify(gateway.lines)).not.to.include('search-key');
      });
    }

    it('C-15 gives up a search that takes too long', async () => {
      await start({ ...emulated(), 'web_search.timeout_secs': 1 });
      const model = rounds(ask('node 24'), { content: [text('No luck.')] });
      server.use((seen) => (isSearch(seen) ? { fault: { kind: 'silence-before-headers' } } : model(seen)));
      const message = await stream();
      expect(message.content[1]).to.have.nested.property('content.error_code', 'unavailable');
      expect(searches()[0]?.hungUp).to.equal(true);
    });

    it('ends with the error of a round that fails, and never as if it were whole', async () => {
      await start(emulated());
      server.use(rounds(ask('node 24'), { status: 500 }));
      const failure = await stream().catch((error: unknown) => error);
      expect(failure).to.be.instanceOf(Anthropic.APIError);
      server.use(rounds(ask('node 24'), { status: 429 }));
      const plain = await client.messages.create(request()).catch((error: unknown) => error);
      expect(plain).to.be.instanceOf(Anthropic.RateLimitError);
    });

    for (const manner of ['close', 'reset'] as const) {
      it(`C-03 is whole or broken, and never less that looks whole, wherever a round is cut by a ${manner}`, async () => {
        await start(emulated());
        const scenes = [{ content: [text('Looking.'), toolUse('web_search', { query: 'node 24' })] }, answer];
        const said = ['Looking.', 'The cedar release, says nodejs.example.'];
        const broken = [0, 0];
        for (const round of [0, 1]) {
          for (let after = 0; after <= 8; after++) {
            server.reset();
            const cut = scenes.map((scene, at) =>
              at === round ? { ...scene, fault: { kind: 'cut' as const, after, manner } } : scene,
            );
            server.use(rounds(...cut));
            const message = await stream().catch(() => null);
            if (message === null) broken[round] = (broken[round] ?? 0) + 1;
            else
              expect(message.content.flatMap((block) => (block.type === 'text' ? [block.text] : []))).to.deep.equal(
                said,
              );
          }
        }
        expect(Math.min(...broken)).to.be.above(1);
      });
    }

    it('ends where the limit on output is reached', async () => {
      await start(emulated());
      server.use(rounds({ ...ask('node 24'), usage: { input_tokens: 5, output_tokens: 50 } }, answer));
      const message = await stream({ max_tokens: 50 });
      expect(message.stop_reason).to.equal('max_tokens');
      expect(modelRequests()).to.have.length(1);
    });

    for (const [what, isMet] of [
      ['the search', (seen: SeenRequest) => isSearch(seen)],
      ['the next round', (seen: SeenRequest) => seen.raw.includes('cedar release')],
    ] as const) {
      it(`ends ${what} when the client leaves`, async () => {
        await start(emulated());
        const model = rounds(ask('node 24'));
        server.use((seen) => (isMet(seen) ? { fault: { kind: 'silence-before-headers' } } : model(seen)));
        const running = client.messages.stream(request());
        const ended = running.done().catch(() => 'ended');
        await server.until((seen) => seen.some((one) => one.bodyComplete && isMet(one)));
        running.abort();
        expect(await ended).to.equal('ended');
        await server.until((seen) => seen.some((one) => isMet(one) && one.hungUp));
      });
    }

    it('lets the provider search where it can', async () => {
      await start(emulated(), { type: 'openrouter', path: '/api/v1' });
      server.use('web-search');
      const message = await stream();
      expect(typesOf(message)).to.include.members(['server_tool_use', 'web_search_tool_result', 'text']);
      expect(searches()).to.have.length(0);
    });

    it('searches for a provider that could not search beside the tools of the client', async () => {
      await start({ ...emulated(), 'target.model': 'gemini-2.5-pro' }, { type: 'gemini', path: '' });
      server.use(rounds(ask('node 24'), { content: [toolUse('Read', { file_path: '/a' })] }));
      const message = await stream({ tools: [SEARCH, READ] });
      // Gemini's state of its thinking stands before each call.
      const types = typesOf(message).filter((type) => type !== 'redacted_thinking');
      expect(types).to.deep.equal(['server_tool_use', 'web_search_tool_result', 'tool_use']);
      expect(searches()).to.have.length(1);
      server.use('web-search');
      await stream();
      expect(modelRequests().at(-1)?.body).to.have.deep.nested.property('tools[0]', { googleSearch: {} });
    });

    it('says in the route header who searches', async () => {
      await start(emulated());
      server.use(rounds(answer));
      const { response } = await client.messages.create(request()).withResponse();
      expect(response.headers.get('x-ccproxy-route')).to.include('web_search:tavily');
    });
  });

  describe('a web search that nobody makes', () => {
    const noisy = { type: 'web_search_tool_result_error', error_code: 'unavailable' };

    for (const provider of PROVIDERS) {
      it(`C-15 is an error that names the remedy before ${provider.type}, and asks no model`, async () => {
        await start({}, provider);
        for (const isStream of [true, false]) {
          const message = isStream ? await stream() : await client.messages.create(request());
          expect(typesOf(message)).to.deep.equal(['server_tool_use', 'web_search_tool_result', 'text']);
          expect(message.content[1]).to.deep.include({ content: noisy });
          expect((message.content[2] as Anthropic.TextBlock).text).to.include('web_search.mode = "emulate"');
          expect(message.stop_reason).to.equal('end_turn');
        }
        expect(server.seen()).to.deep.equal([]);
      });
    }

    it('C-15 is an error for the model that tries it beside other tools, which still work', async () => {
      await start({});
      server.use(rounds(ask('node 24'), { content: [toolUse('Read', { file_path: '/a' })] }));
      const message = await stream({ tools: [SEARCH, READ] });
      expect(typesOf(message)).to.deep.equal(['server_tool_use', 'web_search_tool_result', 'tool_use']);
      expect(message.content[1]).to.deep.include({ content: noisy });
      expect(message.stop_reason).to.equal('tool_use');
      expect(modelRequests()[1]?.raw.toString()).to.include('Web search is not available');
      expect(listOf(fieldsOf(modelRequests()[1]?.body).tools)).to.have.length(1);
    });

    it('conv W-01 in mode error is refused by providers that could, too', async () => {
      for (const provider of [
        { type: 'openrouter', path: '/api/v1' },
        { type: 'openai-responses', path: '/v1' },
        { type: 'gemini', path: '' },
      ]) {
        await start({ 'web_search.mode': 'error' }, provider);
        const message = await stream();
        expect(message.content[1], provider.type).to.deep.include({ content: noisy });
        expect((message.content[2] as Anthropic.TextBlock).text).to.include('web_search.mode = "error"');
        await gateway.stop();
      }
      expect(server.seen()).to.deep.equal([]);
    });
  });
});
