// A count of what is in flight, alone or against its limit. Only how many: a set of them would drag each into the old heap.

export interface Tally {
  readonly count: number;
  /** One more; the way to say that it is over, once. */
  take(): () => void;
}

export function createTally(): Tally {
  let count = 0;
  return {
    get count() {
      return count;
    },
    take: () => {
      count++;
      let isTaken = true;
      return () => {
        if (!isTaken) return;
        isTaken = false;
        count--;
      };
    },
  };
}

export interface Slots {
  readonly inUse: number;
  readonly limit: number;
  /** The way to give the slot back (once), or undefined when all are taken. */
  take(): (() => void) | undefined;
}

export function createSlots(limit: number): Slots {
  const taken = createTally();
  return {
    get inUse() {
      return taken.count;
    },
    limit,
    take: () => (taken.count < limit ? taken.take() : undefined),
  };
}
