// The bounded queue in front of the exporter: bounded in entries and in bytes, what is in flight included. Each entry ends
// in exactly one result; a full queue refuses the newest.

export type QueueResult = 'exported' | 'dropped_queue' | 'dropped_bytes' | 'failed';

export interface SpanQueueOptions<T> {
  maxBytes: number;
  maxEntries: number;
  /** Bounds of one batch; a batch holds at least one entry. */
  batchEntries: number;
  batchBytes: number;
  /** Batches under way at once. */
  concurrency: number;
  /** How long an incomplete batch waits for more. */
  delayMs: number;
  /** Resolves when the batch was accepted. */
  send(batch: T[]): Promise<void>;
  onResult(result: QueueResult, count: number): void;
  onSize(entries: number, bytes: number): void;
}

export interface SpanQueue<T> {
  push(entry: T, bytes: number): void;
  /** Sends without waiting for full batches; resolves when all is settled or the time is over. */
  flush(timeoutMs: number): Promise<void>;
  /** Counts as failed what is still here. Later entries are refused. */
  close(): void;
}

interface Entry<T> {
  value: T;
  bytes: number;
}

interface Batch {
  count: number;
  bytes: number;
}

export function createSpanQueue<T>(options: SpanQueueOptions<T>): SpanQueue<T> {
  let waiting: Array<Entry<T>> = [];
  const inFlight = new Set<Batch>();
  let entries = 0;
  let bytes = 0;
  let waitingBytes = 0;
  let closed = false;
  let flushing = 0;
  let timer: NodeJS.Timeout | undefined;
  let turn: NodeJS.Immediate | undefined;
  const idleWaiters = new Set<() => void>();

  const isBatchFull = (): boolean =>
    waiting.length >= options.batchEntries || waitingBytes >= options.batchBytes || flushing > 0;

  const schedule = (): void => {
    if (waiting.length === 0 || inFlight.size >= options.concurrency || turn !== undefined) return;
    if (isBatchFull()) {
      clearTimeout(timer);
      timer = undefined;
      // One batch a turn of the event loop: making it is synchronous work.
      turn = setImmediate(sendNext);
    } else if (timer === undefined) {
      timer = setTimeout(() => {
        timer = undefined;
        if (turn === undefined && inFlight.size < options.concurrency) turn = setImmediate(sendNext);
      }, options.delayMs);
      timer.unref();
    }
  };

  const sendNext = (): void => {
    turn = undefined;
    const taken = takeBatch();
    if (taken.length === 0) return;
    const batch: Batch = { count: taken.length, bytes: sumBytes(taken) };
    inFlight.add(batch);
    sendBatch(taken).then(
      () => settle(batch, 'exported'),
      () => settle(batch, 'failed'),
    );
    schedule();
  };

  const sendBatch = async (taken: Array<Entry<T>>): Promise<void> => options.send(taken.map((entry) => entry.value));

  const takeBatch = (): Array<Entry<T>> => {
    let count = 0;
    let size = 0;
    for (const entry of waiting) {
      if (count > 0 && (count >= options.batchEntries || size + entry.bytes > options.batchBytes)) break;
      count += 1;
      size += entry.bytes;
    }
    waitingBytes -= size;
    return waiting.splice(0, count);
  };

  const settle = (batch: Batch, result: QueueResult): void => {
    // A batch given up at close() may still answer: it was counted then.
    if (!inFlight.delete(batch)) return;
    release(batch.count, batch.bytes, result);
    schedule();
  };

  const release = (count: number, size: number, result: QueueResult): void => {
    entries -= count;
    bytes -= size;
    options.onResult(result, count);
    options.onSize(entries, bytes);
    if (entries === 0) for (const finish of idleWaiters) finish();
  };

  return {
    push: (value, size) => {
      if (closed || entries >= options.maxEntries) return options.onResult('dropped_queue', 1);
      if (bytes + size > options.maxBytes) return options.onResult('dropped_bytes', 1);
      waiting.push({ value, bytes: size });
      waitingBytes += size;
      entries += 1;
      bytes += size;
      options.onSize(entries, bytes);
      schedule();
    },
    flush: async (timeoutMs) => {
      if (entries === 0) return;
      flushing += 1;
      schedule();
      await new Promise<void>((resolve) => {
        const limit = setTimeout(finish, timeoutMs);
        function finish(): void {
          clearTimeout(limit);
          idleWaiters.delete(finish);
          resolve();
        }
        idleWaiters.add(finish);
      });
      flushing -= 1;
    },
    close: () => {
      closed = true;
      clearTimeout(timer);
      clearImmediate(turn);
      turn = undefined;
      const left = waiting;
      waiting = [];
      waitingBytes = 0;
      if (left.length > 0) release(left.length, sumBytes(left), 'failed');
      for (const batch of [...inFlight]) settle(batch, 'failed');
    },
  };
}

function sumBytes(entries: ReadonlyArray<{ bytes: number }>): number {
  return entries.reduce((sum, entry) => sum + entry.bytes, 0);
}
