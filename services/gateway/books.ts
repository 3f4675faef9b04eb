// What is known of a call only after reading its answer: tokens, tool calls, time to first token, spans, the log line.
// Read off the request's path and several calls one after the other, because the second in a row costs far less than the
// first; never long in one turn of the event loop. More than the bound are booked unread and counted.
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
/** How long the first of them waits for others, unless so many bytes are waiting. */
const GATHER_MS = 50;
const GATHERED_BYTES = 4 * 1024 * 1024;
/** In one turn of the event loop no more is begun to be read when so much was: some two milliseconds' work. */
const WEIGHT_A_TURN = 1024 * 1024;
/** What a call takes whose answer is empty, in bytes of an answer. */
const LEAST_WEIGHT = 64 * 1024;

interface Booking {
  finished: FinishedCall;
  reading: CallReading;
}

export function createBooks(
  events: GatewayEvents,
  read: (finished: FinishedCall) => CallReading | Promise<CallReading>,
  inspect: InspectCall,
  /** null = nobody is told what became of its exchange. A promise never rejects. */
  handoverOf: (finished: FinishedCall) => Handover | Promise<Handover> | null,
): Books {
  const queue: FinishedCall[] = [];
  let queuedBytes = 0;
  let gathering: NodeJS.Timeout | undefined;
  let isWorking = false;
  /** Its answer is being decompressed. */
  let awaited: FinishedCall | undefined;
  let onIdle: () => void = () => {};
  const bookUnread = (finished: FinishedCall, error: unknown): void => {
    events.callUnread(finished, error);
    finished.memory.letGo();
  };
  const note = ({ finished, reading }: Booking): boolean => {
    try {
      events.callRead(finished, reading.figures);
      return true;
    } catch (error) {
      bookUnread(finished, error);
      return false;
    }
  };
  const lookAt = ({ finished, reading }: Booking): void => {
    try {
      inspect(finished, reading);
    } catch (error) {
      events.trouble('inspection', error);
    }
  };
  const traceKnown = ({ finished, reading }: Booking, handover: Handover | null): void => {
    try {
      if (handover !== null) events.callTraced(finished, reading.figures, handover);
    } catch (error) {
      events.trouble('spans', error);
    } finally {
      finished.memory.letGo();
    }
  };
  const trace = (booking: Booking): void => {
    const handedOver = handoverOf(booking.finished);
    if (handedOver instanceof Promise) void handedOver.then((handover) => traceKnown(booking, handover));
    else traceKnown(booking, handedOver);
  };
  /** One step of all of them, then the next: what a step needs is at hand from the second call on. */
  const book = (calls: readonly Booking[]): void => {
    const noted = calls.filter(note);
    noted.forEach(lookAt);
    noted.forEach(trace);
  };
  const bookLater = (finished: FinishedCall, reading: Promise<CallReading>): void => {
    awaited = finished;
    // Given up by a shutdown meanwhile, it is booked already.
    const unlessGivenUp = (bookIt: () => void): void => {
      if (awaited === finished) bookIt();
      awaited = undefined;
    };
    reading
      .then(
        (whole) => unlessGivenUp(() => book([{ finished, reading: whole }])),
        (error: unknown) => unlessGivenUp(() => bookUnread(finished, error)),
      )
      .finally(() => setImmediate(work));
  };
  const work = (): void => {
    const calls: Booking[] = [];
    for (let weight = 0; weight < WEIGHT_A_TURN && awaited === undefined; ) {
      const finished = queue.shift();
      if (finished === undefined) break;
      queuedBytes -= sizeOf(finished);
      weight += LEAST_WEIGHT + finished.responseBytes;
      try {
        const reading = read(finished);
        if (reading instanceof Promise) bookLater(finished, reading);
        else calls.push({ finished, reading });
      } catch (error) {
        bookUnread(finished, error);
      }
    }
    book(calls);
    if (awaited !== undefined) return;
    if (queue.length > 0) {
      setImmediate(work);
      return;
    }
    isWorking = false;
    onIdle();
  };
  const begin = (): void => {
    clearTimeout(gathering);
    gathering = undefined;
    isWorking = true;
    setImmediate(work);
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
      if (queuedBytes >= GATHERED_BYTES) begin();
      else gathering ??= setTimeout(begin, GATHER_MS);
    },
    drain: async (timeoutMs) => {
      if (gathering !== undefined) begin();
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
