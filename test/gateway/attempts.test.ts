// One answer may take several calls of an upstream: each has a span of its own, and the metric counts as many.
import { expect } from 'chai';
import { type Scene, text, toolUse } from '#services/simulator/script.ts';
import { createSimulator, type SeenRequest, type Simulator } from '#services/simulator/service.ts';
import type { SpanRecord } from '#shared/telemetry/tracing.ts';
import { type SpanSink, spanSink } from '../support/comparator.ts';
import { startTestGateway, type TestGateway, until } from '../support/gateway.ts';
import { messagesRequest, send } from '../support/raw-client.ts';
import { saidAttributes } from '../support/said-attributes.ts';

const PAGES = [{ url: 'https://nodejs.example/24', title: 'Node 24', content: 'The cedar release.' }];

describe('the attempts of a call', () => {
  let upstream: Simulator;
  let gateway: TestGateway;
  let tracing: SpanSink;
  before(async () => {
    upstream = await createSimulator({ listenAddress: '127.0.0.1:0', seed: 6, delayScale: 0 });
  });
  after(() => upstream.stop());
  beforeEach(() => upstream.reset());
  afterEach(() => gateway.stop());

  const start = async (more: Record<string, unknown> = {}): Promise<void> => {
    tracing = Object.assign(spanSink(), { content: false });
    const target = { 'target.url': `${upstream.url}/v1`, 'target.type': 'openai-chat', 'target.model': 'some-model' };
    const settings = { ...target, 'target.propagate_trace_context': 'traceparent', ...more };
    gateway = await startTestGateway({ settings, parts: { tracing } });
  };
  const forwards = async (): Promise<SpanRecord[]> => {
    await until(() => tracing.spans.some(({ name }) => name === 'proxy_request'));
    return tracing.spans.filter(({ name }) => name === 'primary_forward');
  };
  const attempts = (outcome: string): Promise<number> => gateway.metric('ccproxy_upstream_attempts_total', { outcome });
  const spanIdsSent = (seen: SeenRequest[]): unknown[] =>
    seen.map(({ headers }) => String(headers.traceparent).split('-')[2]);

  function expectInOrder(spans: SpanRecord[]): void {
    const root = tracing.spans.find(({ name }) => name === 'proxy_request');
    expect(new Set(spans.map(({ spanId }) => spanId)).size).to.equal(spans.length);
    for (const [index, span] of spans.entries()) {
      expect(span.parentSpanId).to.equal(root?.spanId);
      expect(span.endMs).to.be.at.least(span.startMs);
      expect(span.startMs).to.be.at.least(spans[index - 1]?.endMs ?? root?.startMs ?? 0);
      expect(span.endMs).to.be.at.most(root?.endMs ?? 0);
    }
  }

  it('are a span each where an upstream refused what it can be asked without, told it by their own ids', async () => {
    await start();
    upstream.use('chat-refuses-max-tokens');
    await send(gateway.url, messagesRequest({ body: { max_tokens: 100 } }));
    const spans = await forwards();
    const told = spans.map((span) => {
      const said = saidAttributes(span);
      return [said['http.response.status_code'], said['http.request.resend_count'], said['error.type'], span.status];
    });
    expect(told).to.deep.equal([
      [400, 0, 'invalid_request_error', 'error'],
      [200, 1, undefined, 'unset'],
    ]);
    expectInOrder(spans);
    const [refused, answered] = spans.map((span) => saidAttributes(span)['anthropic.request.id']);
    expect(refused).to.equal(undefined);
    expect(answered).to.be.a('string').with.length.above(0);
    expect(spanIdsSent(upstream.seen())).to.deep.equal(spans.map(({ spanId }) => spanId));
    expect([await attempts('client_error'), await attempts('ok')]).to.deep.equal([1, 1]);
  });

  /** Its model asks for a search first; then it answers so. */
  const search = async (second: Scene, more: Record<string, unknown> = {}): Promise<void> => {
    await start({
      'web_search.mode': 'emulate',
      'web_search.provider': 'tavily',
      'web_search.url': `${upstream.url}/search-engines/tavily`,
      'web_search.api_key': 'search-key',
      ...more,
    });
    const isSearch = ({ path }: SeenRequest): boolean => path.startsWith('/search-engines/');
    let round = 0;
    upstream.use((seen) => {
      if (isSearch(seen)) return { search: { results: PAGES } };
      return round++ === 0 ? { content: [toolUse('web_search', { query: 'node 24' })] } : second;
    });
    const tools = [{ type: 'web_search_20250305', name: 'web_search', max_uses: 3 }];
    await send(gateway.url, messagesRequest({ body: { max_tokens: 100, tools } }));
  };

  it('are a span each where the gateway searches for the model, none of them sent again', async () => {
    await search({ content: [text('The cedar release.')] });
    const spans = await forwards();
    const told = spans.map((span) => {
      const said = saidAttributes(span);
      return [said['http.response.status_code'], said['http.request.resend_count'], span.status];
    });
    expect(told).to.deep.equal([
      [200, 0, 'unset'],
      [200, 0, 'unset'],
    ]);
    expectInOrder(spans);
    expect(await attempts('ok')).to.equal(2);
  });

  it('tell of a key that was refused after the answer had begun', async () => {
    await search({ status: 401 }, { 'target.api_key': 'key-of-target' });
    const spans = await forwards();
    expect(spans.map((span) => saidAttributes(span)['error.type'])).to.deep.equal([undefined, 'credential_refused']);
    const refused = { error_type: 'credential_refused' };
    expect(await gateway.metric('ccproxy_upstream_attempts_total', refused)).to.equal(1);
  });

  it('are one span that was sent once, where one answered', async () => {
    await start();
    upstream.use('text');
    await send(gateway.url, messagesRequest({ body: { max_tokens: 100 } }));
    const spans = await forwards();
    expect(spans.map((span) => saidAttributes(span)['http.request.resend_count'])).to.deep.equal([0]);
    expectInOrder(spans);
    expect(await attempts('ok')).to.equal(1);
  });
});
