// Who answered a converted call, and by which id its upstream knows it: the client reads the name it asked for and an id of
// ours, every record says what the upstream said.
import { expect } from 'chai';
import type { Scene } from '#services/simulator/script.ts';
import { createSimulator, type Simulator } from '#services/simulator/service.ts';
import { type CompareBed, startCompareBed } from '../support/compare-bed.ts';
import { CONVERTED_ROUTES } from '../support/every-route.ts';
import { type OtlpSink, type SinkSpan, startOtlpSink } from '../support/otlp-sink.ts';
import { header, type RawAnswer } from '../support/raw-client.ts';

const CONTENT = [{ type: 'text' as const, text: 'hello' }];
const USAGE = { input_tokens: 1000, output_tokens: 100 };

interface Asked {
  name: string;
  /** By which name a client asks for it. */
  asked: string;
  id: string;
  answer: RawAnswer;
}

async function spanOf(sink: OtlpSink, name: string, id: string): Promise<SinkSpan> {
  const isMine = (span: SinkSpan): boolean => span.name === name && span.attributes['ccproxy.request_id'] === id;
  const found = (await sink.waitFor((spans) => spans.some(isMine))).find(isMine);
  if (!found) throw new Error(`no ${name} of ${id}`);
  return found;
}

function modelIn({ body }: RawAnswer): string | undefined {
  return /"model":"([^"]*)"/.exec(body.toString())?.[1];
}

for (const [where, settings] of [
  ['with text', { 'tracing.content': true }],
  ['without text', { 'tracing.content': false, 'capture.level': 'metadata' }],
] as const) {
  describe(`the names of a converted call, in records ${where}`, function () {
    this.timeout(30_000);
    let sink: OtlpSink;
    let upstream: Simulator;
    let bed: CompareBed;
    before(async () => {
      sink = await startOtlpSink();
      upstream = await createSimulator({ listenAddress: '127.0.0.1:0', seed: 3, delayScale: 0 });
      const routes: Record<string, unknown> = { 'target.url': undefined, 'target.model': undefined };
      for (const { name, provider, model } of CONVERTED_ROUTES) {
        for (const [key, value] of Object.entries({ base_url: upstream.url, api_key: 'key', ...provider }))
          routes[`providers.${name}.${key}`] = value;
        for (const [key, value] of Object.entries(model)) routes[`models.claude-${name}.${key}`] = value;
      }
      bed = await startCompareBed({ default_mode: 'target', 'tracing.endpoint': sink.url, ...routes, ...settings });
    });
    after(async () => {
      await bed?.stop();
      await upstream.stop();
      await sink.close();
    });

    const askAll = async (scene: Scene): Promise<Asked[]> => {
      const all: Asked[] = [];
      for (const [at, { name }] of CONVERTED_ROUTES.entries()) {
        upstream.use({ content: CONTENT, usage: USAGE, ...scene });
        const asked = `claude-${name}`;
        all.push({ name, asked, ...(await bed.ask({ body: { model: asked }, stream: at % 2 === 0 })) });
      }
      return all;
    };

    it('S0-22 are the upstream’s own, on every route', async () => {
      const ids = { 'request-id': 'of-the-upstream', 'x-request-id': 'of-the-upstream' };
      for (const { name, asked, id, answer } of await askAll({ model: 'gpt-4.1-2025', headers: ids })) {
        expect(modelIn(answer), name).to.equal(asked);
        expect(header(answer, 'request-id'), name).to.equal(`req_${id}`);
        const { exchange } = await bed.settled(id);
        expect(exchange, name).to.include({ model_asked: asked, model_answered: 'gpt-4.1-2025' });
        const { attributes } = await spanOf(sink, 'proxy_request', id);
        expect(attributes, name).to.include({
          ...{ 'llm.model_name': 'gpt-4.1-2025', 'llm.response.model_name': 'gpt-4.1-2025' },
          ...{ 'gen_ai.response.model': 'gpt-4.1-2025', 'llm.request.model_name': asked },
          ...{ 'llm.system': 'openai', 'llm.provider': name },
          ...{ anthropic_request_id: 'of-the-upstream', 'anthropic.request.id': 'of-the-upstream' },
        });
        const forward = await spanOf(sink, 'primary_forward', id);
        expect(forward.attributes, name).to.include({ 'anthropic.request.id': 'of-the-upstream' });
      }
    });

    it('S0-22 are not invented where the upstream says none, on every route', async () => {
      for (const { name, id, answer } of await askAll({ headers: { 'request-id': '', 'x-request-id': '' } })) {
        expect(header(answer, 'request-id'), name).to.equal(`req_${id}`);
        const { attributes } = await spanOf(sink, 'proxy_request', id);
        expect(attributes, name).to.not.have.any.keys('anthropic_request_id', 'anthropic.request.id');
        expect(attributes['llm.model_name'], name).to.equal(attributes['gen_ai.request.model']);
        const forward = await spanOf(sink, 'primary_forward', id);
        expect(forward.attributes, name).to.not.have.property('anthropic.request.id');
      }
    });
  });
}

describe('the names of a converted target that is compared', function () {
  this.timeout(30_000);

  it('are the upstream’s own in the pair and on its spans, and its price is that of the model that was sent', async () => {
    const sink = await startOtlpSink();
    const prices = { 'prices.m-up.input': 2, 'prices.m-up.output': 10 };
    const bed = await startCompareBed({
      ...{ 'tracing.endpoint': sink.url, 'target.type': 'openai-chat', 'target.model': 'm-up', ...prices },
    });
    try {
      bed.primary.use({ content: CONTENT, usage: USAGE, model: 'claude-x' });
      bed.secondary.use({ content: CONTENT, usage: USAGE, model: 'g', headers: { 'x-request-id': 'up-1' } });
      const { id } = await bed.ask({ body: { model: 'claude-x' } });
      const { pairs, exchange } = await bed.settled(id);
      expect(exchange.model_answered).to.equal('claude-x');
      expect([pairs[0]?.primary?.model, pairs[0]?.secondary?.model]).to.deep.equal(['claude-x', 'g']);
      const { attributes } = await spanOf(sink, 'compare_request', id);
      expect(attributes).to.include({
        ...{ 'llm.model_name': 'g', 'gen_ai.response.model': 'g', 'gen_ai.request.model': 'm-up' },
        ...{ 'llm.system': 'target', 'anthropic.request.id': 'up-1', 'llm.cost.total': (1000 * 2 + 100 * 10) / 1e6 },
      });
    } finally {
      await bed?.stop();
      await sink.close();
    }
  });
});
