// A count of what is in flight against its limit.

export interface Slots {
  readonly inUse: number;
  readonly limit: number;
  /** The way to give the slot back (once), or undefined when all are taken. */
  take(): (() => void) | undefined;
}

export function createSlots(limit: number, onChange: (inUse: number) => void = () => {}): Slots {
  let inUse = 0;
  return {
    get inUse() {
      return inUse;
    },
    limit,
    take: () => {
      if (inUse >= limit) return undefined;
      onChange(++inUse);
      let isTaken = true;
      return () => {
        if (!isTaken) return;
        isTaken = false;
        onChange(--inUse);
      };
    },
  };
}
