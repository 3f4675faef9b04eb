// Spans over gRPC: they arrive as over HTTP, in messages that every receiver takes, and each that does not is counted.
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { expect } from 'chai';
import fc from 'fast-check';
import { newSpanId, newTraceId } from '#shared/ids.ts';
import { createMetrics, type Metrics } from '#shared/telemetry/metrics.ts';
import { contentBytesFor, parseOtlpEndpoint } from '#shared/telemetry/otlp-endpoint.ts';
import { createTracing, type StartedTracing, type TracingConfig } from '#shared/telemetry/spans.ts';
import type { SpanRecord } from '#shared/telemetry/tracing.ts';
import { type LogLine, recordingLogger, until } from '../../support/gateway.ts';
import { type OtlpGrpcSink, startOtlpGrpcSink } from '../../support/otlp-grpc-sink.ts';
import { withEnvironment } from '../../support/with-environment.ts';

const ODD_THREAD = new URL('../../support/odd-span-thread.ts', import.meta.url).href;
const MESSAGE_BYTES = 4 * 1024 * 1024;

function record(attributes: SpanRecord['attributes'] = {}): SpanRecord {
  return {
    ...{ name: 'proxy_request', kind: 'server', traceId: newTraceId(), spanId: newSpanId(), parentSpanId: null },
    ...{ sampled: true, tracestate: '', startMs: 1_795_000_000_000, endMs: 1_795_000_000_100, attributes },
    ...{ events: [], links: [], status: 'unset' },
  };
}

describe('spans over gRPC', function () {
  this.timeout(30_000);
  const open: Array<() => unknown> = [];
  afterEach(async () => {
    for (const close of open.splice(0).reverse()) await close();
  });

  async function startSink(): Promise<OtlpGrpcSink> {
    const sink = await startOtlpGrpcSink();
    open.push(() => sink.close());
    return sink;
  }

  function start(port: number, more: Partial<TracingConfig> = {}) {
    const metrics = createMetrics({ processMetrics: false });
    const lines: LogLine[] = [];
    const tracing: StartedTracing = createTracing(
      {
        ...{ endpoint: `http://127.0.0.1:${port}`, protocol: 'grpc', project: 'agents' },
        ...{ serviceName: 'cc-gateway', serviceVersion: '1.2.3', ...more },
      },
      { metrics, logger: recordingLogger(lines) },
    );
    open.push(() => tracing.shutdown(100));
    return { tracing, metrics, lines };
  }

  async function results(metrics: Metrics): Promise<Record<string, number>> {
    const { values } = await metrics.telemetrySpansTotal.get();
    return Object.fromEntries(values.map(({ labels, value }) => [String(labels.result), value]));
  }

  it('S0-17 arrive at any receiver with their project, service and headers, and the log names the protocol', async () => {
    const sink = await startSink();
    const { tracing, metrics, lines } = start(sink.port, { headers: { Authorization: 'Bearer key-1' } });
    const root = record({ text: 'ä€😀', ttft_ms: 12.5 });
    const child = { ...record(), name: 'primary_forward', traceId: root.traceId, parentSpanId: root.spanId } as const;
    tracing.emit([root, child]);
    await tracing.flush(20_000);
    const [first, second] = sink.spans();
    expect(first).to.deep.include({ traceId: root.traceId, spanId: root.spanId, attributes: root.attributes });
    expect(second).to.deep.include({ name: 'primary_forward', parentSpanId: root.spanId });
    expect(first?.resource).to.include({ 'service.name': 'cc-gateway', 'openinference.project.name': 'agents' });
    expect(sink.metadata()[0]).to.include({ authorization: 'Bearer key-1' });
    expect(await results(metrics)).to.include({ exported: 2, failed: 0 });
    expect(lines.find(({ event }) => event === 'tracing.started')?.fields).to.include({ protocol: 'grpc' });
    expect(tracing.describe()).to.include({ protocol: 'grpc', endpoint: `http://127.0.0.1:${sink.port}` });
    expect(JSON.stringify(lines)).to.not.include('key-1');
  });

  it('travel in messages below four mebibytes, and all of them arrive', async () => {
    const sink = await startSink();
    const { tracing, metrics } = start(sink.port, { thread: ODD_THREAD });
    const spans = Array.from({ length: 8 }, () => record({ text: 'x'.repeat(1_500_000) }));
    // Made in the thread, as a call's are: the queue knows only about how large they become.
    tracing.emitLater({ maker: 'given', input: spans, transferred: [], spans: spans.length, bytes: 1000 });
    await tracing.flush(20_000);
    expect(await results(metrics)).to.include({ exported: 8, failed: 0, dropped_bytes: 0 });
    expect(new Set(sink.spans().map(({ spanId }) => spanId))).to.deep.equal(new Set(spans.map(({ spanId }) => spanId)));
    expect(Math.max(...sink.sizes())).to.be.below(MESSAGE_BYTES);
    expect(sink.sizes()).to.have.length(4);
  });

  it('of several calls are not lost together: each stays a piece of its own on its way to the thread', async () => {
    const sink = await startSink();
    const { tracing, metrics } = start(sink.port);
    for (let call = 0; call < 16; call++) tracing.emit([record({ text: 'x'.repeat(2_095_000) })]);
    await tracing.flush(20_000);
    expect(await results(metrics)).to.include({ exported: 16, failed: 0, dropped_bytes: 0 });
    expect(Math.max(...sink.sizes())).to.be.below(MESSAGE_BYTES);
  });

  it('one that no message can take is counted as too large, and its neighbours arrive', async () => {
    const sink = await startSink();
    const { tracing, metrics } = start(sink.port);
    tracing.emit([record(), record({ text: 'x'.repeat(5_000_000) }), record()]);
    await tracing.flush(20_000);
    expect(await results(metrics)).to.include({ exported: 2, failed: 0, dropped_bytes: 1 });
    expect(sink.spans()).to.have.length(2);
  });

  it('arrive below the bound however their size is made up', async () => {
    const sink = await startSink();
    const { tracing, metrics } = start(sink.port, { thread: ODD_THREAD });
    const size = fc.integer({ min: 3_000_000, max: 4_400_000 });
    const piece = fc.integer({ min: 1, max: 400_000 });
    const text = fc.constantFrom('x', 'ä', '€', '😀', '\ud800');
    await fc.assert(
      fc.asyncProperty(size, piece, text, async (bytes, length, unit) => {
        const value = unit.repeat(Math.ceil(length / unit.length));
        const each = Buffer.byteLength(value) + 40;
        const entries = Math.min(16_000, Math.ceil(bytes / each));
        const before = await results(metrics);
        const attributes = Object.fromEntries(Array.from({ length: entries }, (_, index) => [`key.${index}`, value]));
        tracing.emit([record(attributes)]);
        await tracing.flush(20_000);
        const after = await results(metrics);
        expect(after.failed).to.equal(before.failed);
        expect((after.exported ?? 0) + (after.dropped_bytes ?? 0)).to.equal(
          (before.exported ?? 0) + (before.dropped_bytes ?? 0) + 1,
        );
      }),
      { numRuns: 20 },
    );
    expect(Math.max(...sink.sizes())).to.be.below(MESSAGE_BYTES);
  });

  it('are counted when the receiver refuses them, and arrive again when it takes them', async () => {
    const sink = await startSink();
    const { tracing, metrics, lines } = start(sink.port);
    sink.mode = 'refuse';
    tracing.emit([record(), record()]);
    await tracing.flush(20_000);
    expect(await results(metrics)).to.include({ exported: 0, failed: 2 });
    expect(lines.find(({ event }) => event === 'tracing.first_export')?.fields).to.include({ result: 'failed' });
    sink.mode = 'ok';
    tracing.emit([record()]);
    await tracing.flush(20_000);
    expect(await results(metrics)).to.include({ exported: 1, failed: 2 });
  });

  it('are counted when nothing listens, and when the receiver is no receiver of gRPC', async () => {
    const server = createServer((_request, response) => response.end('no'));
    await new Promise<void>((resolve) => {
      server.listen(0, '127.0.0.1', resolve);
    });
    open.push(() => server.close());
    for (const port of [9, (server.address() as AddressInfo).port]) {
      const { tracing, metrics } = start(port, { exportTimeoutMs: 2000 });
      tracing.emit([record()]);
      await tracing.flush(20_000);
      expect(await results(metrics)).to.include({ exported: 0, failed: 1 });
    }
  });

  it('are counted when the receiver never answers, at the end of an export and of the process’s patience', async () => {
    const sink = await startSink();
    sink.mode = 'hang';
    const brief = start(sink.port, { exportTimeoutMs: 300 });
    brief.tracing.emit([record()]);
    await brief.tracing.flush(20_000);
    expect(await results(brief.metrics)).to.include({ failed: 1 });
    const patient = start(sink.port, { exportTimeoutMs: 600_000 });
    patient.tracing.emit([record(), record()]);
    await sink.waitForMessages(2);
    await patient.tracing.shutdown(100);
    expect(await results(patient.metrics)).to.include({ exported: 0, failed: 2 });
  });

  it('carry no header that the environment names for another receiver', () =>
    withEnvironment('OTEL_EXPORTER_OTLP_HEADERS', 'x-other-key=secret', async () => {
      const sink = await startSink();
      const { tracing } = start(sink.port, { headers: { authorization: 'Bearer key-1' } });
      tracing.emit([record()]);
      await tracing.flush(20_000);
      expect(sink.metadata()[0]).to.include({ authorization: 'Bearer key-1' }).and.not.have.property('x-other-key');
    }));

  it('names a header that gRPC cannot carry, never its value', async () => {
    const sink = await startSink();
    const { tracing, metrics, lines } = start(sink.port, { headers: { 'x-key': 'sécret€' } });
    tracing.emit([record()]);
    await tracing.started;
    await until(async () => (await results(metrics)).failed === 1);
    const failed = lines.find(({ event }) => event === 'tracing.start_failed');
    expect(String(failed?.fields.error)).to.include('x-key');
    expect(JSON.stringify(lines) + String(failed?.fields.error)).to.not.include('sécret');
  });

  it('are chosen by the port, or by name whatever the port', () => {
    const protocolOf = (...args: Parameters<typeof parseOtlpEndpoint>) => parseOtlpEndpoint(...args).protocol;
    expect(protocolOf('http://h.test:4317')).to.equal('grpc');
    expect(protocolOf('https://h.test:4317/v1/traces')).to.equal('grpc');
    expect(protocolOf('http://h.test:4318')).to.equal('http/protobuf');
    expect(protocolOf('http://h.test:4317', 'http/protobuf')).to.equal('http/protobuf');
    expect(parseOtlpEndpoint('http://h.test', 'grpc')).to.include({ url: 'http://h.test:4317', base: null });
    expect(parseOtlpEndpoint('https://h.test/x', 'grpc')).to.include({ url: 'https://h.test:443', isLoopback: false });
    expect(parseOtlpEndpoint('http://[::1]:4317')).to.include({ url: 'http://[::1]:4317', isLoopback: true });
  });

  it('carry less content where the settings ask for more than a message takes', () => {
    const settings = { endpoint: 'http://h.test:4317', protocol: 'auto', max_content_bytes: 8_000_000 } as const;
    expect(contentBytesFor(settings)).to.be.below(MESSAGE_BYTES);
    expect(contentBytesFor({ ...settings, protocol: 'http/protobuf' })).to.equal(8_000_000);
    expect(contentBytesFor({ ...settings, endpoint: null })).to.equal(8_000_000);
    expect(contentBytesFor({ ...settings, max_content_bytes: 1000 })).to.equal(1000);
  });
});
