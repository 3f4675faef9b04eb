// How many exchanges are worked on at once. Work that waits for a target gives its slot away meanwhile, so that one
// dead target does not hold up the others.
import { untilEither } from './stopping.ts';

export interface WorkSlots {
  /** Slots in use. */
  readonly busy: number;
  /** Works that gave their slot away and wait. */
  readonly parked: number;
  /** Takes one at once; only after `whenFree`. */
  take(): void;
  release(): void;
  /** Resolves with the number of free slots, at least 1. Parked works go first. @throws Stopping */
  whenFree(signal: AbortSignal): Promise<number>;
  /** Runs `wait` without a slot and takes one again afterwards. @throws what `wait` throws, with the slot taken. */
  without<T>(wait: () => Promise<T>): Promise<T>;
}

export interface WorkSlotsOptions {
  limit: number;
  /** No slot is called free while so many works are parked. */
  maxParked: number;
}

export function createWorkSlots({ limit, maxParked }: WorkSlotsOptions): WorkSlots {
  let busy = 0;
  let parked = 0;
  const returning: Array<() => void> = [];
  const readers: Array<() => void> = [];

  function give(): void {
    while (busy < limit && returning.length > 0) {
      busy += 1;
      returning.shift()?.();
    }
    if (busy < limit && parked < maxParked) for (const wake of readers.splice(0)) wake();
  }

  return {
    get busy() {
      return busy;
    },
    get parked() {
      return parked;
    },
    take() {
      busy += 1;
    },
    release() {
      busy -= 1;
      give();
    },
    async whenFree(signal) {
      while (busy >= limit || parked >= maxParked) {
        await untilEither(signal, (resolve) => {
          readers.push(resolve);
          return () => {};
        });
      }
      return limit - busy;
    },
    async without(wait) {
      busy -= 1;
      parked += 1;
      give();
      try {
        return await wait();
      } finally {
        if (busy < limit) busy += 1;
        else await new Promise<void>((resolve) => returning.push(resolve));
        parked -= 1;
        give();
      }
    },
  };
}
