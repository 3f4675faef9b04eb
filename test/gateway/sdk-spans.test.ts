// The spans that Anthropic's own SDK makes of a call, beside those the gateway makes of the same call: the same keys with
// the same values, but for the differences written down here.
import Anthropic from '@anthropic-ai/sdk';
import type { Attributes, Span, Tracer, TracerProvider } from '@opentelemetry/api';
import { expect } from 'chai';
import { createSimulator, type Scene, type Simulator } from '#services/simulator/service.ts';
import { createMetrics } from '#shared/telemetry/metrics.ts';
import { createTracing, type StartedTracing } from '#shared/telemetry/spans.ts';
import { recordingLogger, startTestGateway, type TestGateway } from '../support/gateway.ts';
import { type OtlpSink, type SinkSpan, startOtlpSink } from '../support/otlp-sink.ts';

/** Keys of the SDK that ours do not have under `proxy_request`, or with another value, and why. */
const DIFFERENT: Record<string, string> = {
  'gen_ai.provider.name': 'ours is who hosts the model by the settings, not whose protocol is spoken',
  'gen_ai.request.model': 'ours is the name that was sent; what the client asked for is llm.request.model_name',
  'gen_ai.response.time_to_first_chunk': 'each measures on its own clock, from its own start',
  'server.address': 'ours is the upstream’s, on primary_forward',
  'server.port': 'ours is the upstream’s, on primary_forward',
  'url.scheme': 'part of url.full, on primary_forward',
  'url.path': 'part of url.full, on primary_forward',
  'url.full': 'ours is the upstream’s, on primary_forward',
};
// Of statuses: the SDK writes OK, ours stay unset where nothing failed, as the conventions for servers say.

interface SdkSpan {
  name: string;
  attributes: Attributes;
}

/** As much of a tracer provider as the SDK asks for. */
function recordingProvider(ended: SdkSpan[]): TracerProvider {
  const startSpan: Tracer['startSpan'] = (name, options) => {
    const attributes: Attributes = { ...options?.attributes };
    const span: Span = {
      spanContext: () => ({ traceId: '1'.repeat(32), spanId: '2'.repeat(16), traceFlags: 1 }),
      setAttribute: (key, value) => {
        if (value !== undefined) attributes[key] = value;
        return span;
      },
      setAttributes: (more) => {
        Object.assign(attributes, more);
        return span;
      },
      addEvent: () => span,
      addLink: () => span,
      addLinks: () => span,
      setStatus: () => span,
      updateName: () => span,
      end: () => void ended.push({ name, attributes }),
      isRecording: () => true,
      recordException: () => {},
    };
    return span;
  };
  const startActiveSpan = (() => {
    throw new Error('the SDK starts its spans itself');
  }) as Tracer['startActiveSpan'];
  return { getTracer: () => ({ startSpan, startActiveSpan }) };
}

const USAGE = {
  ...{ input_tokens: 10, output_tokens: 20, cache_read_input_tokens: 0, cache_creation_input_tokens: 30 },
  ...{ cache_creation: { ephemeral_5m_input_tokens: 10, ephemeral_1h_input_tokens: 20 }, service_tier: 'standard' },
  output_tokens_details: { thinking_tokens: 5 },
};
const SCENES: Record<string, Scene> = {
  text: { content: [{ type: 'text', text: 'hello' }], usage: USAGE },
  'thinking and a tool call': {
    content: [
      { type: 'thinking', thinking: 'hm' },
      { type: 'tool_use', name: 'Bash', input: { command: 'ls' } },
    ],
    usage: USAGE,
  },
};

describe('spans beside those of Anthropic’s SDK', () => {
  let upstream: Simulator;
  let sink: OtlpSink;
  let tracing: StartedTracing;
  let gateway: TestGateway;
  let client: Anthropic;
  const ended: SdkSpan[] = [];
  before(async () => {
    [upstream, sink] = await Promise.all([
      createSimulator({ listenAddress: '127.0.0.1:0', seed: 1, delayScale: 0 }),
      startOtlpSink(),
    ]);
    tracing = createTracing(
      { endpoint: sink.url, project: 'p', serviceName: 's', serviceVersion: '1', content: false },
      { metrics: createMetrics({ processMetrics: false }), logger: recordingLogger([]) },
    );
    gateway = await startTestGateway({ settings: { 'target.url': upstream.url }, parts: { tracing } });
    client = new Anthropic({
      baseURL: gateway.url,
      apiKey: 'client-key',
      maxRetries: 0,
      openTelemetry: { tracerProvider: recordingProvider(ended), propagation: false },
      defaultHeaders: { 'anthropic-beta': 'context-1m-2025-08-07, interleaved-thinking-2025-05-14' },
    });
  });
  after(async () => {
    await gateway.stop();
    await tracing.shutdown(5000);
    await Promise.all([upstream.stop(), sink.close()]);
  });

  async function compare(call: () => Promise<unknown>): Promise<{ sdk: Attributes; ours: SinkSpan['attributes'] }> {
    const [before, beforeOurs] = [ended.length, roots().length];
    await call();
    await sink.waitFor(() => roots().length > beforeOurs, 10_000);
    expect(ended.length).to.equal(before + 1);
    expect(ended[before]?.name).to.equal('anthropic.messages.create');
    return { sdk: ended[before]?.attributes ?? {}, ours: roots()[beforeOurs]?.attributes ?? {} };
  }

  const roots = (): SinkSpan[] => sink.spans().filter(({ name }) => name === 'proxy_request');

  function expectSame({ sdk, ours }: { sdk: Attributes; ours: SinkSpan['attributes'] }): void {
    const shared = Object.keys(sdk).filter((key) => !Object.hasOwn(DIFFERENT, key));
    expect(shared.length).to.be.above(8);
    for (const key of shared) expect(ours[key], key).to.deep.equal(sdk[key]);
  }

  const REQUEST = {
    model: 'claude-opus-5',
    max_tokens: 2048,
    messages: [{ role: 'user' as const, content: 'hi' }],
    thinking: { type: 'enabled' as const, budget_tokens: 1024 },
    output_config: { effort: 'high' as const },
    service_tier: 'auto' as const,
  };

  for (const [name, scene] of Object.entries(SCENES)) {
    for (const stream of [false, true]) {
      it(`S0-23 say the same of ${name}, ${stream ? 'streamed' : 'not streamed'}`, async () => {
        upstream.use(scene);
        const compared = await compare(() =>
          stream ? client.messages.stream(REQUEST).finalMessage() : client.messages.create(REQUEST),
        );
        expectSame(compared);
        expect(compared.sdk).to.include.keys('gen_ai.usage.input_tokens', 'anthropic.beta', 'anthropic.thinking.type');
      });
    }
  }

  it('say the same of an error of the upstream', async () => {
    upstream.use('error-529');
    const { sdk, ours } = await compare(() => client.messages.create(REQUEST).catch(() => {}));
    expectSame({ sdk, ours });
    expect(sdk['error.type']).to.equal('overloaded_error');
  });

  it('differ only in what is written down', async () => {
    upstream.use(SCENES.text ?? {});
    const { sdk, ours } = await compare(() => client.messages.create(REQUEST));
    const differing = Object.keys(sdk).filter((key) => JSON.stringify(ours[key]) !== JSON.stringify(sdk[key]));
    expect(differing.filter((key) => !Object.hasOwn(DIFFERENT, key))).to.deep.equal([]);
  });
});
