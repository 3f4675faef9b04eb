// The queue between finished calls and the bus: bounded in calls and bytes, what is under way included, every drop counted
// with its reason.
import { type Handover, toHandover } from './handover.ts';
import type { FinishedCall } from './messages/finished-call.ts';
import { isUnread, mayBeLaidOut, type PublishingParts, publishCall } from './publish-call.ts';
import { createPairIdentifier } from './routing/identify-pair.ts';

export interface Publisher {
  /** Never throws, never waits. */
  offer(finished: FinishedCall): void;
  /** What became of a call that was taken; never rejects. */
  outcome(finished: FinishedCall): Handover | Promise<Handover>;
  /** Publishes what is queued, up to `timeoutMs`; the rest is counted. Ends the thread. */
  drain(timeoutMs: number): Promise<void>;
}

/** Waiting and under way. */
const MAX_JOBS = 256;
const MAX_BYTES = 64 * 1024 * 1024;
/** Under way at once: they share a round trip to the bus. */
const AT_ONCE = 32;
/** In one turn of the event loop no more are begun when so much was, by `weightOf`: a millisecond's work. */
const WEIGHT_A_TURN = 128 * 1024;
/** Twice as much when so many wait, and so on: a loop that does a lot in each turn would never catch up. */
const WAITING_FOR_TWICE = 32;
/** How long the first of them waits for others, unless there are as many as may be under way, or so many bytes. */
const GATHER_MS = 50;
const GATHERED_BYTES = 4 * 1024 * 1024;

const NOTHING: Handover = { kind: 'none' };

/** The preparer becomes the publisher's own: closed when it is drained. */
export function createPublisher(parts: PublishingParts): Publisher {
  const { events } = parts;
  const identifyPair = createPairIdentifier();
  const queue: FinishedCall[] = [];
  const underWay: FinishedCall[] = [];
  let heldBytes = 0;
  let queuedBytes = 0;
  let gathering: NodeJS.Timeout | undefined;
  let isBeginning = false;
  let isClosed = false;
  let onIdle: () => void = () => {};

  const outcome = Symbol('outcome');
  // With the call itself, and those under way in a list: in a map or set, weak keys or not, calls that are over outlive the
  // collections of the young heap.
  type Keeping = FinishedCall & { [outcome]?: PromiseWithResolvers<Handover> };
  const settle = (finished: Keeping, handover: Handover): void => finished[outcome]?.resolve(handover);
  const drop = (finished: FinishedCall, why: 'dropped_full' | 'shutdown'): void => {
    events.exchangeDropped(finished, why);
    settle(finished, why === 'shutdown' ? { kind: 'skipped', reason: why } : toHandover(why, 0));
  };

  const carryOut = async (finished: FinishedCall): Promise<void> => {
    // Given up by a shutdown meanwhile, it is counted already.
    const isOver = (): boolean => !underWay.includes(finished);
    try {
      settle(finished, await publishCall(finished, { ...parts, identifyPair, isOver }));
    } catch (error) {
      if (isOver()) return;
      events.publishFailed(finished, error);
      settle(finished, toHandover('failed', 0));
    }
    const at = underWay.indexOf(finished);
    if (at === -1) return;
    underWay.splice(at, 1);
    heldBytes -= sizeOf(finished);
    finished.memory.letGo();
    work();
  };
  const begin = (): void => {
    isBeginning = false;
    const most = WEIGHT_A_TURN * (1 + Math.floor(queue.length / WAITING_FOR_TWICE));
    for (let weight = 0; weight < most && underWay.length < AT_ONCE; ) {
      const finished = queue.shift();
      if (finished === undefined) break;
      queuedBytes -= sizeOf(finished);
      underWay.push(finished);
      weight += weightOf(finished, parts);
      void carryOut(finished);
    }
    work();
  };
  const work = (): void => {
    clearTimeout(gathering);
    gathering = undefined;
    if (queue.length === 0 && underWay.length === 0) onIdle();
    if (isBeginning || queue.length === 0 || underWay.length >= AT_ONCE) return;
    isBeginning = true;
    setImmediate(begin);
  };
  return {
    offer: (finished: Keeping) => {
      if (finished.request === null || finished.plan === null) return;
      if (isUnread(finished.plan, parts)) {
        events.exchangeSkipped(finished, 'mode_off');
        return;
      }
      finished[outcome] = Promise.withResolvers();
      if (isClosed || queue.length + underWay.length >= MAX_JOBS || heldBytes + sizeOf(finished) > MAX_BYTES) {
        drop(finished, isClosed ? 'shutdown' : 'dropped_full');
        return;
      }
      finished.memory.hold();
      queue.push(finished);
      heldBytes += sizeOf(finished);
      queuedBytes += sizeOf(finished);
      if (queue.length >= AT_ONCE || queuedBytes >= GATHERED_BYTES) work();
      else if (underWay.length < AT_ONCE) gathering ??= setTimeout(work, GATHER_MS);
    },
    outcome: (finished: Keeping) => finished[outcome]?.promise ?? NOTHING,
    drain: async (timeoutMs) => {
      isClosed = true;
      const idle = new Promise<void>((resolve) => (onIdle = resolve));
      work();
      await Promise.race([idle, after(timeoutMs)]);
      for (const finished of queue.splice(0)) drop(finished, 'shutdown');
      for (const finished of underWay.splice(0)) {
        // It may arrive all the same.
        const pairs = finished.plan?.mode === 'compare' ? finished.plan.shadow.length : 0;
        events.exchangePublished(finished, pairs, 'redis_unknown');
        settle(finished, toHandover('redis_unknown', 0));
      }
      events.publishingEnded();
      await parts.preparer.close();
    },
  };
}

/** What beginning with it takes here: what is laid out is copied and looked through, and may be compressed; else its answer is read. */
function weightOf(finished: FinishedCall, parts: PublishingParts): number {
  if (!mayBeLaidOut(finished, parts)) return BODILESS_WEIGHT + finished.responseBytes / 4;
  return Math.max(SMALL_WEIGHT, sizeOf(finished) / 4);
}

const SMALL_WEIGHT = 32 * 1024;
const BODILESS_WEIGHT = 8 * 1024;

function sizeOf(finished: FinishedCall): number {
  return (finished.request?.length ?? 0) + finished.responseBytes;
}

function after(ms: number): Promise<void> {
  return new Promise((resolve) => {
    setTimeout(resolve, ms).unref();
  });
}
