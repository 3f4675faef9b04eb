// In which header a key goes out, and that nothing of the client's goes out beside it.
import { expect } from 'chai';
import { createSimulator, type Simulator } from '#services/simulator/service.ts';
import { startTestGateway, testConfig } from '../support/gateway.ts';
import { messagesRequest, send } from '../support/raw-client.ts';

describe('the header of a key', () => {
  let upstream: Simulator;
  before(async () => {
    upstream = await createSimulator({ listenAddress: '127.0.0.1:0', seed: 3, delayScale: 0 });
  });
  after(() => upstream.stop());

  async function headersFor(settings: Record<string, unknown>): Promise<Record<string, unknown>> {
    const own = { 'target.url': upstream.url, 'target.model': 'm', 'target.api_key': 'own-key', ...settings };
    const gateway = await startTestGateway({ settings: own });
    try {
      upstream.reset();
      await send(gateway.url, messagesRequest({ headers: ['X-Team-Pass', 'of-the-client'] }));
      return upstream.seen()[0]?.headers ?? {};
    } finally {
      await gateway.stop();
    }
  }

  for (const type of ['anthropic', 'openai-chat', 'openai-responses', 'gemini', 'ollama']) {
    it(`is the one of the protocol, or any other that is set: ${type}`, async () => {
      const usual = { anthropic: 'x-api-key', gemini: 'x-goog-api-key' }[type] ?? 'authorization';
      const bearer = (name: string): string => (name === 'authorization' ? 'Bearer own-key' : 'own-key');
      for (const [set, name] of [
        [null, usual],
        ['authorization', 'authorization'],
        ['x-api-key', 'x-api-key'],
        ['X-Team-Pass', 'x-team-pass'],
      ] as const) {
        const headers = await headersFor({ 'target.type': type, ...(set ? { 'target.auth_header': set } : {}) });
        expect(headers[name], `${set}`).to.equal(bearer(name));
        const others = ['authorization', 'x-api-key', 'x-goog-api-key'].filter((other) => other !== name);
        expect(headers).to.not.have.any.keys(...others);
        expect(JSON.stringify(headers)).to.not.include('client-key');
      }
    });
  }

  for (const [type, path] of [
    ['openai-chat', '/v1'],
    ['openai-responses', '/v1'],
    ['gemini', ''],
    ['ollama', ''],
  ] as const) {
    it(`carries a key that no answer tells, though the upstream says it: ${type}`, async () => {
      const key = 'vendor.made/this one up';
      const gateway = await startTestGateway({
        settings: {
          ...{ 'target.url': `${upstream.url}${path}`, 'target.model': 'm', 'target.type': type },
          ...{ 'target.api_key': key, 'target.auth_header': 'x-team-pass' },
        },
      });
      try {
        for (const status of [200, 400, 404, 500]) {
          const error = { message: `no luck with ${key}`, code: 400 };
          upstream.use({ status, headers: { 'content-type': 'application/json' }, body: JSON.stringify({ error }) });
          const { status: shown, body } = await send(gateway.url, messagesRequest());
          expect(shown, `${status}`).to.be.at.least(400);
          expect(body.toString(), `${status}`).to.include('no luck with').and.not.include(key);
        }
        expect(JSON.stringify(gateway.lines)).not.to.include(key);
      } finally {
        await gateway.stop();
      }
    });
  }

  it('must be a header that may carry one', () => {
    for (const name of ['Host', 'content-length', 'two words']) {
      const settings = { 'target.url': 'http://127.0.0.1:9', 'target.auth_header': name };
      expect(() => testConfig(settings), name).to.throw(/auth_header/);
    }
  });
});
