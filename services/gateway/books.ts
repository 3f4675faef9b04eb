// What is known of a call only after reading its answer: tokens, tool calls, time to first token, spans, the log line.
// Read one call at a time, off the request's path; more than the bound are booked unread and counted.
import type { CallReading } from './call-reading.ts';
import type { GatewayEvents } from './events.ts';
import type { Handover } from './handover.ts';
import type { InspectCall } from './inspect-call.ts';
import type { FinishedCall } from './messages/finished-call.ts';

export interface Books {
  /** Never throws, never waits. */
  enter(finished: FinishedCall): void;
  drain(timeoutMs: number): Promise<void>;
}

const MAX_BYTES = 64 * 1024 * 1024;

export function createBooks(
  events: GatewayEvents,
  read: (finished: FinishedCall) => CallReading,
  inspect: InspectCall,
  handoverOf: (finished: FinishedCall) => Promise<Handover>,
): Books {
  const queue: FinishedCall[] = [];
  let queuedBytes = 0;
  let isWorking = false;
  let onIdle: () => void = () => {};
  const work = async (): Promise<void> => {
    for (let finished = queue.shift(); finished; finished = queue.shift()) {
      queuedBytes -= sizeOf(finished);
      const reading = read(finished);
      try {
        const observed = await reading.figures();
        events.callRead(finished, observed);
        handoverOf(finished)
          .then((handover) => events.callTraced(finished, observed, handover))
          .catch((error: unknown) => events.trouble('spans', error));
      } catch (error) {
        events.callUnread(finished, error);
      }
      await inspect(finished, reading).catch((error: unknown) => events.trouble('inspection', error));
      await new Promise((resolve) => setImmediate(resolve));
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
      queue.push(finished);
      queuedBytes += sizeOf(finished);
      if (isWorking) return;
      isWorking = true;
      setImmediate(() => void work());
    },
    drain: async (timeoutMs) => {
      if (!isWorking) return;
      const timeout = new Promise<void>((resolve) => {
        setTimeout(resolve, timeoutMs).unref();
      });
      await Promise.race([new Promise<void>((resolve) => (onIdle = resolve)), timeout]);
    },
  };
}

function sizeOf(finished: FinishedCall): number {
  return (finished.request?.length ?? 0) + finished.responseBytes;
}
