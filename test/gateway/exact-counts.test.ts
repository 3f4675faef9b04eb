// Counts by upstreams of other protocols that can make them, and what is done where they cannot.
import { expect } from 'chai';
import { createSimulator, type Simulator } from '#services/simulator/service.ts';
import { fieldsOf, listOf } from '#shared/providers/fields.ts';
import { gemini } from '#shared/providers/gemini.ts';
import { startTestGateway, type TestGateway } from '../support/gateway.ts';
import { json, type RawRequest, send } from '../support/raw-client.ts';

const QUESTION = {
  model: 'claude-x',
  system: 'You are careful.',
  messages: [{ role: 'user', content: 'How many tokens are in this?' }],
  tools: [{ name: 'Read', input_schema: { type: 'object', properties: { file_path: { type: 'string' } } } }],
};

function question(body: Record<string, unknown> = QUESTION): RawRequest {
  const bytes = Buffer.from(JSON.stringify(body));
  const headers = ['content-type', 'application/json', 'content-length', String(bytes.length), 'x-api-key', 'k'];
  return { method: 'POST', path: '/v1/messages/count_tokens', headers, body: bytes };
}

const SERVERS = [
  { type: 'openai-responses', model: 'gpt-5.4', path: '/v1/responses/input_tokens' },
  { type: 'gemini', model: 'gemini-2.5-pro', path: '/v1beta/models/gemini-2.5-pro:countTokens' },
];

describe('counts by upstreams', () => {
  let server: Simulator;
  const open: TestGateway[] = [];
  const start = async (type: string, model: string, more: Record<string, unknown> = {}): Promise<TestGateway> => {
    const target = {
      'target.url': server.url,
      'target.type': type,
      'target.model': model,
      'target.api_key': 'the-key',
    };
    const gateway = await startTestGateway({ settings: { ...target, ...more } });
    open.push(gateway);
    return gateway;
  };
  const counted = (gateway: TestGateway, by: string): Promise<number> =>
    gateway.metric('ccproxy_token_counts_total', { counted_by: by });

  before(async () => {
    server = await createSimulator({ listenAddress: '127.0.0.1:0', seed: 4, defaultScene: 'text', delayScale: 0 });
  });
  after(() => server.stop());
  afterEach(async () => {
    await Promise.all(open.splice(0).map((gateway) => gateway.stop()));
    server.reset();
  });

  for (const { type, model, path } of SERVERS) {
    it(`S4-03 conv N-01 are exact with ${type}: asked once for the same question, with the gateway's key`, async () => {
      const gateway = await start(type, model);
      const answers = await Promise.all([1, 2, 3].map(() => send(gateway.url, question())));
      const [seen] = server.seen();
      expect(server.seen()).to.have.length(1);
      expect(seen?.url).to.equal(path);
      expect(Object.values(seen?.headers ?? {}).join(' ')).to.include('the-key');
      const exact = Math.ceil((seen?.raw.length ?? 0) / 4);
      for (const answer of answers) {
        expect(answer.status).to.equal(200);
        expect(answer.body.toString()).to.equal(`{"input_tokens":${exact}}`);
      }
      expect(await counted(gateway, 'upstream')).to.equal(1);
      expect(await counted(gateway, 'estimate')).to.equal(0);
    });

    it(`S4-03 are estimated, and counted as that, when ${type} fails or takes no more; asked again another time`, async () => {
      const gateway = await start(type, model);
      const estimate = await estimated();
      server.use({ status: 500, everyPath: true });
      expect(json(await send(gateway.url, question()))).to.deep.equal({ input_tokens: estimate });
      server.reset();
      const other = question({ ...QUESTION, system: 'Another.' });
      expect((await send(gateway.url, other)).status).to.equal(200);
      expect(server.seen()).to.have.length(1);
      expect(await counted(gateway, 'estimate')).to.equal(1);
      expect(await counted(gateway, 'upstream')).to.equal(1);
    });

    it(`S4-03 are estimated from then on where ${type} has no such place`, async () => {
      const gateway = await start(type, model);
      server.use({ status: 404, everyPath: true });
      for (const system of ['one', 'two', 'three']) {
        expect((await send(gateway.url, question({ ...QUESTION, system }))).status).to.equal(200);
      }
      expect(server.seen()).to.have.length(1);
      expect(await counted(gateway, 'estimate')).to.equal(1);
      expect(await counted(gateway, 'gateway')).to.equal(2);
    });
  }

  /** What the gateway makes of it where nobody else can. */
  async function estimated(): Promise<unknown> {
    const gateway = await start('openai-chat', 'some-model');
    const { input_tokens } = json(await send(gateway.url, question())) as { input_tokens: number };
    expect(server.seen()).to.have.length(0);
    expect(await counted(gateway, 'gateway')).to.equal(1);
    return input_tokens;
  }

  it('S4-03 ask for what would be sent, and for nothing that only an answer needs', async () => {
    const [responses, google] = SERVERS;
    await send((await start(responses?.type ?? '', responses?.model ?? '')).url, question());
    await send((await start(google?.type ?? '', google?.model ?? '')).url, question());
    const [ofOpenai, ofGoogle] = server.seen().map(({ body }) => fieldsOf(body));
    expect(ofOpenai).to.have.keys('model', 'instructions', 'input', 'tools');
    expect(ofGoogle).to.have.keys('generateContentRequest');
    const whole = fieldsOf(ofGoogle?.generateContentRequest);
    expect(whole.model).to.equal('models/gemini-2.5-pro');
    expect(listOf(whole.contents)).to.have.length(1);
    expect(whole).to.include.keys('systemInstruction', 'tools');
  });

  it('S4-03 ask Vertex member by member', () => {
    const path = '/v1/projects/p/locations/l/publishers/google/models/gemini-2.5-pro:streamGenerateContent?alt=sse';
    const body = { contents: [], systemInstruction: {}, tools: [], toolConfig: {}, generationConfig: {} };
    expect(gemini.tokenCount?.toQuestion(path, body)).to.deep.equal({
      path: '/v1/projects/p/locations/l/publishers/google/models/gemini-2.5-pro:countTokens',
      body: { contents: [], systemInstruction: {}, tools: [], generationConfig: {} },
    });
    expect(gemini.tokenCount?.toQuestion('/elsewhere', body)).to.equal(null);
  });

  it('S4-03 do not wait for a place: at the limit of a target the gateway counts', async () => {
    const gateway = await start('gemini', 'gemini-2.5-pro', { 'target.max_concurrent': 1 });
    server.use({ everyPath: true, delays: { headersMs: 50 } });
    const asked = ['a', 'b', 'c'].map((system) => send(gateway.url, question({ ...QUESTION, system })));
    for (const answer of await Promise.all(asked)) expect(answer.status).to.equal(200);
    expect((await counted(gateway, 'estimate')) + (await counted(gateway, 'upstream'))).to.equal(3);
    expect(server.seen().length).to.be.within(1, 3);
  });

  it('S4-03 are made here for a request that the provider cannot carry', async () => {
    const gateway = await start('gemini', 'gemini-2.5-pro');
    const content = [{ type: 'image', source: { type: 'file', file_id: 'f' } }];
    const answer = await send(gateway.url, question({ ...QUESTION, messages: [{ role: 'user', content }] }));
    expect(answer.status).to.equal(200);
    expect(server.seen()).to.have.length(0);
    expect(await counted(gateway, 'estimate')).to.equal(1);
  });
});
