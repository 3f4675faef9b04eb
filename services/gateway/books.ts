// What is known of a call only after reading its answer: tokens, tool calls, time to first token, spans, the log line.
// Read off the request's path, a few calls in a turn of the event loop; more than the bound are booked unread and counted.
import type { CallReading } from './call-reading.ts';
import type { GatewayEvents } from './events.ts';
import type { Handover } from './handover.ts';
import type { InspectCall } from './inspect-call.ts';
import type { FinishedCall } from './messages/finished-call.ts';

export interface Books {
  /** Never throws, never waits. */
  enter(finished: FinishedCall): void;
  /** Reads what is queued, up to `timeoutMs`; the rest is booked unread. */
  drain(timeoutMs: number): Promise<void>;
}

const MAX_BYTES = 64 * 1024 * 1024;
/** In one turn of the event loop no more is begun to be read when so much was. */
const BYTES_A_TURN = 64 * 1024;

export function createBooks(
  events: GatewayEvents,
  read: (finished: FinishedCall) => CallReading | Promise<CallReading>,
  inspect: InspectCall,
  /** null = nobody is told what became of its exchange. */
  handoverOf: (finished: FinishedCall) => Promise<Handover> | null,
): Books {
  const queue: FinishedCall[] = [];
  let queuedBytes = 0;
  let isWorking = false;
  /** Its answer is being decompressed. */
  let awaited: FinishedCall | undefined;
  let onIdle: () => void = () => {};
  const book = (finished: FinishedCall, reading: CallReading): void => {
    let traced: Promise<void> | undefined;
    try {
      events.callRead(finished, reading.figures);
      traced = handoverOf(finished)?.then((handover) => events.callTraced(finished, reading.figures, handover));
    } catch (error) {
      events.callUnread(finished, error);
    }
    try {
      inspect(finished, reading);
    } catch (error) {
      events.trouble('inspection', error);
    }
    if (traced === undefined) finished.memory.letGo();
    else traced.catch((error: unknown) => events.trouble('spans', error)).finally(() => finished.memory.letGo());
  };
  const bookUnread = (finished: FinishedCall, error: unknown): void => {
    events.callUnread(finished, error);
    finished.memory.letGo();
  };
  /** True when it is booked; else work goes on when it is. */
  const tryBook = (finished: FinishedCall): boolean => {
    try {
      const reading = read(finished);
      if (!(reading instanceof Promise)) {
        book(finished, reading);
        return true;
      }
      awaited = finished;
      // Given up by a shutdown meanwhile, it is booked already.
      const unlessGivenUp = (bookIt: () => void): void => {
        if (awaited === finished) bookIt();
        awaited = undefined;
      };
      reading
        .then(
          (whole) => unlessGivenUp(() => book(finished, whole)),
          (error: unknown) => unlessGivenUp(() => bookUnread(finished, error)),
        )
        .finally(() => setImmediate(work));
      return false;
    } catch (error) {
      bookUnread(finished, error);
      return true;
    }
  };
  const work = (): void => {
    let bytes = 0;
    for (let finished = queue.shift(); finished; finished = queue.shift()) {
      queuedBytes -= sizeOf(finished);
      if (!tryBook(finished)) return;
      bytes += finished.responseBytes;
      if (bytes >= BYTES_A_TURN) {
        setImmediate(work);
        return;
      }
    }
    isWorking = false;
    onIdle();
  };
  return {
    enter: (finished) => {
      if (queuedBytes + sizeOf(finished) > MAX_BYTES) {
        events.callUnread(finished, new Error('too many calls are waiting to be read'));
        return;
      }
      finished.memory.hold();
      queue.push(finished);
      queuedBytes += sizeOf(finished);
      if (isWorking) return;
      isWorking = true;
      setImmediate(work);
    },
    drain: async (timeoutMs) => {
      if (!isWorking) return;
      const timeout = new Promise<void>((resolve) => {
        setTimeout(resolve, timeoutMs).unref();
      });
      await Promise.race([new Promise<void>((resolve) => (onIdle = resolve)), timeout]);
      const left = [...(awaited ? [awaited] : []), ...queue.splice(0)];
      awaited = undefined;
      for (const finished of left) bookUnread(finished, new Error('the gateway stopped before it was read'));
    },
  };
}

function sizeOf(finished: FinishedCall): number {
  return (finished.request?.length ?? 0) + finished.responseBytes;
}
