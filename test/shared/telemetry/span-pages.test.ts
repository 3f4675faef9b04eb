// Spans that wait for the thread: each on one page, none twice, and no page changes once it was taken.
import { expect } from 'chai';
import fc from 'fast-check';
import { createSpanPages, type WaitingSpans } from '#shared/telemetry/span-pages.ts';
import { createSpanQueue, type QueueResult } from '#shared/telemetry/span-queue.ts';
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

/** A page as it was when it was taken. */
interface Taken {
  bytes: Buffer;
  spans: number;
  page: WaitingSpans;
}

interface Stage {
  unwritable: number;
  write(spans: readonly SpanRecord[]): void;
  /** What the queue sends by itself or, at the end, whatever waits. */
  taken: Taken[][];
  counts: Partial<Record<QueueResult, number>>;
  end(): Promise<void>;
}

function createStage(
  more: { maxBytes?: number; maxEntries?: number; batchEntries?: number; gives?: boolean } = {},
): Stage {
  const taken: Taken[][] = [];
  const counts: Stage['counts'] = {};
  const queue = createSpanQueue<WaitingSpans>({
    ...{ maxBytes: 1024 * 1024, maxEntries: 10_000, batchEntries: 10_000, batchBytes: 1024 * 1024 },
    ...{ concurrency: 4, underWayBytes: 1024 * 1024, delayMs: 60_000, restedDelayMs: 60_000 },
    ...more,
    send: async (batch) => {
      taken.push(batch.map((page) => ({ bytes: Buffer.from(page.bytes), spans: page.spans, page })));
      if (more.gives === true) for (const page of batch) page.release();
      return { failed: 0, dropped_bytes: 0 };
    },
    onResult: (result, count) => {
      counts[result] = (counts[result] ?? 0) + count;
    },
  });
  const write = createSpanPages(queue, () => void stage.unwritable++);
  const end = async (): Promise<void> => {
    await queue.flush(10_000);
    // Those that were given back may be somebody else's by now.
    if (more.gives !== true)
      for (const { page, bytes } of taken.flat()) expect(bytes.equals(page.bytes)).to.equal(true);
  };
  const stage: Stage = { unwritable: 0, write, taken, counts, end };
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
    // Lent, and so not given away.
    expect(page?.page.bytes.buffer).to.be.instanceOf(SharedArrayBuffer);
    expect(page?.page.transferred).to.deep.equal([]);
  });

  it('are full after so many bytes or spans', async () => {
    const stage = createStage();
    for (let call = 0; call < 6; call++) stage.write([record('x'.repeat(15_000))]);
    for (let call = 0; call < 70; call++) stage.write([record('')]);
    await stage.end();
    expect(stage.taken.flat().map(({ spans }) => spans)).to.deep.equal([4, 64, 8]);
    expect(placesOf(stage)).to.deep.equal([0, PAGE_BYTES, 2 * PAGE_BYTES]);
  });

  it('take no memory for what the queue refuses', async () => {
    // A page is full then.
    const stage = createStage({ maxBytes: 70_000 });
    for (let call = 0; call < 1000; call++) stage.write([record('x'.repeat(15_000))]);
    expect(stage.counts).to.deep.equal({ dropped_bytes: 996 });
    await stage.end();
    stage.write([record('next')]);
    await stage.end();
    expect(placesOf(stage)).to.deep.equal([0, PAGE_BYTES]);
  });

  it('are used again once nobody reads them, and not before', async () => {
    for (const [gives, next] of [
      [true, 0],
      [false, PAGE_BYTES],
    ] as const) {
      const stage = createStage({ gives });
      for (const text of ['one', 'two']) {
        stage.write([record(text)]);
        await stage.end();
      }
      expect(placesOf(stage)).to.deep.equal([0, next]);
    }
  });

  it('are given away where no more can be lent', async () => {
    const stage = createStage({ batchEntries: 1, maxBytes: 1024 * 1024 });
    for (let page = 0; page < 1025; page++) {
      stage.write([record(`${page}`)]);
      await stage.end();
    }
    const pages = stage.taken.flat();
    const last = pages.pop();
    expect(pages.every(({ page }) => page.transferred.length === 0)).to.equal(true);
    expect(last?.page.transferred).to.deep.equal([last?.page.bytes.buffer]);
    expect(last?.bytes.equals(bytesOf([record('1024')]))).to.equal(true);
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
    expect(alone?.page.transferred).to.deep.equal([alone?.page.bytes.buffer]);
    expect(alone?.page.bytes.buffer.byteLength).to.equal(alone?.bytes.length);
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
      fc.asyncProperty(steps, fc.boolean(), async (given, gives) => {
        const stage = createStage({ gives, batchEntries: 4, maxBytes: 64 * 1024 * 1024 });
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

/** Where in the room the pages are. */
const placesOf = (stage: Stage): number[] => stage.taken.flat().map(({ page }) => page.bytes.byteOffset);

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
