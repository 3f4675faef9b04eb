// The trace of a request: whose it is, who may know of it, and whether it is kept.
import { expect } from 'chai';
import fc from 'fast-check';
import { startTrace, traceHeaders, traceResponseHeaders } from '#services/gateway/start-trace.ts';
import { createSimulator, type Simulator } from '#services/simulator/service.ts';
import { newTraceId } from '#shared/ids.ts';
import { createMetrics } from '#shared/telemetry/metrics.ts';
import { createTracing } from '#shared/telemetry/spans.ts';
import { noTracing } from '#shared/telemetry/tracing.ts';
import { spanSink } from '../support/comparator.ts';
import { startFakeUpstream } from '../support/fake-upstream.ts';
import { recordingLogger, startTestGateway, type TestGateway } from '../support/gateway.ts';
import { type OtlpSink, type SinkSpan, startOtlpSink } from '../support/otlp-sink.ts';
import { header, messagesRequest, send } from '../support/raw-client.ts';
import { testTarget } from '../support/target.ts';

const TRACE = '0af7651916cd43dd8448eb211c80319c';
const SPAN = 'b7ad6b7169203331';
const CLIENT = { traceparent: `00-${TRACE}-${SPAN}-01`, tracestate: 'a=1' };

describe('the trace of a request', () => {
  it('is the client’s where it is continued, and as sampled as the client says', () => {
    const policy = { inbound: 'continue', sample: 1 } as const;
    expect(startTrace(CLIENT, policy, false)).to.deep.include({
      traceId: TRACE,
      parentSpanId: SPAN,
      sampled: true,
      tracestate: 'a=1',
      links: [],
    });
    expect(startTrace({ traceparent: `00-${TRACE}-${SPAN}-00` }, policy, true).sampled).to.equal(false);
  });

  it('is our own with a link to the client’s, or without', () => {
    const linked = startTrace(CLIENT, { inbound: 'link', sample: 1 }, false);
    expect(linked).to.deep.include({ parentSpanId: null, tracestate: '', links: [{ traceId: TRACE, spanId: SPAN }] });
    const ignored = startTrace(CLIENT, { inbound: 'ignore', sample: 1 }, false);
    expect(ignored).to.deep.include({ parentSpanId: null, links: [] });
    expect([linked.traceId, ignored.traceId]).to.not.include(TRACE);
  });

  it('is kept for the share that is asked for, always where it is compared, and never for a share of nothing', () => {
    const kept = (sample: number): number =>
      Array.from({ length: 2000 }, () => startTrace({}, { inbound: 'continue', sample }, false)).filter(
        ({ sampled }) => sampled,
      ).length;
    expect(kept(1)).to.equal(2000);
    expect(kept(0)).to.equal(0);
    expect(kept(0.25)).to.be.within(350, 650);
    expect(kept(0.75)).to.be.within(1350, 1650);
    expect(startTrace({}, { inbound: 'continue', sample: 0 }, true).sampled).to.equal(true);
  });

  it('is told to an upstream only where its settings say so, and to a client that was told by nobody', () => {
    fc.assert(
      fc.property(fc.boolean(), fc.constantFrom('', 'a=1'), (sampled, tracestate) => {
        const trace = {
          ...startTrace({}, { inbound: 'ignore', sample: 1 }, false),
          ...{ traceId: newTraceId(), sampled, tracestate },
        };
        expect(traceHeaders(trace, testTarget())).to.deep.equal([]);
        const flag = sampled ? '01' : '00';
        expect(traceHeaders(trace, testTarget({ propagatesTrace: true }))).to.deep.equal([
          'traceparent',
          `00-${trace.traceId}-${trace.forwardSpanId}-${flag}`,
          ...(tracestate === '' ? [] : ['tracestate', tracestate]),
        ]);
        for (const told of ['x', '']) expect(traceResponseHeaders(trace, ['Traceresponse', told])).to.deep.equal([]);
        expect(traceResponseHeaders(trace, [])).to.deep.equal([
          'traceresponse',
          `00-${trace.traceId}-${trace.spanId}-${flag}`,
        ]);
      }),
    );
  });
});

describe('a gateway that traces', () => {
  let sink: OtlpSink;
  let upstream: Simulator;
  let gateway: TestGateway | undefined;
  before(async () => {
    [sink, upstream] = await Promise.all([
      startOtlpSink(),
      createSimulator({ listenAddress: '127.0.0.1:0', seed: 1, delayScale: 0 }),
    ]);
  });
  afterEach(async () => {
    await gateway?.stop();
    gateway = undefined;
  });
  after(() => Promise.all([sink.close(), upstream.stop()]));

  async function ask(settings: Record<string, unknown>) {
    const tracing = createTracing(
      { endpoint: sink.url, project: 'p', serviceName: 's', serviceVersion: '1', content: false },
      { metrics: createMetrics({ processMetrics: false }), logger: recordingLogger([]) },
    );
    gateway = await startTestGateway({
      settings: { 'target.url': upstream.url, 'target.model': 'm', ...settings },
      parts: { tracing },
    });
    const seen = upstream.seen().length;
    const answer = await send(
      gateway.url,
      messagesRequest({ headers: ['traceparent', CLIENT.traceparent, 'tracestate', 'a=1', 'baggage', 'user=alice'] }),
    );
    const id = header(answer, 'x-ccproxy-request-id');
    const mine = (all: SinkSpan[]): SinkSpan[] => all.filter((span) => span.attributes['ccproxy.request_id'] === id);
    const spans = mine(await sink.waitFor((all) => mine(all).length >= 2));
    await tracing.shutdown(5000);
    const root = spans.find(({ name }) => name === 'proxy_request');
    const forward = spans.find(({ name }) => name === 'primary_forward');
    if (!root || !forward) throw new Error(`spans: ${spans.map(({ name }) => name)}`);
    return { answer, root, forward, sent: upstream.seen()[seen]?.headers ?? {} };
  }

  it('tells the client which span its request was, and the upstream nothing of what the client sent', async () => {
    const { answer, root, sent } = await ask({});
    expect(root).to.include({ traceId: TRACE, parentSpanId: SPAN, tracestate: 'a=1' });
    expect(header(answer, 'traceresponse')).to.equal(`00-${TRACE}-${root.spanId}-01`);
    expect(sent).to.not.have.any.keys('traceparent', 'tracestate', 'baggage');
  });

  it('gives an upstream that may know its own span as parent, and never baggage', async () => {
    const { forward, sent } = await ask({ 'target.propagate_trace_context': 'traceparent' });
    expect(sent.traceparent).to.equal(`00-${TRACE}-${forward.spanId}-01`);
    expect(sent).to.not.have.any.keys('baggage');
  });

  it('links its own trace to the client’s where it does not continue it', async () => {
    const { root } = await ask({ 'tracing.inbound_context': 'link' });
    expect(root.parentSpanId).to.equal(null);
    expect(root.traceId).to.not.equal(TRACE);
    expect(root.links).to.deep.equal([{ traceId: TRACE, spanId: SPAN }]);
  });

  it('tells it on forwarded paths too, where the upstream tells of no trace of its own', async () => {
    const passthrough = await startFakeUpstream();
    const sent = spanSink();
    try {
      gateway = await startTestGateway({
        settings: { default_mode: 'compare', 'passthrough.url': passthrough.url, 'target.url': upstream.url },
        parts: { tracing: { ...sent, describe: () => ({ ...noTracing.describe(), enabled: true }) } },
      });
      const headers = ['traceparent', CLIENT.traceparent, 'content-length', '2'];
      const other = { method: 'POST', path: '/v1/files', headers, body: Buffer.from('{}') };
      passthrough.answer = { headers: { 'content-type': 'application/json' }, body: '{}' };
      const answer = await send(gateway.url, other);
      await gateway.until(() => sent.spans.length === 1);
      expect(sent.spans[0]?.name).to.equal('passthrough_forward');
      expect(header(answer, 'traceresponse')).to.equal(`00-${TRACE}-${sent.spans[0]?.spanId}-01`);

      const theirs = `00-${TRACE}-00000000000000aa-01`;
      passthrough.answer = { headers: { traceresponse: theirs }, body: '{}' };
      expect(header(await send(gateway.url, other), 'traceresponse')).to.equal(theirs);
    } finally {
      await passthrough.stop();
    }
  });
});
