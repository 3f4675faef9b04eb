// What leaves the process: spans with the ids, times and relations they were given, and a count for each that did not leave.
import { once } from 'node:events';
import { createServer as createHttpServer } from 'node:http';
import { type AddressInfo, createServer, type Socket } from 'node:net';
import { Writable } from 'node:stream';
import { expect } from 'chai';
import { ConfigError } from '#shared/errors.ts';
import { ownCopy } from '#shared/free.ts';
import { newSpanId, newTraceId } from '#shared/ids.ts';
import { createLogger } from '#shared/telemetry/logger.ts';
import { createMetrics, type Metrics } from '#shared/telemetry/metrics.ts';
import { createSpanWriter } from '#shared/telemetry/span-writer.ts';
import { createTracing, type StartedTracing, type TracingConfig } from '#shared/telemetry/spans.ts';
import { startThreadedExporter, type ThreadedExporter } from '#shared/telemetry/threaded-exporter.ts';
import type { SpanRecord } from '#shared/telemetry/tracing.ts';
import { until } from '../../support/gateway.ts';
import { holdTimers } from '../../support/held-timers.ts';
import { type OtlpSink, startOtlpSink } from '../../support/otlp-sink.ts';
import { attemptInTime, cpuMs, PATIENCE_MS, runningMs } from '../../support/patience.ts';
import { withEnvironment } from '../../support/with-environment.ts';

function record(more: Partial<SpanRecord> = {}): SpanRecord {
  return {
    name: 'proxy_request',
    kind: 'server',
    traceId: newTraceId(),
    spanId: newSpanId(),
    parentSpanId: null,
    sampled: true,
    tracestate: '',
    startMs: 1_795_000_000_000,
    endMs: 1_795_000_000_100,
    attributes: {},
    events: [],
    links: [],
    status: 'unset',
    ...more,
  };
}

interface Harness {
  tracing: StartedTracing;
  metrics: Metrics;
  log(): string;
}

const ODD_THREAD = new URL('../../support/odd-span-thread.ts', import.meta.url).href;

const open: Array<() => Promise<void>> = [];

function start(more: Partial<TracingConfig>): Harness {
  const lines: string[] = [];
  const stream = new Writable({
    write: (chunk, _encoding, done) => {
      lines.push(String(chunk));
      done();
    },
  });
  const metrics = createMetrics({ processMetrics: false });
  const tracing = createTracing(
    { endpoint: null, project: 'tests', serviceName: 'cc-proxy', serviceVersion: '1.2.3', ...more },
    { metrics, logger: createLogger({ service: 'cc-proxy', level: 'debug', pretty: false, stream }) },
  );
  open.push(() => tracing.shutdown(100));
  return { tracing, metrics, log: () => lines.join('') };
}

async function startSink(): Promise<OtlpSink> {
  const sink = await startOtlpSink();
  open.push(() => sink.close());
  return sink;
}

async function results(metrics: Metrics): Promise<Record<string, number>> {
  const { values } = await metrics.telemetrySpansTotal.get();
  return Object.fromEntries(values.map(({ labels, value }) => [String(labels.result), value]));
}

function sum(counts: Record<string, number>): number {
  return Object.values(counts).reduce((total, value) => total + value, 0);
}

describe('tracing', () => {
  afterEach(async () => {
    for (const close of open.splice(0).reverse()) await close();
  });

  it('exports spans that its thread makes, and counts what it could not make', async () => {
    const sink = await startSink();
    const { tracing, metrics } = start({ endpoint: sink.url, thread: ODD_THREAD });
    const later = (maker: string, input: unknown, spans: number) =>
      tracing.emitLater({ maker, input, transferred: [], spans, bytes: 100 });
    const [made, broken] = [record({ attributes: { text: 'made later' } }), record({ spanId: 'no id' })];
    later('given', [made, broken], 2);
    later('throws', null, 2);
    later('unheard of', null, 1);
    later('given', 'no list of spans'.length, 1);
    tracing.emit([record()]);
    await tracing.flush(PATIENCE_MS);
    expect(sink.spans().map(({ attributes }) => attributes)).to.deep.equal([{ text: 'made later' }, {}]);
    expect(await results(metrics)).to.include({ exported: 2, failed: 5 });
  });

  it('counts what a lost thread was sending, and exports on in another', async () => {
    const sink = await startSink();
    const { tracing, metrics } = start({ endpoint: sink.url, thread: ODD_THREAD });
    await tracing.started;
    tracing.emitLater({ maker: 'exits', input: null, transferred: [], spans: 2, bytes: 100 });
    await tracing.flush(PATIENCE_MS);
    expect(await results(metrics)).to.include({ failed: 2 });
    tracing.emit([record()]);
    await tracing.flush(PATIENCE_MS);
    expect(await results(metrics)).to.include({ exported: 1, failed: 2 });
    expect(sink.spans()).to.have.length(1);
  });

  it('says of all work when nobody reads it any more, whatever became of it', async () => {
    const sink = await startSink();
    const { tracing } = start({ endpoint: sink.url, thread: ODD_THREAD, queueMaxBytes: 1000 });
    const released: string[] = [];
    const later = (name: string, maker: string, bytes: number): void => {
      const release = (): void => void released.push(name);
      tracing.emitLater({ maker, input: [record()], transferred: [], spans: 1, bytes, release });
    };
    later('made', 'given', 10);
    later('broken', 'throws', 10);
    expect(released).to.deep.equal([]);
    later('refused', 'given', 2000);
    expect(released).to.deep.equal(['refused']);
    await tracing.flush(PATIENCE_MS);
    later('lost', 'exits', 10);
    await tracing.flush(PATIENCE_MS);
    tracing.setEnabled(false);
    later('switched off', 'given', 10);
    expect(released).to.deep.equal(['refused', 'made', 'broken', 'lost', 'switched off']);
  });

  it('gives back what work reads where the exporter never started', async () => {
    const { tracing } = start({ endpoint: 'http://127.0.0.1:9', instrumentations: ['no such'] });
    await tracing.started;
    tracing.setEnabled(true);
    let released = 0;
    const release = (): void => void released++;
    tracing.emitLater({ maker: 'given', input: [], transferred: [], spans: 1, bytes: 10, release });
    await tracing.flush(PATIENCE_MS);
    expect(released).to.equal(1);
  });

  it('gives back at its end what work reads that was not sent', async () => {
    const sink = await startSink();
    await sink.mode('hang');
    const { tracing, metrics } = start({ endpoint: sink.url, thread: ODD_THREAD });
    await tracing.started;
    const released = new Set<number>();
    // Each is a batch, and one more than are under way at once.
    for (let batch = 1; batch <= 5; batch++) {
      const release = (): void => void released.add(batch);
      tracing.emitLater({ maker: 'given', input: [record()], transferred: [], spans: 2048, bytes: 10, release });
    }
    await tracing.shutdown(200);
    expect([...released]).to.include(5);
    expect(await results(metrics)).to.include({ failed: 5 * 2048 });
  });

  it('sends two full batches without text at once, so that one whose export stalls does not stop the other', async () => {
    const sink = await startSink();
    await sink.mode('hang');
    const { tracing } = start({ endpoint: sink.url, thread: ODD_THREAD });
    await tracing.started;
    for (let batch = 0; batch < 3; batch++) {
      tracing.emitLater({ maker: 'given', input: [record()], transferred: [], spans: 2048, bytes: 2048 * 1420 });
    }
    await until(() => sink.requests().length === 2);
    await tracing.shutdown(50);
    expect(sink.requests()).to.have.length(2);
  });

  it('puts on the wire exactly the ids, times, kinds, parents, links and events it was given', async () => {
    const sink = await startSink();
    const { tracing } = start({ endpoint: sink.url });
    const root = record({
      startMs: 1_795_000_000_000.25,
      endMs: 1_795_000_000_012.5,
      tracestate: 'vendor=1',
      attributes: { ttft_ms: 12.5, n: 3, ok: true, list: ['a', 'b'], gone: undefined, none: null, text: 'ä€😀' },
      events: [{ name: 'first_byte', atMs: 1_795_000_000_003, attributes: { bytes: 7 } }],
    });
    const child = record({
      name: 'compare_request',
      kind: 'client',
      traceId: root.traceId,
      parentSpanId: root.spanId,
      tracestate: 'vendor=1',
      links: [{ traceId: root.traceId, spanId: root.spanId }],
      status: 'error',
      statusMessage: 'upstream closed',
    });
    const pair = record({ name: 'compare_pair', kind: 'internal', traceId: root.traceId, parentSpanId: root.spanId });
    tracing.emit([root, child, pair]);
    await tracing.flush(PATIENCE_MS);

    const spans = sink.spans();
    expect(spans.map(({ name, kind }) => [name, kind])).to.deep.equal([
      ['proxy_request', 'server'],
      ['compare_request', 'client'],
      ['compare_pair', 'internal'],
    ]);
    const [first, second, third] = spans;
    expect(first).to.deep.include({
      traceId: root.traceId,
      spanId: root.spanId,
      parentSpanId: null,
      tracestate: 'vendor=1',
      startNs: 1_795_000_000_000_250_000n,
      endNs: 1_795_000_000_012_500_000n,
      attributes: { ttft_ms: 12.5, n: 3, ok: true, list: ['a', 'b'], text: 'ä€😀' },
      attributeKeys: ['ttft_ms', 'n', 'ok', 'list', 'text'],
      status: 'unset',
      events: [{ name: 'first_byte', atNs: 1_795_000_000_003_000_000n, attributes: { bytes: 7 } }],
      links: [],
    });
    expect(second).to.deep.include({
      traceId: root.traceId,
      spanId: child.spanId,
      parentSpanId: root.spanId,
      tracestate: 'vendor=1',
      links: [{ traceId: root.traceId, spanId: root.spanId }],
      status: 'error',
      statusMessage: 'upstream closed',
    });
    expect(third).to.include({ traceId: root.traceId, spanId: pair.spanId, parentSpanId: root.spanId });
  });

  it('names project, service, version and instance in the resource and none of the command line', async () => {
    const sink = await startSink();
    const { tracing } = start({ endpoint: sink.url, headers: { authorization: 'Bearer phoenix-key' } });
    tracing.emit([record()]);
    const [span] = await sink.waitFor((spans) => spans.length === 1);
    expect(span?.resource).to.include({
      'openinference.project.name': 'tests',
      'service.name': 'cc-proxy',
      'service.version': '1.2.3',
      'service.namespace': 'cc-proxy',
    });
    expect(span?.resource['service.instance.id']).to.be.a('string').with.length(36);
    expect(Object.keys(span?.resource ?? {}).filter((key) => key.startsWith('process.'))).to.deep.equal([]);
    expect(sink.requests()[0]?.path).to.equal('/v1/traces');
    expect(sink.requests()[0]?.headers.authorization).to.equal('Bearer phoenix-key');
  });

  it('sends no header that the environment names for another receiver', () =>
    withEnvironment('OTEL_EXPORTER_OTLP_HEADERS', 'x-other-key=secret', async () => {
      const sink = await startSink();
      const { tracing } = start({ endpoint: sink.url });
      tracing.emit([record()]);
      await sink.waitFor((spans) => spans.length === 1);
      expect(sink.requests()[0]?.headers).to.not.have.property('x-other-key');
      expect(sink.requests()[0]?.headers).to.include({ 'content-type': 'application/x-protobuf' });
    }));

  it('loses no attribute of a conversation with thousands of keys', async () => {
    const sink = await startSink();
    const { tracing } = start({ endpoint: sink.url });
    const attributes = Object.fromEntries(Array.from({ length: 5000 }, (_, index) => [`k.${index}`, index]));
    tracing.emit([record({ attributes })]);
    const [span] = await sink.waitFor((spans) => spans.length === 1);
    expect(span?.droppedAttributes).to.equal(0);
    expect(span?.attributeKeys).to.deep.equal(Object.keys(attributes));
  });

  it('sends no credential that an error message quoted', async () => {
    const sink = await startSink();
    const { tracing } = start({ endpoint: sink.url, headers: { authorization: 'Bearer phoenix-key-1234' } });
    const statusMessage = 'refused: Bearer abcdefgh12345678 and sk-ant-api03-abcdefghijkl';
    tracing.emit([record({ status: 'error', statusMessage })]);
    const [span] = await sink.waitFor((spans) => spans.length === 1);
    expect(span?.statusMessage).to.match(/^refused: Bearer \[redacted\] and/);
    expect(sink.raw().toString('latin1')).to.not.match(/abcdefgh|phoenix-key/);
  });

  it('sends nothing but traces', async () => {
    const sink = await startSink();
    const { tracing } = start({ endpoint: sink.url });
    tracing.emit([record()]);
    await tracing.shutdown(PATIENCE_MS);
    expect(new Set(sink.requests().map(({ path }) => path))).to.deep.equal(new Set(['/v1/traces']));
  });

  it('exports in batches of at most 2048', async () => {
    const sink = await startSink();
    const { tracing, metrics } = start({ endpoint: sink.url });
    tracing.emit(Array.from({ length: 5000 }, () => record()));
    await tracing.flush(PATIENCE_MS);
    expect(sink.spans()).to.have.length(5000);
    expect(Math.max(...sink.batches())).to.equal(2048);
    expect(await results(metrics)).to.include({ exported: 5000, failed: 0 });
  });

  it('sends messages below 1 MiB over HTTP, and alone what is larger, wherever it was made', async () => {
    const sink = await startSink();
    const { tracing, metrics } = start({ endpoint: sink.url, thread: ODD_THREAD });
    const lengths = [400_000, 400_000, 400_000, 5_000_000, ...new Array(50).fill(60_000)];
    const spans = lengths.map((length) => record({ attributes: { text: 'x'.repeat(length) } }));
    tracing.emitLater({ maker: 'given', input: spans, transferred: [], spans: spans.length, bytes: 1000 });
    for (const span of spans) tracing.emit([{ ...span, spanId: newSpanId() }]);
    await tracing.flush(PATIENCE_MS);
    expect(await results(metrics)).to.include({ exported: 108, failed: 0, dropped_bytes: 0 });
    const sizes = sink.requests().map(({ bytes }) => bytes);
    expect(sizes.filter((size) => size > 1024 * 1024)).to.have.length(2);
    expect(sizes.length).to.be.below(20);
  });

  it('sends as many messages at once as it takes', async () => {
    const sink = await startSink();
    const { tracing, metrics } = start({ endpoint: sink.url, thread: ODD_THREAD });
    const spans = Array.from({ length: 40 }, () => record({ attributes: { text: 'x'.repeat(1_100_000) } }));
    tracing.emitLater({ maker: 'given', input: spans, transferred: [], spans: 40, bytes: 1000 });
    await tracing.flush(PATIENCE_MS);
    expect(await results(metrics)).to.include({ exported: 40, failed: 0 });
  });

  it('sends soon enough where the queue holds less than a batch', async () => {
    const sink = await startSink();
    const { tracing, metrics } = start({ endpoint: sink.url, queueMaxBytes: 200_000 });
    await tracing.started;
    // What waits for a batch to fill waits for ever.
    const timers = holdTimers(1000);
    try {
      for (let sent = 0; sent < 12; sent++) {
        tracing.emit([record({ attributes: { text: 'x'.repeat(55_000) } })]);
        await sink.waitForRequests(sent + 1);
      }
    } finally {
      timers.release();
    }
    await tracing.flush(PATIENCE_MS);
    expect(await results(metrics)).to.include({ exported: 12, dropped_bytes: 0 });
  });

  /** Answers as soon as something has come, and reads on only when it is told to. */
  async function startHastyReceiver() {
    const received: Buffer[][] = [];
    const sockets: Socket[] = [];
    const server = createServer((socket) => {
      const parts: Buffer[] = [];
      received.push(parts);
      sockets.push(socket);
      socket.on('error', () => {});
      socket.on('data', (part) => {
        parts.push(part);
        if (parts.length > 1) return;
        socket.write('HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n');
        socket.pause();
      });
    }).listen(0, '127.0.0.1');
    await once(server, 'listening');
    open.push(async () => {
      for (const socket of sockets) socket.destroy();
      server.close();
    });
    const { port } = server.address() as AddressInfo;
    return { url: `http://127.0.0.1:${port}`, received, readOn: () => sockets.map((socket) => socket.resume()) };
  }

  it('writes no message over another of which the receiver has not read all, though it has answered', async () => {
    const receiver = await startHastyReceiver();
    const { tracing, metrics } = start({ endpoint: receiver.url });
    for (const letter of ['a', 'b']) {
      tracing.emit([record({ attributes: { text: letter.repeat(7_500_000) } })]);
      await tracing.flush(PATIENCE_MS);
    }
    expect(await results(metrics)).to.include({ exported: 2, failed: 0 });
    receiver.readOn();
    const LETTERS = 7_500_000;
    /** Names and keys have a few of them too. */
    const FEW = 10_000;
    const count = (connection: number, letter: string): number =>
      (receiver.received[connection] ?? []).reduce(
        (sum, part) => sum + part.length - part.toString('latin1').replaceAll(letter, '').length,
        0,
      );
    const all = () => count(0, 'a') + count(0, 'b') + count(1, 'a') + count(1, 'b');
    await until(() => all() >= 2 * LETTERS, PATIENCE_MS, 200);
    expect([count(0, 'b') < FEW, count(1, 'a') < FEW]).to.deep.equal([true, true]);
  });

  it('counts the spans of a page that did not arrive, and those that did', async () => {
    const LARGE = 100_000;
    const server = createHttpServer(async (request, response) => {
      let bytes = 0;
      for await (const chunk of request) bytes += (chunk as Buffer).length;
      response.writeHead(bytes > LARGE ? 200 : 400).end();
    }).listen(0, '127.0.0.1');
    await once(server, 'listening');
    open.push(async () => void server.close());
    const { port } = server.address() as AddressInfo;
    const { tracing, metrics } = start({ endpoint: `http://127.0.0.1:${port}` });
    const megabyte = record({ attributes: { text: 'x'.repeat(1024 * 1024) } });
    tracing.emit([record(), record(), record(), megabyte]);
    await tracing.flush(PATIENCE_MS);
    expect(await results(metrics)).to.include({ failed: 3, exported: 1 });
  });

  function startExporter(sink: OtlpSink, exportTimeoutMs: number): Promise<ThreadedExporter> {
    return startThreadedExporter(
      import.meta.resolve('#shared/telemetry/span-thread.ts'),
      {
        ...{ protocol: 'http/protobuf', url: `${sink.url}/v1/traces`, headers: {}, exportTimeoutMs },
        ...{ serviceName: 'cc-proxy', scopeVersion: '1.2.3', resource: {} },
      },
      null,
    );
  }

  it('keeps no bytes of spans that have gone to the thread', async () => {
    const sink = await startSink();
    const exporter = await startExporter(sink, 5000);
    open.push(() => exporter.shutdown(1000));
    const written = createSpanWriter().write([record()]);
    const given = ownCopy(written);
    const lent = Buffer.from(new SharedArrayBuffer(given.length));
    written.copy(lent);
    const released: string[] = [];
    const batch = [
      { bytes: given, spans: 1, transferred: [given.buffer], release: () => void released.push('given') },
      { bytes: lent, spans: 1, transferred: [], release: () => void released.push('lent') },
    ];
    expect(await exporter.export(batch)).to.deep.equal({ failed: 0, dropped_bytes: 0 });
    expect(released).to.deep.equal(['given', 'lent']);
    expect(sink.spans()).to.have.length(2);
    expect([given.length, lent.equals(written)]).to.deep.equal([0, true]);
  });

  it('lends bytes of spans to the thread until it has answered', async () => {
    const sink = await startSink();
    await sink.mode('hang');
    const exporter = await startExporter(sink, 1500);
    open.push(() => exporter.shutdown(1000));
    const bytes = createSpanWriter().write([record()]);
    let released = 0;
    const exporting = exporter.export([{ bytes, spans: 1, transferred: [], release: () => void released++ }]);
    await sink.waitForRequests(1);
    expect(released).to.equal(0);
    await exporting.catch(() => {});
    expect(released).to.equal(1);
  });

  it('counts spans of unsampled traces and does not send them', async () => {
    const sink = await startSink();
    const { tracing, metrics } = start({ endpoint: sink.url });
    tracing.emit([record({ sampled: false }), record(), record({ sampled: false })]);
    await tracing.flush(PATIENCE_MS);
    expect(sink.spans()).to.have.length(1);
    expect(await results(metrics)).to.include({ unsampled: 2, exported: 1 });
  });

  it('counts a span with impossible ids or times as failed and still sends its neighbours', async () => {
    const sink = await startSink();
    const { tracing, metrics } = start({ endpoint: sink.url });
    tracing.emit([record({ traceId: 'nonsense' }), record({ startMs: Number.NaN }), record({ endMs: 2e13 }), record()]);
    await tracing.flush(PATIENCE_MS);
    expect(sink.spans()).to.have.length(1);
    expect(await results(metrics)).to.include({ failed: 3, exported: 1 });
  });

  it('never throws over a span that cannot be written, and counts it as failed', async () => {
    const sink = await startSink();
    const { tracing, metrics } = start({ endpoint: sink.url });
    tracing.emit([record(), record({ attributes: { text: {} as unknown as string } }), record()]);
    await tracing.flush(PATIENCE_MS);
    expect(sink.spans()).to.have.length(2);
    expect(await results(metrics)).to.include({ failed: 1, exported: 2 });
  });

  for (const mode of ['refuse', 'hang', 503, 415] as const) {
    it(`counts every span as exported or lost when the receiver answers with ${mode}, and recovers`, async () => {
      await attemptInTime(100, async () => {
        const sink = await startSink();
        const { tracing, metrics, log } = start({ endpoint: sink.url, exportTimeoutMs: 1000 });
        await sink.mode(mode);
        tracing.emit(Array.from({ length: 20 }, () => record()));
        await tracing.flush(PATIENCE_MS);
        expect(await results(metrics)).to.include({ exported: 0, failed: 20 });
        await sink.mode('ok');
        const next = Array.from({ length: 5 }, () => record());
        tracing.emit(next);
        await tracing.flush(PATIENCE_MS);
        const counts = await results(metrics);
        expect(counts).to.include({ exported: 5, failed: 20 });
        expect(sum(counts)).to.equal(25);
        // What was given up may arrive all the same where the machine is slow.
        const arrived = sink.spans().filter(({ spanId }) => next.some((span) => span.spanId === spanId));
        expect(arrived).to.have.length(5);
        expect(log().match(/tracing\.first_export/g)).to.have.length(1);
        expect(log()).to.include('"result":"failed"');
      });
    });
  }

  it('neither blocks nor grows past its bounds when the receiver hangs', async () => {
    const sink = await startSink();
    await sink.mode('hang');
    const queueMaxBytes = 1_000_000;
    const { tracing, metrics } = start({ endpoint: sink.url, exportTimeoutMs: 1000, queueMaxBytes });
    const text = 'x'.repeat(100_000);
    const emitAll = (): void => {
      for (let sent = 0; sent < 1000; sent += 1) tracing.emit([record({ attributes: { text } })]);
    };
    expect(cpuMs(emitAll)).to.be.below(1000);
    const size = (await metrics.telemetryQueueBytes.get()).values[0]?.value ?? 0;
    expect(size).to.be.above(text.length).and.at.most(queueMaxBytes);
    await tracing.shutdown(200);
    const counts = await results(metrics);
    expect(counts.dropped_bytes).to.be.above(900);
    expect(sum(counts)).to.equal(1000);
    expect((await metrics.telemetryQueueBytes.get()).values[0]?.value).to.equal(0);
  });

  it('holds at most 16384 spans', async () => {
    const sink = await startSink();
    await sink.mode('hang');
    const { tracing, metrics } = start({ endpoint: sink.url, exportTimeoutMs: 300 });
    tracing.emit(Array.from({ length: 16_444 }, () => record()));
    expect(await results(metrics)).to.include({ dropped_queue: 60 });
    expect((await metrics.telemetryQueueSpans.get()).values[0]?.value).to.equal(16_384);
    await tracing.shutdown(50);
    expect(await results(metrics)).to.include({ dropped_queue: 60, failed: 16_384 });
  });

  it('ends flush and shutdown within their time when the receiver hangs', async () => {
    const sink = await startSink();
    await sink.mode('hang');
    const { tracing } = start({ endpoint: sink.url, exportTimeoutMs: 60_000 });
    await tracing.started;
    tracing.emit([record()]);
    expect(await runningMs(() => tracing.flush(100))).to.be.below(1000);
    expect(await runningMs(() => tracing.shutdown(100))).to.be.below(1000);
    expect(await runningMs(() => tracing.shutdown(100))).to.be.below(1000);
  });

  it('ends shutdown within its time when the thread does not start', async () => {
    const sink = await startSink();
    const { tracing } = start({ endpoint: sink.url, thread: 'data:text/javascript,setTimeout(() => {}, 3000)' });
    expect(await runningMs(() => tracing.shutdown(100))).to.be.below(1000);
  });

  it('counts what arrives after shutdown as dropped', async () => {
    const sink = await startSink();
    const { tracing, metrics } = start({ endpoint: sink.url });
    await tracing.shutdown(1000);
    tracing.emit([record()]);
    expect(await results(metrics)).to.include({ dropped_queue: 1 });
  });

  it('makes no spans while switched off at run time', async () => {
    const sink = await startSink();
    const { tracing, metrics } = start({ endpoint: sink.url });
    tracing.setEnabled(false);
    expect(tracing.enabled).to.equal(false);
    tracing.emit([record()]);
    tracing.setEnabled(true);
    const kept = record();
    tracing.emit([kept]);
    await tracing.flush(PATIENCE_MS);
    expect(sink.spans().map(({ spanId }) => spanId)).to.deep.equal([kept.spanId]);
    expect(sum(await results(metrics))).to.equal(1);
  });

  it('S0-18 says once where traces go, without credentials', async () => {
    const sink = await startSink();
    const endpoint = `${sink.url.replace('//', '//user:pass-word@')}?api_key=top-secret`;
    const { tracing, log } = start({ endpoint, headers: { 'x-api-key': 'phoenix-key' } });
    await tracing.started;
    expect(log()).to.include('"event":"tracing.started"').and.include('OpenTelemetry OTLP tracing initialized');
    expect(log()).to.include(`"endpoint":"${sink.url}/v1/traces"`).and.include('"protocol":"http/protobuf"');
    expect(log()).to.include('"project":"tests"');
    expect(log()).to.not.match(/pass-word|top-secret|phoenix-key/);
    expect(JSON.stringify(tracing.describe())).to.not.match(/pass-word|top-secret/);
  });

  it('S0-18 says once, after the first export, whether spans arrive', async () => {
    const sink = await startSink();
    const { tracing, log } = start({ endpoint: sink.url });
    for (const _ of [1, 2]) {
      tracing.emit([record()]);
      await tracing.flush(PATIENCE_MS);
    }
    expect(log().match(/"event":"tracing\.first_export"/g)).to.have.length(1);
    expect(log()).to.include('"result":"exported"');
  });

  it('lets two tracings in one process keep their spans apart', async () => {
    const [left, right] = [await startSink(), await startSink()];
    const one = start({ endpoint: left.url });
    const two = start({ endpoint: right.url });
    await Promise.all([one.tracing.started, two.tracing.started]);
    const [a, b] = [record(), record()];
    one.tracing.emit([a]);
    two.tracing.emit([b]);
    await Promise.all([one.tracing.flush(PATIENCE_MS), two.tracing.flush(PATIENCE_MS)]);
    expect(left.spans().map(({ spanId }) => spanId)).to.deep.equal([a.spanId]);
    expect(right.spans().map(({ spanId }) => spanId)).to.deep.equal([b.spanId]);
  });

  it('is off without an endpoint', async () => {
    const { tracing, metrics, log } = start({ endpoint: null });
    await tracing.started;
    tracing.emit([record()]);
    tracing.setEnabled(true);
    expect(tracing.enabled).to.equal(false);
    expect(tracing.describe()).to.deep.equal({ enabled: false, endpoint: null, protocol: null, project: 'tests' });
    expect(sum(await results(metrics))).to.equal(0);
    expect(log()).to.equal('');
  });

  it('puts content on spans by default only for a receiver on this machine', () => {
    expect(start({ endpoint: 'http://127.0.0.1:9' }).tracing.content).to.equal(true);
    expect(start({ endpoint: 'http://localhost:9' }).tracing.content).to.equal(true);
    expect(start({ endpoint: 'http://traces.invalid:9' }).tracing.content).to.equal(false);
    expect(start({ endpoint: 'http://127.0.0.1:9', content: false }).tracing.content).to.equal(false);
  });

  it('refuses an endpoint it cannot use, naming the key and the way out', () => {
    expect(() => start({ endpoint: 'http://me:key@127.0.0.1:4317' })).to.throw(ConfigError, /tracing\.headers/);
    expect(() => start({ endpoint: 'grpc://127.0.0.1:4317' })).to.throw(ConfigError, /tracing\.endpoint.*http/);
    expect(() => start({ endpoint: 'phoenix' })).to.throw(ConfigError, /tracing\.endpoint/);
  });

  it('logs an unknown instrumentation by name and counts the spans that could not leave', async () => {
    const { tracing, metrics, log } = start({ endpoint: 'http://127.0.0.1:9', instrumentations: ['undicci'] });
    tracing.emit([record()]);
    await tracing.started;
    await tracing.flush(PATIENCE_MS);
    expect(tracing.enabled).to.equal(false);
    expect(log()).to.include('tracing.start_failed').and.include('undicci');
    expect(await results(metrics)).to.include({ failed: 1 });
  });
});
