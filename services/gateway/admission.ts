// Keeps the compare queue from growing without end: a sample of its backlog once a second decides whether new sessions
// are let in. Whole sessions are worth more than scattered turns, so those that are in stay in.
import type { Bus } from '#shared/bus/bus.ts';
import type { Admission } from './routing/choose-shadow.ts';

const HALF_RATE_ABOVE = 200;
const NO_NEW_ABOVE = 1000;
const SAMPLE_MS = 1000;
/** Sessions remembered; the least recently seen is forgotten first. */
const REMEMBERED = 10_000;

export interface BacklogAdmission extends Admission {
  stop(): void;
}

export function createAdmission(bus: Bus, fullAbove: number, onTrouble: (error: unknown) => void): BacklogAdmission {
  const sessions = new Map<string, true>();
  let pending = 0;
  const sample = (): void => {
    bus.backlog('compare').then((backlog) => {
      pending = backlog.pending;
    }, onTrouble);
  };
  const timer = setInterval(sample, SAMPLE_MS);
  timer.unref();
  const touch = (sessionId: string): void => {
    sessions.delete(sessionId);
    sessions.set(sessionId, true);
    const oldest = sessions.size > REMEMBERED ? sessions.keys().next().value : undefined;
    if (oldest !== undefined) sessions.delete(oldest);
  };
  return {
    get newSessionRate() {
      if (pending > NO_NEW_ABOVE) return 0;
      return pending > HALF_RATE_ABOVE ? 0.5 : 1;
    },
    get isFull() {
      return pending > fullAbove;
    },
    isAdmitted: (sessionId) => {
      const isKnown = sessions.has(sessionId);
      if (isKnown) touch(sessionId);
      return isKnown;
    },
    admit: touch,
    stop: () => clearInterval(timer),
  };
}
