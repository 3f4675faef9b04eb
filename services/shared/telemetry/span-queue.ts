// The bounded queue in front of the exporter: bounded in spans and in bytes, what is in flight included. Each span ends in
// exactly one result; a full queue refuses the newest.

export type QueueResult = 'exported' | 'dropped_queue' | 'dropped_bytes' | 'failed';

/** Of a batch, how many spans were not sent, and why. */
export type Unsent = Record<'failed' | 'dropped_bytes', number>;

export interface SpanQueueOptions<T> {
  maxBytes: number;
  maxEntries: number;
  /** Bounds of one batch; a batch holds at least one entry. */
  batchEntries: number;
  batchBytes: number;
  /** Batches under way at once, and what they may hold together where it is more than one. */
  concurrency: number;
  underWayBytes: number;
  /** How long an incomplete batch waits for more. */
  delayMs: number;
  /** The same where none was sent for as long: a call that comes alone is soon seen. */
  restedDelayMs: number;
  /** Resolves with what of the batch was not sent; rejects when that is all of it. */
  send(batch: T[]): Promise<Unsent>;
  onResult(result: QueueResult, count: number): void;
}

export interface SpanQueue<T> {
  /** What waits and what is under way. */
  size(): { spans: number; bytes: number };
  /** null when it was refused. */
  push(value: T, bytes: number, spans?: number): QueueEntry<T> | null;
  /** One that is still waiting becomes so much larger; false when that was refused. */
  grow(entry: QueueEntry<T>, bytes: number, spans: number): boolean;
  /** Sends without waiting for full batches; resolves when all is settled or the time is over. */
  flush(timeoutMs: number): Promise<void>;
  /** Counts as failed what is still here, and returns what was not sent. Later entries are refused. */
  close(): T[];
}

export interface QueueEntry<T> {
  readonly value: T;
  /** Neither taken nor given up. */
  readonly isWaiting: boolean;
}

interface Entry<T> extends QueueEntry<T> {
  bytes: number;
  spans: number;
  isWaiting: boolean;
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
  let waitingSpans = 0;
  let waitingBytes = 0;
  let closed = false;
  let flushing = 0;
  let sentAt = Number.NEGATIVE_INFINITY;
  /** What waits has waited long enough. */
  let isOverdue = false;
  let timer: NodeJS.Timeout | undefined;
  let turn: NodeJS.Immediate | undefined;
  const idleWaiters = new Set<() => void>();

  const isBatchDue = (): boolean =>
    waitingSpans >= options.batchEntries || waitingBytes >= options.batchBytes || isOverdue || flushing > 0;

  /** A receiver shares its time among what is under way: one full batch at once, or several smaller ones. */
  const isBusy = (): boolean => {
    if (inFlight.size === 0) return false;
    return inFlight.size >= options.concurrency || bytes - waitingBytes + nextBatch().size > options.underWayBytes;
  };

  const schedule = (): void => {
    if (waiting.length === 0 || turn !== undefined) return;
    if (isBatchDue()) {
      if (isBusy()) return;
      clearTimeout(timer);
      timer = undefined;
      // One batch a turn of the event loop: making it is synchronous work.
      turn = setImmediate(sendNext);
    } else if (timer === undefined) {
      const isRested = performance.now() - sentAt > options.delayMs;
      timer = setTimeout(
        () => {
          timer = undefined;
          isOverdue = true;
          schedule();
        },
        isRested ? options.restedDelayMs : options.delayMs,
      );
      timer.unref();
    }
  };

  const sendNext = (): void => {
    turn = undefined;
    isOverdue = false;
    sentAt = performance.now();
    const taken = takeBatch();
    if (taken.length === 0) return;
    const batch: Batch = { count: sumSpans(taken), bytes: sumBytes(taken) };
    inFlight.add(batch);
    sendBatch(taken).then(
      (unsent) => settle(batch, unsent),
      () => settle(batch, allOf(batch)),
    );
    schedule();
  };

  const sendBatch = async (taken: Array<Entry<T>>): Promise<Unsent> => options.send(taken.map((entry) => entry.value));

  const nextBatch = (): { count: number; spans: number; size: number } => {
    let count = 0;
    let spans = 0;
    let size = 0;
    for (const entry of waiting) {
      const isTooMuch = spans + entry.spans > options.batchEntries || size + entry.bytes > options.batchBytes;
      if (count > 0 && isTooMuch) break;
      count += 1;
      spans += entry.spans;
      size += entry.bytes;
    }
    return { count, spans, size };
  };

  const takeBatch = (): Array<Entry<T>> => {
    const { count, spans, size } = nextBatch();
    waitingSpans -= spans;
    waitingBytes -= size;
    const taken = waiting.splice(0, count);
    for (const entry of taken) entry.isWaiting = false;
    return taken;
  };

  const settle = (batch: Batch, unsent: Unsent): void => {
    // A batch given up at close() may still answer: it was counted then.
    if (!inFlight.delete(batch)) return;
    release(batch, unsent);
    schedule();
  };

  const release = (batch: Batch, unsent: Unsent): void => {
    entries -= batch.count;
    bytes -= batch.bytes;
    const exported = batch.count - unsent.failed - unsent.dropped_bytes;
    for (const [result, count] of [
      ['exported', exported],
      ['failed', unsent.failed],
      ['dropped_bytes', unsent.dropped_bytes],
    ] as const) {
      if (count > 0) options.onResult(result, count);
    }
    if (entries === 0) for (const finish of idleWaiters) finish();
  };

  const isRefused = (size: number, spans: number): boolean => {
    const hasRoom = !closed && entries + spans <= options.maxEntries;
    if (hasRoom && bytes + size <= options.maxBytes) return false;
    options.onResult(hasRoom ? 'dropped_bytes' : 'dropped_queue', spans);
    return true;
  };

  const add = (size: number, spans: number): void => {
    waitingSpans += spans;
    waitingBytes += size;
    entries += spans;
    bytes += size;
    schedule();
  };

  return {
    size: () => ({ spans: entries, bytes }),
    push: (value, size, spans = 1) => {
      if (isRefused(size, spans)) return null;
      const entry = { value, bytes: size, spans, isWaiting: true };
      waiting.push(entry);
      add(size, spans);
      return entry;
    },
    grow: (entry: Entry<T>, size, spans) => {
      if (isRefused(size, spans)) return false;
      entry.bytes += size;
      entry.spans += spans;
      add(size, spans);
      return true;
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
      for (const entry of left) entry.isWaiting = false;
      waiting = [];
      waitingSpans = 0;
      waitingBytes = 0;
      const lost = { count: sumSpans(left), bytes: sumBytes(left) };
      if (left.length > 0) release(lost, allOf(lost));
      for (const batch of [...inFlight]) settle(batch, allOf(batch));
      return left.map(({ value }) => value);
    },
  };
}

function allOf({ count }: Batch): Unsent {
  return { failed: count, dropped_bytes: 0 };
}

function sumBytes(entries: ReadonlyArray<{ bytes: number }>): number {
  return entries.reduce((sum, entry) => sum + entry.bytes, 0);
}

function sumSpans(entries: ReadonlyArray<{ spans: number }>): number {
  return entries.reduce((sum, entry) => sum + entry.spans, 0);
}
