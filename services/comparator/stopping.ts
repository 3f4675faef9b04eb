// The stop of the comparator as work in progress sees it: not a failure of anything, and never recorded as one.

export class Stopping extends Error {
  constructor() {
    super('the comparator is stopping');
    this.name = 'Stopping';
  }
}

/** Waits, or rejects with Stopping as soon as the signal is aborted. */
export function pause(ms: number, signal: AbortSignal): Promise<void> {
  return untilEither(signal, (resolve) => {
    const timer = setTimeout(resolve, ms);
    return () => clearTimeout(timer);
  });
}

/** Starts waiting for something that calls `resolve`; rejects with Stopping at an abort. `start` returns its undoing. */
export function untilEither(signal: AbortSignal, start: (resolve: () => void) => () => void): Promise<void> {
  return new Promise((resolve, reject) => {
    if (signal.aborted) {
      reject(new Stopping());
      return;
    }
    const onAbort = (): void => {
      undo();
      reject(new Stopping());
    };
    const undo = start(() => {
      signal.removeEventListener('abort', onAbort);
      resolve();
    });
    signal.addEventListener('abort', onAbort, { once: true });
  });
}
