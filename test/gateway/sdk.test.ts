import Anthropic from '@anthropic-ai/sdk';
import { expect } from 'chai';
import { createSimulator, type Simulator } from '#services/simulator/service.ts';
import { startTestGateway, type TestGateway } from '../support/gateway.ts';

describe('a client of the real SDK', () => {
  let passthrough: Simulator;
  let target: Simulator;
  let gateway: TestGateway;
  let client: Anthropic;

  before(async () => {
    passthrough = await createSimulator({ listenAddress: '127.0.0.1:0', seed: 1 });
    target = await createSimulator({ listenAddress: '127.0.0.1:0', seed: 2 });
    gateway = await startTestGateway({
      settings: { 'target.url': target.url, 'target.model': 'glm-5-fp8', 'passthrough.url': passthrough.url },
      allowAnthropicOnly: true,
    });
    client = new Anthropic({ baseURL: gateway.url, apiKey: 'client-key', maxRetries: 0 });
  });
  after(async () => {
    await gateway.stop();
    await passthrough.stop();
    await target.stop();
  });
  const setMode = (mode: string) =>
    fetch(`${gateway.url}/api/mode`, { method: 'PUT', body: JSON.stringify({ mode }) }).then((answer) => {
      expect(answer.status).to.equal(200);
    });

  for (const mode of ['target', 'compare', 'anthropic-only'] as const) {
    describe(`in mode ${mode}`, () => {
      const upstream = (): Simulator => (mode === 'target' ? target : passthrough);
      before(() => setMode(mode));
      beforeEach(() => {
        passthrough.reset();
        target.reset();
      });

      it('gets a whole message', async () => {
        upstream().use('text');
        const message = await client.messages.create({
          model: 'claude-x',
          max_tokens: 64,
          messages: [{ role: 'user', content: 'hi' }],
        });
        expect(message.content[0]).to.have.property('type', 'text');
        expect(upstream().seen()).to.have.length(1);
      });

      it('gets a stream with a tool call', async () => {
        upstream().use('tool-bash');
        const stream = client.messages.stream({
          model: 'claude-x',
          max_tokens: 64,
          messages: [{ role: 'user', content: 'hi' }],
        });
        const message = await stream.finalMessage();
        expect(message.stop_reason).to.equal('tool_use');
        expect(message.content.some((block) => block.type === 'tool_use' && block.name === 'Bash')).to.equal(true);
      });

      it('gets the upstream error as it is', async () => {
        upstream().use({ status: 529, headers: { 'retry-after': '7' } });
        const error = await client.messages
          .create({ model: 'claude-x', max_tokens: 64, messages: [{ role: 'user', content: 'hi' }] })
          .then(
            () => null,
            (failure: unknown) => failure,
          );
        expect(error).to.be.instanceOf(Anthropic.APIError);
        if (!(error instanceof Anthropic.APIError)) return;
        expect(error.status).to.equal(529);
        expect(error.headers?.get('retry-after')).to.equal('7');
      });

      it('ends the upstream call when it aborts', async () => {
        upstream().use({
          content: [{ type: 'text', text: 'x'.repeat(4000) }],
          delays: { betweenMs: 20 },
          deltaChars: 4,
        });
        const stream = client.messages.stream({
          model: 'claude-x',
          max_tokens: 64,
          messages: [{ role: 'user', content: 'hi' }],
        });
        stream.on('streamEvent', (event) => {
          if (event.type === 'content_block_delta') stream.abort();
        });
        await stream.done().catch(() => {});
        await upstream().until((seen) => seen.some((request) => request.hungUp));
      });
    });
  }
});
