// Long timers in the hand of a test: whoever waits seconds waits until the test lets them pass. Short ones run as ever, so
// that sockets and polls go on.

import { until } from './gateway.ts';

export interface HeldTimers {
  /** So much time passes for the timers that are held; those that are due go off, the earliest first. */
  pass(ms: number): void;
  /** Of those that are held: so long each was to wait. */
  waiting(): number[];
  release(): void;
}

interface Held {
  callback: () => void;
  ms: number;
  dueAt: number;
}

const SHORT_MS = 5000;

/** @param shortMs below which they run as ever */
export function holdTimers(shortMs = SHORT_MS): HeldTimers {
  const real = { setTimeout: globalThis.setTimeout, clearTimeout: globalThis.clearTimeout };
  const held = new Set<Held>();
  let now = 0;
  const hold = (callback: () => void, ms: number): unknown => {
    const timer: Held = { callback, ms, dueAt: now + ms };
    held.add(timer);
    const handle = {
      ...{ ref: () => handle, unref: () => handle, hasRef: () => false, close: () => held.delete(timer) },
      refresh: () => {
        timer.dueAt = now + ms;
        held.add(timer);
        return handle;
      },
      timer,
    };
    return handle;
  };
  globalThis.setTimeout = ((callback: (...args: unknown[]) => void, ms = 0, ...args: unknown[]) =>
    ms < shortMs
      ? real.setTimeout(callback, ms, ...args)
      : hold(() => callback(...args), ms)) as typeof globalThis.setTimeout;
  globalThis.clearTimeout = ((handle: { timer?: Held } | undefined) => {
    if (handle?.timer) held.delete(handle.timer);
    else real.clearTimeout(handle as NodeJS.Timeout | undefined);
  }) as typeof globalThis.clearTimeout;
  return {
    pass: (ms) => {
      const end = now + ms;
      for (;;) {
        const [next] = [...held].filter(({ dueAt }) => dueAt <= end).toSorted((a, b) => a.dueAt - b.dueAt);
        if (!next) break;
        held.delete(next);
        now = next.dueAt;
        next.callback();
      }
      now = end;
    },
    waiting: () => [...held].map(({ ms }) => ms),
    release: () => {
      Object.assign(globalThis, real);
      held.clear();
    },
  };
}

/** Begins what waits so long, and lets that time pass as soon as it does. */
export async function passOnceWaiting(ms: number, begin: () => Promise<unknown>): Promise<void> {
  const timers = holdTimers(ms);
  try {
    const ended = begin();
    await until(() => timers.waiting().includes(ms));
    timers.pass(ms);
    await ended;
  } finally {
    timers.release();
  }
}
