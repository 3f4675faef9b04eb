// How many pairs are worked on at once. A pair that waits for its target gives its slot away meanwhile, so that one dead
// target does not hold up the others.
import { untilEither } from './stopping.ts';

/** The slots of one delivery, one a pair. */
export interface SlotShare {
  /** One pair is done. Not more often than slots were taken. */
  release(): void;
  /** Runs `wait` without the pair's slot and takes one again afterwards. @throws what `wait` throws, with the slot taken. */
  without<T>(wait: () => Promise<T>): Promise<T>;
  /** Gives back what is left. */
  end(): void;
}

export interface WorkSlots {
  /** Pairs worked on. */
  readonly busy: number;
  /** Pairs that gave their slot away and wait. */
  readonly parked: number;
  /** Takes slots at once, also more than are free: a delivery is one whole. */
  take(count: number): SlotShare;
  /** Resolves with the number of free slots, at least 1. Parked pairs go first. @throws Stopping */
  whenFree(signal: AbortSignal): Promise<number>;
}

export interface WorkSlotsOptions {
  limit: number;
  /** No slot is called free while so many pairs are parked. */
  maxParked: number;
}

export function createWorkSlots({ limit, maxParked }: WorkSlotsOptions): WorkSlots {
  let busy = 0;
  let parked = 0;
  const returning: Array<() => void> = [];
  const readers = new Set<() => void>();

  function give(count: number): void {
    busy -= count;
    while (busy < limit && returning.length > 0) {
      busy += 1;
      returning.shift()?.();
    }
    if (busy < limit && parked < maxParked) for (const wake of [...readers]) wake();
  }

  async function without<T>(wait: () => Promise<T>): Promise<T> {
    parked += 1;
    give(1);
    try {
      return await wait();
    } finally {
      if (busy < limit) busy += 1;
      else await new Promise<void>((resolve) => returning.push(resolve));
      parked -= 1;
      give(0);
    }
  }

  return {
    get busy() {
      return busy;
    },
    get parked() {
      return parked;
    },
    take(count) {
      busy += count;
      let left = count;
      return {
        release() {
          if (left === 0) return;
          left -= 1;
          give(1);
        },
        without,
        end() {
          give(left);
          left = 0;
        },
      };
    },
    async whenFree(signal) {
      while (busy >= limit || parked >= maxParked) {
        await untilEither(signal, (resolve) => {
          const wake = (): void => {
            readers.delete(wake);
            resolve();
          };
          readers.add(wake);
          return () => readers.delete(wake);
        });
      }
      return limit - busy;
    },
  };
}
