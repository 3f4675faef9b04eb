// What the spans of real calls say of time, ids and tokens, in both arms, and the switch that ends them.
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect } from 'chai';
import { createFileControl } from '#shared/control/file-control.ts';
import { observe } from '#shared/exchange/read-exchange.ts';
import { createMetrics } from '#shared/telemetry/metrics.ts';
import { createTracing, type StartedTracing } from '#shared/telemetry/spans.ts';
import { recordedAnswer } from '../support/answer-bytes.ts';
import { type CompareBed, startCompareBed } from '../support/compare-bed.ts';
import { recordingLogger, startTestGateway, type TestGateway, until } from '../support/gateway.ts';
import { type OtlpSink, type SinkSpan, startOtlpSink } from '../support/otlp-sink.ts';
import { header } from '../support/raw-client.ts';
import { readMetrics } from '../support/read-metrics.ts';

const USAGE = { input_tokens: 10, output_tokens: 20, cache_read_input_tokens: 7, cache_creation_input_tokens: 3 };

describe('spans of real calls', function () {
  this.timeout(20_000);
  let sink: OtlpSink;
  let bed: CompareBed;
  before(async () => {
    sink = await startOtlpSink();
    bed = await startCompareBed({ 'tracing.endpoint': sink.url });
  });
  beforeEach(() => {
    bed.primary.use('text');
    bed.secondary.use('text');
  });
  after(async () => {
    await bed.stop();
    await sink.close();
  });

  async function spanOf(name: string, id: string): Promise<SinkSpan> {
    const isMine = (span: SinkSpan): boolean => span.name === name && span.attributes['ccproxy.request_id'] === id;
    const found = (await sink.waitFor((spans) => spans.some(isMine), 15_000)).find(isMine);
    if (!found) throw new Error(`no ${name} of ${id}`);
    return found;
  }

  const msBetween = (span: SinkSpan, event: string): number => {
    const at = span.events.find(({ name }) => name === event)?.atNs ?? 0n;
    return Number(at - span.startNs) / 1e6;
  };

  it('S0-20 ttft_ms is the first content since the dispatch, alike in both arms, and absent where nothing streams', async () => {
    const streamed = await bed.ask({ stream: true });
    const arms = await Promise.all([spanOf('proxy_request', streamed.id), spanOf('compare_request', streamed.id)]);
    for (const arm of arms) {
      const { ttft_ms, ttfb_ms, total_duration_ms } = arm.attributes;
      expect(ttft_ms, arm.name)
        .to.be.a('number')
        .and.be.at.least(Math.floor(Number(ttfb_ms)));
      expect(ttft_ms, arm.name).to.be.at.most(Number(total_duration_ms));
      expect(arm.attributes['gen_ai.response.time_to_first_chunk']).to.equal(Number(ttft_ms) / 1000);
    }
    // Both count from where their own request was sent: the shadow's span begins there.
    expect(msBetween(arms[1], 'First Token Stream Event')).to.be.closeTo(Number(arms[1].attributes.ttft_ms), 1);
    const whole = await bed.ask({ stream: false });
    for (const name of ['proxy_request', 'compare_request']) {
      const { attributes } = await spanOf(name, whole.id);
      expect(attributes, name).to.not.have.property('ttft_ms');
      expect(attributes.total_duration_ms, name).to.be.a('number');
    }
  });

  it('primary_forward says how long its request waited for a connection, where it got one', async () => {
    const { id } = await bed.ask();
    const forward = await spanOf('primary_forward', id);
    const tookMs = Number(forward.endNs - forward.startNs) / 1e6;
    expect(forward.attributes['ccproxy.connection_wait_ms']).to.be.a('number').and.be.within(0, tookMs);
    bed.primary.use('cut-before-headers');
    const failed = await spanOf('primary_forward', (await bed.ask()).id);
    expect(failed.attributes).to.not.have.property('ccproxy.connection_wait_ms');
  });

  for (const [how, scene] of [
    ['an error', 'error-529'],
    ['a broken stream', 'cut-between-events'],
  ] as const) {
    it(`S0-21 total_duration_ms runs to the last byte of ${how} too`, async () => {
      bed.primary.use(scene);
      const { id } = await bed.ask();
      const root = await spanOf('proxy_request', id);
      const lastedMs = Number(root.endNs - root.startNs) / 1e6;
      expect(root.attributes.total_duration_ms).to.be.closeTo(lastedMs, 1);
      expect(root.status).to.equal('error');
      expect(root.attributes['error.type']).to.be.a('string');
    });
  }

  it('S0-21 total_duration_ms runs until the client leaves', async () => {
    bed.primary.use('silence');
    const leaving = new AbortController();
    const answer = await fetch(`${bed.started.gatewayUrl}/v1/messages`, {
      method: 'POST',
      headers: { 'content-type': 'application/json', 'x-api-key': 'k' },
      body: JSON.stringify({ model: 'm', max_tokens: 9, stream: true, messages: [{ role: 'user', content: 'hi' }] }),
      signal: leaving.signal,
    });
    const id = answer.headers.get('x-ccproxy-request-id') ?? '';
    await answer.body?.getReader().read();
    leaving.abort();
    const root = await spanOf('proxy_request', id);
    expect(root.attributes.total_duration_ms).to.be.closeTo(Number(root.endNs - root.startNs) / 1e6, 1);
    expect(root.attributes).to.include({ 'ccproxy.client.aborted': true });
    expect(root.status).to.equal('unset');
  });

  it('S0-22 anthropic_request_id is the one the client saw', async () => {
    const { id, answer } = await bed.ask();
    const seen = header(answer, 'request-id');
    const { attributes } = await spanOf('proxy_request', id);
    expect(attributes).to.include({ anthropic_request_id: seen, 'anthropic.request.id': seen });
    expect(seen).to.match(/^req_/);
  });

  it('S0-23 tokens of the prompt are all that the model read, and the last count of the answer stands', async () => {
    bed.primary.use({ content: [{ type: 'text', text: 'one two three' }], usage: USAGE });
    const { id } = await bed.ask();
    const { attributes } = await spanOf('proxy_request', id);
    expect(attributes).to.include({
      'llm.token_count.prompt': 20,
      'llm.token_count.completion': 20,
      'llm.token_count.total': 40,
      'llm.token_count.prompt_details.cache_read': 7,
      'llm.token_count.prompt_details.cache_write': 3,
    });
  });

  it('S0-19 switched off over the API no call makes a span while metrics go on, and on again all do', async () => {
    const url = `${bed.started.gatewayUrl}/api/tracing`;
    const put = (body: unknown): Promise<Response> => fetch(url, { method: 'PUT', body: JSON.stringify(body) });
    expect((await put({ enabled: 'no' })).status).to.equal(400);
    expect(await (await put({ enabled: false })).json()).to.include({ enabled: false });
    const counted = async (): Promise<number> =>
      (await readMetrics(bed.started.opsUrl))('ccproxy_gateway_requests_total', { route: 'messages' });
    const before = await counted();
    const quiet = await bed.ask();
    await bed.settled(quiet.id);
    expect(await (await fetch(url)).json()).to.include({ enabled: false });
    expect(await (await put({ enabled: true })).json()).to.include({ enabled: true });
    const loud = await bed.ask();
    await spanOf('compare_pair', loud.id);
    const ids = sink.spans().map(({ attributes }) => attributes['ccproxy.request_id']);
    expect(ids).to.not.include(quiet.id);
    expect(await counted()).to.equal(before + 2);
  });
});

describe('the request id of an upstream', () => {
  it('S0-22 is read from request-id, else from x-request-id', async () => {
    const read = async (rawHeaders: string[]): Promise<string | null> =>
      (await observe(recordedAnswer([], { rawHeaders }))).requestId;
    expect(await read(['X-Request-Id', 'b', 'Request-Id', 'a'])).to.equal('a');
    expect(await read(['x-request-id', 'b'])).to.equal('b');
    expect(await read(['apim-request-id', 'c'])).to.equal('c');
    expect(await read([])).to.equal(null);
  });
});

describe('the tracing switch', () => {
  it('S0-19 is the same on every replica, and after a restart', async () => {
    const folder = mkdtempSync(join(tmpdir(), 'cc-proxy-switch-'));
    // The switches of all replicas; how they get from one to another is the adapter's (test/contract/control.contract.ts).
    const control = createFileControl({ folder });
    const tracings: StartedTracing[] = [];
    const start = async (): Promise<TestGateway> => {
      const tracing = createTracing(
        { endpoint: 'http://127.0.0.1:9', project: 'p', serviceName: 's', serviceVersion: '1' },
        { metrics: createMetrics({ processMetrics: false }), logger: recordingLogger([]) },
      );
      tracings.push(tracing);
      return startTestGateway({
        settings: { 'target.url': 'http://127.0.0.1:9' },
        folder,
        parts: { tracing, control },
      });
    };
    const isOn = async (gateway: TestGateway): Promise<unknown> =>
      ((await (await fetch(`${gateway.url}/api/tracing`)).json()) as { enabled: unknown }).enabled;
    const gateways = [await start(), await start()];
    const [one, other] = gateways;
    if (!one || !other) throw new Error('two were started');
    await fetch(`${one.url}/api/tracing`, { method: 'PUT', body: '{"enabled":false}' });
    await until(async () => (await isOn(other)) === false);
    gateways.push(await start());
    expect(await Promise.all(gateways.map(isOn))).to.deep.equal([false, false, false]);
    await Promise.all(gateways.map((gateway) => gateway.stop()));
    await Promise.all(tracings.map((tracing) => tracing.shutdown(1000)));
    await control.close();
    rmSync(folder, { recursive: true, force: true });
  });
});
