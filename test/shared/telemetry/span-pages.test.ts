// Spans that wait for the thread: each on one page, none twice, and no page changes once it was taken.
import { expect } from 'chai';
import fc from 'fast-check';
import { createSpanPages } from '#shared/telemetry/span-pages.ts';
import { createSpanQueue, type QueueResult } from '#shared/telemetry/span-queue.ts';
import type { SpanBytes } from '#shared/telemetry/span-sender.ts';
import { createSpanWriter } from '#shared/telemetry/span-writer.ts';
import type { SpanRecord } from '#shared/telemetry/tracing.ts';

const PAGE_BYTES = 64 * 1024;

function record(text: string, name: SpanRecord['name'] = 'proxy_request'): SpanRecord {
  return {
    ...{ name, kind: 'server', parentSpanId: null, sampled: true, tracestate: '', status: 'unset' },
    ...{ traceId: '0af7651916cd43dd8448eb211c80319c', spanId: 'b7ad6b7169203331', startMs: 1, endMs: 2 },
    ...{ attributes: { text }, events: [], links: [] },
  };
}

const bytesOf = (spans: readonly SpanRecord[]): Buffer => Buffer.from(createSpanWriter().write(spans));

interface Stage {
  unwritable: number;
  write(spans: readonly SpanRecord[]): void;
  /** What the queue sends by itself or, at the end, whatever waits. */
  taken: SpanBytes[][];
  counts: Partial<Record<QueueResult, number>>;
  end(): Promise<void>;
}

function createStage(more: { maxBytes?: number; maxEntries?: number; batchEntries?: number } = {}): Stage {
  const taken: SpanBytes[][] = [];
  const counts: Stage['counts'] = {};
  const queue = createSpanQueue<SpanBytes>({
    ...{ maxBytes: 1024 * 1024, maxEntries: 10_000, batchEntries: 10_000, batchBytes: 1024 * 1024 },
    ...{ concurrency: 4, delayMs: 60_000, restedDelayMs: 60_000 },
    ...more,
    send: async (batch) => {
      taken.push(batch.map(({ bytes, spans }) => ({ bytes, spans })));
      return { failed: 0, dropped_bytes: 0 };
    },
    onResult: (result, count) => {
      counts[result] = (counts[result] ?? 0) + count;
    },
  });
  const write = createSpanPages(queue, () => void stage.unwritable++);
  const stage: Stage = { unwritable: 0, write, taken, counts, end: () => queue.flush(10_000) };
  return stage;
}

describe('the pages on which spans wait', () => {
  it('hold what was written one after the other, and are sent as they are', async () => {
    const stage = createStage();
    const calls = ['one', 'two', 'three'].map((text) => [record(text), record(text, 'primary_forward')]);
    for (const spans of calls) stage.write(spans);
    await stage.end();
    const [[page] = [], ...others] = stage.taken;
    expect([page?.spans, others.length]).to.deep.equal([6, 0]);
    expect(Buffer.from(page?.bytes ?? []).equals(bytesOf(calls.flat()))).to.equal(true);
    // Nothing else is in that memory: it is given away.
    expect(page?.bytes.byteOffset).to.equal(0);
  });

  it('are full after so many bytes or spans', async () => {
    const stage = createStage();
    for (let call = 0; call < 6; call++) stage.write([record('x'.repeat(15_000))]);
    for (let call = 0; call < 70; call++) stage.write([record('')]);
    await stage.end();
    expect(stage.taken.flat().map(({ spans }) => spans)).to.deep.equal([4, 64, 8]);
    expect(stage.taken.flat().map(({ bytes }) => bytes.buffer.byteLength)).to.deep.equal(Array(3).fill(PAGE_BYTES));
  });

  it('take no memory for what the queue refuses', () => {
    // A page is full then.
    const stage = createStage({ maxBytes: 70_000 });
    const before = process.memoryUsage().arrayBuffers;
    for (let call = 0; call < 1000; call++) stage.write([record('x'.repeat(15_000))]);
    expect(stage.counts).to.deep.equal({ dropped_bytes: 996 });
    expect(process.memoryUsage().arrayBuffers - before).to.be.below(2 * PAGE_BYTES);
  });

  it('are not touched by a span that cannot be written, which is told of', async () => {
    const stage = createStage();
    const broken = { ...record(''), attributes: { text: {} as unknown as string } };
    stage.write([record('one'), broken, record('two')]);
    stage.write([record('three')]);
    await stage.end();
    expect(stage.unwritable).to.equal(1);
    const others = bytesOf(['one', 'two', 'three'].map((text) => record(text)));
    expect(Buffer.from(stage.taken[0]?.[0]?.bytes ?? []).equals(others)).to.equal(true);
  });

  it('are not for a span that takes much, nor is it for its neighbours', async () => {
    const stage = createStage();
    const [small, large] = [record('small'), record('x'.repeat(16 * 1024))];
    stage.write([small]);
    stage.write([small, large, small]);
    await stage.end();
    const [first, alone] = stage.taken.flat();
    expect(stage.taken.flat().map(({ spans }) => spans)).to.deep.equal([3, 1]);
    expect(Buffer.from(first?.bytes ?? []).equals(bytesOf([small, small, small]))).to.equal(true);
    expect(Buffer.from(alone?.bytes ?? []).equals(bytesOf([large]))).to.equal(true);
    expect(alone?.bytes.buffer.byteLength).to.equal(alone?.bytes.length);
  });

  it('hold nothing of what the queue refused, and what came after it', async () => {
    const stage = createStage({ maxEntries: 3 });
    for (const text of ['one', 'two']) stage.write([record(text)]);
    stage.write([record('refused'), record('refused')]);
    stage.write([record('three')]);
    await stage.end();
    expect(stage.counts).to.deep.equal({ dropped_queue: 2, exported: 3 });
    const accepted = ['one', 'two', 'three'].map((text) => record(text));
    expect(Buffer.from(stage.taken[0]?.[0]?.bytes ?? []).equals(bytesOf(accepted))).to.equal(true);
  });

  it('lose, repeat and change nothing, whenever they are taken', async () => {
    const text = fc.oneof(
      fc.string(),
      fc.nat({ max: 70_000 }).map((size) => 'y'.repeat(size)),
    );
    const steps = fc.array(fc.record({ texts: fc.array(text, { minLength: 1, maxLength: 3 }), waits: fc.boolean() }));
    await fc.assert(
      fc.asyncProperty(steps, async (given) => {
        const stage = createStage({ batchEntries: 4, maxBytes: 64 * 1024 * 1024 });
        const written: Buffer[] = [];
        for (const { texts, waits } of given) {
          const spans = texts.map((one) => record(one));
          written.push(...spans.map((span) => bytesOf([span])));
          stage.write(spans);
          if (waits) await new Promise((resolve) => setImmediate(resolve));
        }
        await stage.end();
        const pages = stage.taken.flat();
        const sent = Buffer.concat(pages.map(({ bytes }) => bytes));
        expect(pages.reduce((sum, { spans }) => sum + spans, 0)).to.equal(written.length);
        expect(sorted(split(sent))).to.deep.equal(sorted(written));
      }),
      { numRuns: 50 },
    );
  });
});

const sorted = (spans: readonly Buffer[]): string[] => spans.map((span) => span.toString('hex')).sort();

/** Each span with its tag and length, both as OTLP writes them. */
function split(bytes: Buffer): Buffer[] {
  const spans: Buffer[] = [];
  for (let at = 0; at < bytes.length; ) {
    let size = 0;
    let next = at + 1;
    for (let shift = 0; ; shift += 7) {
      const byte = bytes[next++] ?? 0;
      size |= (byte & 0x7f) << shift;
      if (byte < 0x80) break;
    }
    spans.push(bytes.subarray(at, next + size));
    at = next + size;
  }
  return spans;
}
