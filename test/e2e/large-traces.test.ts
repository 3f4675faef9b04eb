// A conversation larger than a span may be: what a trace store gets of it, and what is said about the rest.
import { expect } from 'chai';
import { type CompareBed, startCompareBed } from '../support/compare-bed.ts';
import { until } from '../support/gateway.ts';
import { type OtlpSink, type SinkSpan, startOtlpSink } from '../support/otlp-sink.ts';
import { type ReadMetric, readMetrics } from '../support/read-metrics.ts';

const MESSAGES = 120;
const TOOLS = 30;
const MAX_BYTES = 750_000;
const SESSION = '3f1c9a52-7d0e-4b8a-9e61-2a4c8f7b1d03';
const USAGE = { input_tokens: 123, output_tokens: 45, cache_read_input_tokens: 6, cache_creation_input_tokens: 7 };

const body = {
  system: 'You are a coding agent.',
  tools: Array.from({ length: TOOLS }, (_, index) => ({
    name: `Tool${index}`,
    description: 'x'.repeat(500),
    input_schema: { type: 'object', properties: { path: { type: 'string' } } },
  })),
  messages: Array.from({ length: MESSAGES }, (_, index) => ({
    role: index % 2 === 0 ? 'user' : 'assistant',
    content: [{ type: 'text', text: `message ${index} ${'y'.repeat(12_000)}` }],
  })),
};

function bytesOf({ attributes }: SinkSpan): number {
  return Object.entries(attributes).reduce((sum, [key, value]) => sum + key.length + String(value).length, 0);
}

const isContent = (key: string): boolean =>
  /^(?:input|output)\.value$|^llm\.(?:input_messages|output_messages|tools)\./.test(key);

describe('large traces', function () {
  this.timeout(60_000);
  let sink: OtlpSink;
  let bed: CompareBed | undefined;
  const start = async (settings: Record<string, unknown>): Promise<CompareBed> => {
    bed = await startCompareBed({ default_mode: 'target', 'tracing.endpoint': sink.url, ...settings });
    bed.secondary.use({ content: [{ type: 'text', text: 'done' }], usage: USAGE });
    return bed;
  };
  beforeEach(async () => {
    sink = await startOtlpSink();
  });
  afterEach(async () => {
    await bed?.stop();
    bed = undefined;
    await sink.close();
  });

  it('C-29 keep their ids and numbers first, the newest messages within the budget, and say what is cut', async () => {
    const { ask } = await start({});
    const { id } = await ask({ session: SESSION, body });
    const spans = await sink.waitFor(
      (all) => all.filter((span) => span.attributes['ccproxy.request_id'] === id).length >= 2,
    );
    const llm = spans.find(({ name }) => name === 'proxy_request');
    if (!llm) throw new Error('there is no span of the call');
    expect(llm.droppedAttributes).to.equal(0);
    expect(llm.attributes).to.include({
      ...{ 'ccproxy.request_id': id, 'session.id': SESSION, 'ccproxy.content.truncated': true },
      ...{ 'llm.token_count.completion': USAGE.output_tokens },
    });
    expect(llm.attributes['llm.token_count.prompt']).to.be.a('number');
    const firstContent = llm.attributeKeys.findIndex(isContent);
    expect(firstContent).to.be.greaterThan(10);
    expect(
      llm.attributeKeys.slice(firstContent).filter((key) => /\.id$|token_count|request_id/.test(key)),
    ).to.deep.equal([]);
    expect(bytesOf(llm))
      .to.be.lessThan(MAX_BYTES + 20_000)
      .and.greaterThan(MAX_BYTES / 2);
    const texts = Object.values(llm.attributes).map(String);
    expect(texts.some((text) => text.startsWith(`message ${MESSAGES - 1} `))).to.equal(true);
    expect(texts.some((text) => text.startsWith('message 0 '))).to.equal(false);
  });

  it('are counted where the queue has no room for them, and the client has its answer', async () => {
    await sink.mode('hang');
    const { ask, started } = await start({ 'tracing.queue_max_bytes': 100_000 });
    for (let count = 0; count < 3; count++) {
      const { answer } = await ask({ body });
      expect([answer.status, answer.end]).to.deep.equal([200, 'complete']);
    }
    const lost = async (): Promise<number> => {
      const metric: ReadMetric = await readMetrics(started.opsUrl);
      return metric('ccproxy_telemetry_spans_total', { result: 'dropped_bytes' });
    };
    await until(async () => (await lost()) === 6);
  });
});
