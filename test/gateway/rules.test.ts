// [[rules]] through a real gateway and simulated models: where each request goes, and who says why.
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import Anthropic from '@anthropic-ai/sdk';
import { expect } from 'chai';
import type { GatewayParts } from '#services/gateway/service.ts';
import { createSimulator, type SeenRequest, type Simulator } from '#services/simulator/service.ts';
import { decodeEntry } from '#shared/exchange/exchange.ts';
import { fieldsOf, listOf } from '#shared/providers/fields.ts';
import { createMetrics } from '#shared/telemetry/metrics.ts';
import { createTracing } from '#shared/telemetry/spans.ts';
import { recordingLogger, startTestGateway, type TestGateway } from '../support/gateway.ts';
import { type SinkSpan, startOtlpSink } from '../support/otlp-sink.ts';
import { header, messagesRequest, type RawAnswer, send } from '../support/raw-client.ts';
import { ROOT } from '../support/read-imports.ts';

const SEARCH = { type: 'web_search_20250305', name: 'web_search', max_uses: 8 } as const;
const READ = { name: 'Read', description: 'Reads a file.', input_schema: { type: 'object' as const, properties: {} } };

const image = { type: 'image', source: { type: 'base64', media_type: 'image/png', data: 'iVBORw0KGgo=' } };
const used = { type: 'tool_use', id: 'toolu_1', name: 'mcp__docs__find', input: {} };
const result = { type: 'tool_result', tool_use_id: 'toolu_1', content: [image] };

describe('rules', () => {
  let folder: string;
  let usual: Simulator;
  let special: Simulator;
  let passthrough: Simulator;
  let gateway: TestGateway;
  let files = 0;

  before(async () => {
    folder = mkdtempSync(join(tmpdir(), 'cc-proxy-rules-'));
    const listenAddress = '127.0.0.1:0';
    usual = await createSimulator({ listenAddress, seed: 1, delayScale: 0, defaultScene: 'text' });
    special = await createSimulator({ listenAddress, seed: 2, delayScale: 0, defaultScene: 'text' });
    passthrough = await createSimulator({ listenAddress, seed: 3, delayScale: 0, defaultScene: 'text' });
  });
  after(async () => {
    await Promise.all([usual.stop(), special.stop(), passthrough.stop()]);
    rmSync(folder, { recursive: true, force: true });
  });
  afterEach(async () => {
    await gateway.stop();
    for (const simulator of [usual, special, passthrough]) simulator.reset();
  });

  /** Two models: `usual`, native, and `special` behind the provider described. */
  async function start(
    rules: string,
    provider = 'type = "anthropic"',
    settings: Record<string, unknown> = {},
    parts: Partial<GatewayParts> = {},
  ) {
    const file = join(folder, `${files++}.toml`);
    writeFileSync(
      file,
      `
[providers.house]
type = "anthropic"
base_url = "${usual.url}"
[providers.other]
base_url = "${special.url}"
${provider}
[models.usual]
provider = "house"
[models.special]
provider = "other"
aliases = ["claude-special"]
${rules}`,
    );
    gateway = await startTestGateway({
      settings: { 'passthrough.url': passthrough.url, ...settings },
      env: { CC_PROXY_CONFIG: file },
      parts,
    });
  }

  const ask = (body: Record<string, unknown> = {}, headers: string[] = []): Promise<RawAnswer> =>
    send(gateway.url, messagesRequest({ body, headers }));
  const routeOf = (answer: RawAnswer): string | undefined => header(answer, 'x-ccproxy-route');
  const modelsAsked = (simulator: Simulator): unknown[] => simulator.seen().map(({ body }) => fieldsOf(body).model);

  describe('by what a request is', () => {
    const toSpecial = (when: string): string => `[[rules]]\nname = "it"\nwhen = { ${when} }\nuse = "claude-special"`;
    const turn = [
      { role: 'user', content: 'hi' },
      { role: 'assistant', content: [used] },
      { role: 'user', content: [result] },
    ];
    const long = 'word '.repeat(2000);

    const CASES: ReadonlyArray<{
      id: string;
      when: string;
      matching: Record<string, unknown>;
      other: Record<string, unknown>;
    }> = [
      {
        id: 'S2-07',
        when: 'model = "claude-haiku-*"',
        matching: { model: 'claude-haiku-4-5' },
        other: { model: 'my-claude-haiku-4-5' },
      },
      {
        id: 'S2-07',
        when: 'model = "*haiku"',
        matching: { model: 'claude-haiku' },
        other: { model: 'claude-haiku-4' },
      },
      {
        id: 'S2-08',
        when: 'thinking = true',
        matching: { thinking: { type: 'adaptive' } },
        other: { thinking: { type: 'disabled' } },
      },
      {
        id: 'S2-08',
        when: 'thinking = true',
        matching: { max_tokens: 2048, thinking: { type: 'enabled', budget_tokens: 1024 } },
        other: {},
      },
      {
        id: 'S2-08',
        when: 'thinking_budget_over = 1024',
        matching: { max_tokens: 2048, thinking: { type: 'enabled', budget_tokens: 1025 } },
        other: { max_tokens: 2048, thinking: { type: 'enabled', budget_tokens: 1024 } },
      },
      {
        id: 'S2-06',
        when: 'tool_used = "mcp__*"',
        matching: { messages: turn },
        other: { tools: [{ ...READ, name: 'mcp__docs__find' }] },
      },
      {
        id: 'S2-06',
        when: 'tool_offered = "Re*"',
        matching: { tools: [READ] },
        other: { tools: [{ ...READ, name: 'Write' }] },
      },
      {
        id: 'S2-06',
        when: 'server_tool = "web_search*"',
        matching: { tools: [SEARCH] },
        other: { tools: [{ ...READ, name: 'web_search' }] },
      },
      {
        id: 'S2-06',
        when: 'tool_forced = "Read"',
        matching: { tools: [READ], tool_choice: { type: 'tool', name: 'Read' } },
        other: { tools: [READ], tool_choice: { type: 'any' } },
      },
      { id: 'S2-05', when: 'input_tokens_over = 1500', matching: { system: long }, other: {} },
      {
        id: 'S2-05',
        when: 'input_tokens_over = 1500',
        matching: { tools: [{ ...READ, description: long }] },
        other: {},
      },
      {
        id: 'S2-05',
        when: 'input_tokens_over = 1500',
        matching: {
          messages: [...turn, { role: 'assistant', content: [{ type: 'thinking', thinking: long, signature: 's' }] }],
        },
        other: { messages: [{ role: 'user', content: 'short' }] },
      },
      {
        id: 'S2-05',
        when: 'input_tokens_over = 1500',
        matching: { messages: [{ role: 'user', content: [{ ...result, content: long }] }] },
        other: {},
      },
      {
        id: 'S2-05',
        when: 'input_tokens_over = 1500',
        matching: {
          messages: [
            { role: 'user', content: 'hi' },
            { role: 'assistant', content: [{ ...used, input: { long } }] },
          ],
        },
        other: {},
      },
      {
        id: 'S2-05',
        when: 'input_tokens_over = 1500',
        matching: {
          messages: [
            { role: 'user', content: [{ ...image, source: { type: 'url', url: 'https://a.example/b.png' } }] },
          ],
        },
        other: {},
      },
    ];

    for (const { id, when, matching, other } of CASES) {
      const body = JSON.stringify(matching)
        .replace(/(word )+/g, '…')
        .slice(0, 110);
      it(`${id} sends by ${when} what is ${body}, and nothing else`, async () => {
        await start(toSpecial(when));
        expect(routeOf(await ask(matching))).to.equal('rule:it');
        expect(routeOf(await ask(other))).to.equal('default');
        expect([special.seen().length, usual.seen().length]).to.deep.equal([1, 1]);
        expect(modelsAsked(special)).to.deep.equal(['special']);
      });
    }

    it('sends by has_images, stream and class what is so', async () => {
      await start(
        ['has_images = true', 'class = ["subagent", "auxiliary"]', 'stream = false']
          .map((when, index) => `[[rules]]\nname = "r${index}"\nwhen = { ${when} }\nuse = "special"`)
          .join('\n'),
      );
      expect(routeOf(await ask({ messages: turn, tools: [READ] }))).to.equal('rule:r0');
      expect(routeOf(await ask({ tools: [READ] }, ['x-claude-code-request-class', 'subagent']))).to.equal('rule:r1');
      const title = { model: 'claude-haiku-4-5', system: 'Is it a new conversation topic? Give a title.' };
      expect(routeOf(await ask(title))).to.equal('rule:r1');
      expect(routeOf(await ask({ tools: [READ], stream: false }))).to.equal('rule:r2');
      expect(routeOf(await ask({ tools: [READ] }))).to.equal('default');
    });
  });

  describe('in the order of the file', () => {
    const SEARCH_TWICE = `
[[rules]]
name = "both"
when = { thinking = true, server_tool = "web_search*" }
use = "special"
[[rules]]
name = "search"
when = { server_tool = "web_search*" }
use = "usual"`;
    const THREE = `${SEARCH_TWICE}
[[rules]]
name = "rest"
use = "special"`;

    it('S2-02 the first that holds decides; header, log line and span say which, and none leaves it to the name', async () => {
      const sink = await startOtlpSink();
      const tracing = createTracing(
        { endpoint: sink.url, project: 'p', serviceName: 's', serviceVersion: '1', content: false },
        { metrics: createMetrics({ processMetrics: false }), logger: recordingLogger([]) },
      );
      try {
        await start(SEARCH_TWICE, undefined, {}, { tracing });
        const expected = ['rule:both', 'rule:search', 'default', 'model:special'];
        const thinking = { type: 'adaptive' };
        const bodies = [{ tools: [SEARCH], thinking }, { tools: [SEARCH] }, { thinking }, { model: 'special' }];
        const answers = [];
        for (const body of bodies) answers.push(await ask(body));
        expect(answers.map(routeOf)).to.deep.equal(expected);
        const logged = () =>
          gateway.lines.flatMap(({ fields: { route } }) => (expected.includes(String(route)) ? [route] : []));
        await gateway.until(() => logged().length === expected.length);
        expect(logged()).to.deep.equal(expected);
        const isRoot = ({ name }: SinkSpan): boolean => name === 'proxy_request';
        const spans = await sink.waitFor((all) => all.filter(isRoot).length === expected.length, 15_000);
        const routes = new Map(
          spans.filter(isRoot).map((span) => [span.attributes['ccproxy.request_id'], span.attributes['ccproxy.route']]),
        );
        expect(answers.map((answer) => routes.get(header(answer, 'x-ccproxy-request-id') ?? ''))).to.deep.equal(
          expected,
        );
      } finally {
        await tracing.shutdown(5000);
        await sink.close();
      }
    }).timeout(20_000);

    it('S3-02 two conditions in one rule must both hold', async () => {
      await start(THREE);
      const thinking = { type: 'adaptive' };
      expect(routeOf(await ask({ tools: [SEARCH], thinking }))).to.equal('rule:both');
      expect(routeOf(await ask({ tools: [SEARCH] }))).to.equal('rule:search');
      expect(routeOf(await ask({ thinking }))).to.equal('rule:rest');
    });

    it('S3-01 stages of their own for planning, thinking and small calls leave everything else to the default', async () => {
      const shipped = readFileSync(join(ROOT, 'deploy/config/stages.toml'), 'utf8');
      const rules = shipped.slice(shipped.indexOf('[[rules]]'));
      await start(rules.replace(/use = .*/g, 'use = "special"'));
      const plans =
        '<system-reminder>\nPlan mode is active. The user indicated that they do not want you to execute yet';
      const tools = [READ];
      const messages = [{ role: 'user', content: [{ type: 'text', text: plans }] }];
      expect(routeOf(await ask({ tools, messages }))).to.equal('rule:planning');
      expect(routeOf(await ask({ tools, thinking: { type: 'adaptive' } }))).to.equal('rule:thinking');
      const budget = { max_tokens: 2048, thinking: { type: 'enabled', budget_tokens: 1024 } };
      expect(routeOf(await ask({ tools, ...budget }))).to.equal('rule:thinking');
      const title = { model: 'claude-haiku-4-5', system: 'Is it a new conversation topic? Give a title.' };
      expect(routeOf(await ask(title))).to.equal('rule:background');
      // A short answer is no sign of a small call.
      expect(routeOf(await ask({ tools, max_tokens: 500 }))).to.equal('default');
      expect(routeOf(await ask({ tools, thinking: { type: 'disabled' } }))).to.equal('default');
    });

    it('S2-01 are listed by GET /api/rules in that order, with what they ask for and where they lead', async () => {
      await start(THREE);
      expect(await (await fetch(`${gateway.url}/api/rules`)).json()).to.deep.equal({
        data: [
          {
            name: 'both',
            when: { thinking: true, server_tool: 'web_search*' },
            use: 'special',
            model: 'special',
            provider: 'other',
          },
          { name: 'search', when: { server_tool: 'web_search*' }, use: 'usual', model: 'usual', provider: 'house' },
          { name: 'rest', when: {}, use: 'special', model: 'special', provider: 'other' },
        ],
        next_cursor: null,
        warnings: [],
      });
      await gateway.stop();
      gateway = await startTestGateway({
        settings: { 'target.url': usual.url, 'target.model': 'one' },
        parts: { adminToken: 'the-admin-token' },
      });
      expect((await fetch(`${gateway.url}/api/rules`)).status).to.equal(401);
      const authorization = 'Bearer the-admin-token';
      const answer = await fetch(`${gateway.url}/api/rules`, { headers: { authorization } });
      expect(await answer.json()).to.deep.equal({ data: [], next_cursor: null, warnings: [] });
      expect((await fetch(`${gateway.url}/api/rules`, { method: 'PUT', headers: { authorization } })).status).to.equal(
        404,
      );
    });

    it('S0-06 a forced target goes before every rule, which the start and the list of rules say', async () => {
      await start(THREE, undefined, { 'target.url': usual.url, 'target.model': 'forced-model' });
      expect(routeOf(await ask({ tools: [SEARCH] }))).to.equal('forced');
      expect(modelsAsked(usual)).to.deep.equal(['forced-model']);
      expect(special.seen()).to.deep.equal([]);
      expect(gateway.config.warnings.join()).to.include('[[rules]] have no effect');
      const { warnings } = (await (await fetch(`${gateway.url}/api/rules`)).json()) as { warnings: string[] };
      expect(warnings).to.have.length(1);
    });
  });

  describe('in the modes', () => {
    const SEARCHES = '[[rules]]\nname = "search"\nwhen = { server_tool = "web_search*" }\nuse = "special"';

    it('compare asks in the shadow whom target mode would ask; the passthrough answers', async () => {
      await start(SEARCHES, undefined, { default_mode: 'compare' });
      const inMain = ['x-claude-code-request-class', 'main'];
      expect(routeOf(await ask({ tools: [SEARCH] }, inMain))).to.equal('passthrough');
      expect(routeOf(await ask({ tools: [READ] }, inMain))).to.equal('passthrough');
      expect(await shadowsOf(2)).to.deep.equal([['special'], ['usual']]);
      expect(passthrough.seen()).to.have.length(2);
      expect([...usual.seen(), ...special.seen()]).to.deep.equal([]);
    });

    it('anthropic-only asks no rule', async () => {
      await start('[[rules]]\nname = "all"\nuse = "special"', undefined, { default_mode: 'target' });
      await gateway.stop();
      const { file } = gateway.config;
      gateway = await startTestGateway({
        settings: { 'passthrough.url': passthrough.url, default_mode: 'anthropic-only' },
        allowAnthropicOnly: true,
        env: { CC_PROXY_CONFIG: file ?? '' },
      });
      expect(routeOf(await ask())).to.equal('passthrough');
      expect(passthrough.seen()).to.have.length(1);
    });

    async function shadowsOf(count: number): Promise<string[][]> {
      const shadows: string[][] = [];
      await gateway.until(async () => (await gateway.bus.counters('compare')).published === count);
      const deliveries = await gateway.bus.read('compare', 'test', {
        count,
        waitMs: 0,
        claimIdleMs: 60_000,
        maxDeliveries: 9,
      });
      for (const { fields } of deliveries) shadows.push([...decodeEntry(fields).shadow]);
      return shadows;
    }

    it('count_tokens is asked of the model that would get the request', async () => {
      await start('[[rules]]\nname = "long"\nwhen = { input_tokens_over = 1500 }\nuse = "special"');
      const count = async (body: Record<string, unknown>): Promise<RawAnswer> =>
        send(gateway.url, { ...messagesRequest({ body }), path: '/v1/messages/count_tokens' });
      expect(routeOf(await count({ system: 'word '.repeat(2000) }))).to.equal('rule:long');
      expect(routeOf(await count({}))).to.equal('default');
      expect(special.seen().map(({ path }) => path)).to.deep.equal(['/v1/messages/count_tokens']);
    });

    it('a body that does not parse is matched by no rule that has to read it: native servers get it, others never', async () => {
      const broken = Buffer.from('{"model":"m","max_tokens":9,"messages":[{"role":"user","content":"\\x"}]}');
      const raw = {
        ...messagesRequest(),
        headers: ['content-type', 'application/json', 'content-length', String(broken.length)],
        body: broken,
      };
      const long = '[[rules]]\nname = "any"\nwhen = { input_tokens_over = 0 }\nuse = "special"';
      await start(long);
      const passed = await send(gateway.url, raw);
      expect(routeOf(passed)).to.equal('default');
      expect(usual.seen().map(({ raw: bytes }) => bytes.toString())).to.deep.equal([
        broken.toString().replace('"m"', '"usual"'),
      ]);
      await gateway.stop();
      await start('[[rules]]\nname = "m"\nwhen = { model = "m" }\nuse = "special"', 'type = "openai-chat"');
      expect((await send(gateway.url, raw)).status).to.equal(400);
      expect(special.seen()).to.deep.equal([]);
    });

    for (const [how, provider] of [
      ['as they came', 'type = "openai-chat"'],
      [
        'through a pipeline',
        'type = "openai-chat"\npipeline = "tidy"\n[pipelines.tidy]\nrequest = ["drop-billing-block"]',
      ],
    ] as const) {
      it(`sends a request that rules had to read as one that none has read, its long texts ${how}`, async () => {
        const long = 'Long \\ "text" with ünïcode 世界 and \u2028. '.repeat(300);
        const messages = [
          { role: 'user', content: [{ type: 'text', text: long }] },
          { role: 'assistant', content: [used] },
          { role: 'user', content: [{ ...result, content: `${long}!` }] },
        ];
        const body = { model: 'special', system: long, messages, tools: [READ, { ...READ, name: used.name }] };
        await start('', provider);
        expect(routeOf(await ask(body))).to.match(/^model:special(;|$)/);
        await gateway.stop();
        await start('[[rules]]\nname = "long"\nwhen = { input_tokens_over = 1500 }\nuse = "special"', provider);
        expect(routeOf(await ask(body))).to.match(/^rule:long(;|$)/);
        const [unread, read] = special.seen().map(({ raw }) => raw.toString());
        expect(read).to.equal(unread).and.include('世界');
      });
    }

    it('sends a native request on byte for byte, but for the name of the model', async () => {
      await start('[[rules]]\nname = "all"\nwhen = { input_tokens_over = 0, has_images = false }\nuse = "special"');
      const sent = messagesRequest({ body: { future: { field: [1, 2.5, 'é'] } } });
      await send(gateway.url, sent);
      const [seen] = special.seen();
      expect(seen?.raw.toString()).to.equal(sent.body.toString().replace('"claude-test"', '"special"'));
    });
  });

  describe('a search of the web', () => {
    const RULE = '[[rules]]\nname = "web-search"\nwhen = { server_tool = "web_search*" }\nuse = "special"';
    const QUESTION = 'Perform a web search for the query: model gateway';
    const request = {
      model: 'usual',
      max_tokens: 4096,
      messages: [{ role: 'user' as const, content: QUESTION }],
      tools: [SEARCH],
    };

    const SEARCHERS: ReadonlyArray<{
      name: string;
      provider: string;
      path: string;
      tool(seen: SeenRequest): unknown;
      asked: unknown;
    }> = [
      {
        name: 'OpenRouter',
        provider: 'type = "openrouter"',
        path: '/api/v1/chat/completions',
        tool: ({ body }) => fieldsOf(body).plugins,
        asked: [{ id: 'web' }],
      },
      {
        name: 'Perplexity',
        provider: 'type = "openai-chat"\nvendor = "perplexity"',
        path: '/chat/completions',
        // It searches whatever it is asked: there is no tool to send.
        tool: ({ body }) => [fieldsOf(body).tools, fieldsOf(body).messages],
        asked: [undefined, [{ role: 'user', content: QUESTION }]],
      },
      {
        name: 'the Responses API',
        provider: 'type = "openai-responses"',
        path: '/v1/responses',
        tool: ({ body }) => fieldsOf(body).tools,
        asked: [{ type: 'web_search' }],
      },
      {
        name: 'Gemini',
        provider: 'type = "gemini"',
        path: '/v1beta/models/special:streamGenerateContent',
        tool: ({ body }) => fieldsOf(body).tools,
        asked: [{ googleSearch: {} }],
      },
    ];

    /** A search, what it found, and what the model says of it. */
    function expectCited({ content, stop_reason, usage }: Anthropic.Message): void {
      const [call] = content.filter((block) => block.type === 'server_tool_use');
      const [result] = content.filter((block) => block.type === 'web_search_tool_result');
      expect(call?.name).to.equal('web_search');
      expect(result?.tool_use_id).to.equal(call?.id);
      expect(listOf(result?.content).map((page) => fieldsOf(page).url)).to.deep.equal(['https://example.com/gateways']);
      const said = content.map((block) => (block.type === 'text' ? block.text : '')).join('');
      expect(said).to.include('A gateway sits between client and model.');
      expect(stop_reason).to.equal('end_turn');
      expect(usage.server_tool_use?.web_search_requests).to.equal(1);
    }

    const connect = (): Anthropic => new Anthropic({ baseURL: gateway.url, apiKey: 'client-key', maxRetries: 0 });

    for (const { name, provider, path, tool, asked } of SEARCHERS) {
      it(`S1-16 goes by rule to ${name}, is asked for as it is there, and comes back as search, pages and text`, async () => {
        await start(RULE, provider);
        const client = connect();
        for (const isStream of [true, false]) {
          special.reset();
          special.use('web-search');
          const message = isStream
            ? await client.messages.stream(request).finalMessage()
            : await client.messages.create({ ...request, tool_choice: { type: 'tool', name: 'web_search' } });
          expectCited(message);
          const [seen] = special.seen();
          expect(seen?.path).to.equal(path);
          expect(seen && tool(seen), 'the search as that provider is asked for it').to.deep.equal(asked);
        }
        expect(usual.seen()).to.deep.equal([]);
        const { response } = await client.messages.create(request).withResponse();
        expect(response.headers.get('x-ccproxy-route')).to.equal('rule:web-search');
      });

      it(`S1-16 is never an empty success of ${name}: a model that says nothing gives an explicit error`, async () => {
        await start(RULE, provider);
        special.use('empty-text');
        for (const isStream of [true, false]) {
          const message = isStream
            ? await connect().messages.stream(request).finalMessage()
            : await connect().messages.create(request);
          expect(message.content.map(({ type }) => type)).to.deep.equal([
            ...['server_tool_use', 'web_search_tool_result', 'text'],
          ]);
          expect(message.content[0]).to.have.nested.property('input.query', QUESTION);
          expect(message.content[1]).to.have.nested.property('content.error_code', 'unavailable');
        }
        const spoken = await connect().messages.create({ ...request, tools: [READ] });
        expect(spoken.content.map(({ type }) => type)).not.to.include('web_search_tool_result');
      });
    }

    it('S1-16 leaves the other requests of the same client with the usual model, its own WebSearch tool included', async () => {
      await start(RULE, 'type = "openrouter"');
      usual.use('web-search-tool');
      special.use('web-search');
      const own = { name: 'WebSearch', input_schema: { type: 'object' as const, properties: {} } };
      const turn = await connect().messages.create({ ...request, tools: [own, READ] });
      expect(turn.content.map(({ type }) => type)).to.include('tool_use');
      expectCited(await connect().messages.stream(request).finalMessage());
      await connect().messages.create({ model: 'claude-haiku-4-5', max_tokens: 9, messages: request.messages });
      expect([usual.seen().length, special.seen().length]).to.deep.equal([2, 1]);
    });
  });
});
