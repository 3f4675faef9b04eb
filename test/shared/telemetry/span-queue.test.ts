// The queue's books: whatever the sender does, each entry has exactly one result and the bounds hold at every moment.
import { expect } from 'chai';
import fc from 'fast-check';
import {
  createSpanQueue,
  type QueueEntry,
  type QueueResult,
  type SpanQueue,
  type SpanQueueOptions,
  type Unsent,
} from '#shared/telemetry/span-queue.ts';
import { holdTimers } from '../../support/held-timers.ts';

type Fate = 'accepts' | 'rejects' | 'throws' | 'hangs';

const ALL_SENT: Unsent = { failed: 0, dropped_bytes: 0 };

interface Books {
  counts: Record<QueueResult, number>;
}

function createBooks(): Books {
  return { counts: { exported: 0, failed: 0, dropped_queue: 0, dropped_bytes: 0 } };
}

function options(books: Books, send: (batch: number[]) => Promise<Unsent>): SpanQueueOptions<number> {
  return {
    maxBytes: 1000,
    maxEntries: 20,
    batchEntries: 8,
    batchBytes: 300,
    concurrency: 2,
    underWayBytes: 300,
    delayMs: 1,
    restedDelayMs: 1,
    send,
    onResult: (result, count) => {
      books.counts[result] += count;
    },
  };
}

/** All that it sends arrives. */
function collect(more: Partial<SpanQueueOptions<number>> = {}): { queue: SpanQueue<number>; batches: number[][] } {
  const batches: number[][] = [];
  const send = async (batch: number[]): Promise<Unsent> => {
    batches.push(batch);
    return ALL_SENT;
  };
  return { queue: createSpanQueue({ ...options(createBooks(), send), ...more }), batches };
}

const nextTurn = (): Promise<void> => new Promise((resolve) => setImmediate(() => setImmediate(resolve)));

describe('span queue', () => {
  it('gives each entry one result and stays within its bounds, whatever the sender does', async () => {
    const fates = fc.array(fc.constantFrom<Fate>('accepts', 'rejects', 'throws', 'hangs'), { minLength: 1 });
    const sizes = fc.integer({ min: 0, max: 400 });
    const steps = fc.array(fc.record({ size: sizes, grows: fc.boolean() }), { maxLength: 60 });
    await fc.assert(
      fc.asyncProperty(fates, steps, async (plan, entries) => {
        const books = createBooks();
        let batches = 0;
        const queue = createSpanQueue(
          options(books, (batch) => {
            const fate = plan[batches % plan.length] ?? 'accepts';
            batches += 1;
            expect(batch.length).to.be.within(1, 8);
            if (fate === 'throws') throw new Error('at once');
            if (fate === 'rejects') return Promise.reject(new Error('later'));
            return fate === 'hangs' ? new Promise(() => {}) : Promise.resolve(ALL_SENT);
          }),
        );
        let last: QueueEntry<number> | null = null;
        for (const [index, { size, grows }] of entries.entries()) {
          if (grows && last?.isWaiting) queue.grow(last, size, 1);
          else last = queue.push(index, size);
          expect(queue.size().spans).to.be.at.most(20);
          expect(queue.size().bytes).to.be.at.most(1000);
          if (index % 10 === 9) await new Promise((resolve) => setImmediate(resolve));
        }
        await queue.flush(5);
        queue.close();
        const { counts } = books;
        expect(counts.exported + counts.failed + counts.dropped_queue + counts.dropped_bytes).to.equal(entries.length);
        expect(queue.size()).to.deep.equal({ spans: 0, bytes: 0 });
        expect(last?.isWaiting ?? false).to.equal(false);
      }),
      { numRuns: 100 },
    );
  });

  it('keeps the order of entries and sends one that is larger than a batch alone', async () => {
    const { queue, batches } = collect();
    for (const [index, size] of [10, 10, 350, 10].entries()) queue.push(index, size);
    await queue.flush(10_000);
    expect(batches).to.deep.equal([[0, 1], [2], [3]]);
  });

  it('counts what one entry stands for, and what of a batch was not sent, by its reason', async () => {
    const books = createBooks();
    const queue = createSpanQueue(options(books, async () => ({ failed: 1, dropped_bytes: 2 })));
    for (let entry = 0; entry < 8; entry++) queue.push(entry, 1, 3);
    await queue.flush(10_000);
    // Twenty hold six of them, and a batch of eight two.
    expect(books.counts).to.deep.equal({ exported: 9, failed: 3, dropped_queue: 6, dropped_bytes: 6 });
  });

  it('does not count a batch again that answers after it was given up', async () => {
    const books = createBooks();
    const answers: Array<(unsent: Unsent) => void> = [];
    const queue = createSpanQueue(options(books, () => new Promise((resolve) => answers.push(resolve))));
    queue.push(1, 1);
    await queue.flush(20);
    queue.close();
    for (const answer of answers) answer(ALL_SENT);
    await new Promise((resolve) => setImmediate(resolve));
    expect(answers).to.have.length(1);
    expect(books.counts).to.deep.equal({ exported: 0, failed: 1, dropped_queue: 0, dropped_bytes: 0 });
  });

  it('has no more bytes under way than it may, in how many batches ever', async () => {
    let underWay = 0;
    let most = 0;
    const sizes = [100, 150, 20, 299, 300, 1, 1, 200];
    const queue = createSpanQueue({
      ...options(createBooks(), async (batch) => {
        underWay += batch.reduce((sum, index) => sum + (sizes[index] ?? 0), 0);
        most = Math.max(most, underWay);
        await new Promise((resolve) => setTimeout(resolve, 2));
        underWay -= batch.reduce((sum, index) => sum + (sizes[index] ?? 0), 0);
        return ALL_SENT;
      }),
      ...{ maxBytes: 5000, concurrency: 4 },
    });
    for (const [index, size] of sizes.entries()) {
      queue.push(index, size);
      await new Promise((resolve) => setImmediate(resolve));
    }
    await queue.flush(10_000);
    expect(most).to.equal(300);
  });

  it('goes on beside a batch that nobody answers, and never with more than may be under way', async () => {
    const begun: number[][] = [];
    const send = (batch: number[]): Promise<Unsent> => {
      begun.push(batch);
      return new Promise(() => {});
    };
    const more = { batchEntries: 2, underWayBytes: 450, concurrency: 4 };
    const queue = createSpanQueue({ ...options(createBooks(), send), ...more });
    for (let index = 0; index < 6; index++) queue.push(index, 100);
    for (let turn = 0; turn < 3; turn++) await nextTurn();
    expect(begun).to.deep.equal([
      [0, 1],
      [2, 3],
    ]);
    queue.close();
  });

  it('lets one that comes alone wait less than those that follow each other', async () => {
    const timers = holdTimers(200);
    const { queue, batches } = collect({ delayMs: 1000, restedDelayMs: 200 });
    const passes = async (ms: number): Promise<number[][]> => {
      timers.pass(ms);
      await nextTurn();
      return batches.splice(0);
    };
    try {
      queue.push(1, 1);
      expect([await passes(199), await passes(1)]).to.deep.equal([[], [[1]]]);
      queue.push(2, 1);
      expect([await passes(999), await passes(1)]).to.deep.equal([[], [[2]]]);
    } finally {
      queue.close();
      timers.release();
    }
  });

  it('sends what has waited long enough as soon as a batch that was under way has ended', async () => {
    const timers = holdTimers(1000);
    const batches: number[][] = [];
    let end = (): void => {};
    const queue = createSpanQueue({
      ...options(createBooks(), async (batch) => {
        batches.push(batch);
        await new Promise<void>((resolve) => (end = resolve));
        return ALL_SENT;
      }),
      ...{ concurrency: 1, delayMs: 1000, restedDelayMs: 1000 },
    });
    try {
      queue.push(1, 300);
      await nextTurn();
      queue.push(2, 1);
      timers.pass(1000);
      await nextTurn();
      expect(batches).to.deep.equal([[1]]);
      end();
      await nextTurn();
      expect(batches).to.deep.equal([[1], [2]]);
    } finally {
      end();
      queue.close();
      timers.release();
    }
  });

  it('sends a batch that is full because an entry has grown', async () => {
    const { queue, batches } = collect({ delayMs: 60_000, restedDelayMs: 60_000 });
    const entry = queue.push(1, 10);
    expect(entry && queue.grow(entry, 10, 7)).to.equal(true);
    await nextTurn();
    expect(batches).to.deep.equal([[1]]);
  });

  it('sends an incomplete batch by itself after a while', async () => {
    const books = createBooks();
    const sent = new Promise<number[]>((resolve) => {
      const queue = createSpanQueue(
        options(books, async (batch) => {
          resolve(batch);
          return ALL_SENT;
        }),
      );
      queue.push(7, 1);
    });
    // The queue's timer does not keep a process alive; this one does, for the test.
    const alive = setTimeout(() => {}, 2000);
    expect(await sent).to.deep.equal([7]);
    clearTimeout(alive);
  });
});
