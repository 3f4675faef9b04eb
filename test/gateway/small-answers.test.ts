// Requests that want next to nothing: a probe of one token, and none at all to warm a cache.
import Anthropic from '@anthropic-ai/sdk';
import { expect } from 'chai';
import { createSimulator, type Simulator } from '#services/simulator/service.ts';
import { fieldsOf } from '#shared/providers/fields.ts';
import { startTestGateway, type TestGateway } from '../support/gateway.ts';

const ASK: Anthropic.MessageCreateParamsNonStreaming = {
  model: 'claude-x',
  max_tokens: 1,
  messages: [{ role: 'user', content: 'quota' }],
};
const NONE = { ...ASK, max_tokens: 0 };

interface Server {
  type: string;
  profile?: string;
  /** Where its request says how much it wants. */
  wants(body: Record<string, unknown>): unknown;
}

const SERVERS: Server[] = [
  { type: 'openai-chat', wants: (body) => body.max_tokens },
  { type: 'openai-responses', wants: (body) => body.max_output_tokens },
  { type: 'gemini', wants: (body) => fieldsOf(body.generationConfig).maxOutputTokens },
  { type: 'ollama', wants: (body) => fieldsOf(body.options).num_predict },
  { type: 'anthropic', profile: 'generic', wants: (body) => body.max_tokens },
];

describe('conv M-11 small answers', () => {
  let server: Simulator;
  let gateway: TestGateway;
  let client: Anthropic;

  async function start(type: string, profile?: string): Promise<void> {
    const settings = { 'target.url': server.url, 'target.type': type, 'target.model': 'some-model' };
    gateway = await startTestGateway({
      settings: { ...settings, ...(profile === undefined ? {} : { 'target.profile': profile }) },
    });
    client = new Anthropic({ baseURL: gateway.url, apiKey: 'client-key', maxRetries: 0 });
  }
  before(async () => {
    server = await createSimulator({ listenAddress: '127.0.0.1:0', seed: 1, defaultScene: 'text', delayScale: 0 });
  });
  after(() => server.stop());
  beforeEach(() => server.reset());
  afterEach(() => gateway.stop());

  for (const { type, profile, wants } of SERVERS) {
    it(`conv M-11 of no token are made here for ${type}: empty, cut, and nobody is asked`, async () => {
      await start(type, profile);
      const { data, response } = await client.messages.create(NONE).withResponse();
      expect(data).to.deep.include({ content: [], stop_reason: 'max_tokens', role: 'assistant', type: 'message' });
      expect(data.usage.output_tokens).to.equal(0);
      expect(data.usage.input_tokens).to.be.above(0);
      expect(response.headers.get('x-ccproxy-route')).to.include('answered-here');
      const streamed = await client.messages.stream(NONE).finalMessage();
      expect(streamed).to.deep.include({ content: [], stop_reason: 'max_tokens' });
      expect(server.seen()).to.have.length(0);
      await gateway.until(
        async () => (await gateway.metric('ccproxy_gateway_requests_total', { outcome: 'ok' })) === 2,
      );
    });

    it(`conv M-11 of one token are asked for as such, or for the least that ${type} gives`, async () => {
      await start(type, profile);
      const message = await client.messages.create(ASK);
      expect(wants(fieldsOf(server.seen()[0]?.body))).to.equal(type === 'openai-responses' ? 16 : 1);
      expect(message.content.length).to.be.above(0);
    });
  }

  it('conv M-11 of one token are cut to it where more had to be asked for, streamed or not', async () => {
    await start('openai-responses');
    const whole = await client.messages.create(ASK);
    expect(whole.stop_reason).to.equal('max_tokens');
    expect(whole.usage.output_tokens).to.equal(1);
    expect(whole.content).to.have.length(1);
    const [block] = whole.content;
    expect(block?.type === 'text' ? block.text : '').to.have.length(4);
    const streamed = await client.messages.stream(ASK).finalMessage();
    expect(streamed.content).to.deep.equal(whole.content);
    server.use('tool-bash');
    const call = await client.messages.create({ ...ASK, tools: [{ name: 'Bash', input_schema: { type: 'object' } }] });
    expect(call.stop_reason).to.equal('max_tokens');
    expect(call.content.some(({ type }) => type === 'tool_use')).to.equal(false);
  });

  it('conv M-11 of no token are for an upstream of the same protocol to give: it warms its cache', async () => {
    await start('anthropic');
    await client.messages.create(NONE);
    expect(fieldsOf(server.seen()[0]?.body).max_tokens).to.equal(0);
  });
});
