import { expect } from 'chai';
import { createSimulator, type Simulator } from '#services/simulator/service.ts';
import { encodeThinkingState } from '#shared/providers/thinking-state.ts';
import { startTestGateway, type TestGateway } from '../support/gateway.ts';
import { header, type RawRequest, send } from '../support/raw-client.ts';

const own = { type: 'thinking', thinking: 'hm', signature: encodeThinkingState('gemini', { a: 1 }) };
const anthropics = { type: 'thinking', thinking: 'hm', signature: 'EqQBCkgIBBABGAI' };

function ask(...blocks: unknown[]): RawRequest {
  const messages = [
    { role: 'user', content: 'hi' },
    { role: 'assistant', content: [...blocks, { type: 'text', text: 'a' }] },
    { role: 'user', content: 'go on' },
  ];
  const body = Buffer.from(JSON.stringify({ messages, max_tokens: 9, model: 'claude-x', stream: true }, null, 1));
  return {
    method: 'POST',
    path: '/v1/messages?beta=true',
    headers: ['content-type', 'application/json', 'x-api-key', 'k', 'content-length', String(body.length)],
    body,
  };
}

describe('conv T-03 a conversation that comes to a native upstream from elsewhere', () => {
  let upstream: Simulator;
  let gateway: TestGateway;
  before(async () => {
    upstream = await createSimulator({ listenAddress: '127.0.0.1:0', seed: 6, delayScale: 0, defaultScene: 'text' });
    gateway = await startTestGateway({ settings: { 'target.url': upstream.url, 'target.model': 'claude-opus-5-5' } });
  });
  after(() => gateway.stop().then(() => upstream.stop()));
  beforeEach(() => upstream.reset());

  it('leaves what the gateway signed behind, names it in the route header and changes nothing else but the model', async () => {
    const answer = await send(gateway.url, ask(own, anthropics, own));
    expect(answer.status).to.equal(200);
    expect(header(answer, 'x-ccproxy-route')).to.include('omitted:own-thinking:2');
    const wanted = ask(anthropics).body.toString().replace('"claude-x"', '"claude-opus-5-5"');
    expect(upstream.seen()[0]?.raw.toString()).to.equal(wanted);
  });

  it('passes byte for byte what holds nothing of ours', async () => {
    const request = ask(anthropics, { type: 'text', text: `it begins with ${own.signature}` });
    const answer = await send(gateway.url, request);
    expect(header(answer, 'x-ccproxy-route')).to.not.include('own-thinking');
    const wanted = request.body.toString().replace('"claude-x"', '"claude-opus-5-5"');
    expect(upstream.seen()[0]?.raw.toString()).to.equal(wanted);
  });
});
