// A service's life as its starter sees it, and the signals that end it.

export interface RunningService {
  /** Where it listens, for people: `http://127.0.0.1:3080`. Empty when it has no listener. */
  readonly url: string;
  /** Stops taking work, finishes what runs up to its own deadline, then closes. May be called twice. */
  stop(): Promise<void>;
}

/** Resolves with the first SIGTERM or SIGINT; a second one ends the process at once. */
export function untilSignalled(): Promise<NodeJS.Signals> {
  return new Promise((resolve) => {
    let seen = false;
    const onSignal = (signal: NodeJS.Signals): void => {
      if (seen) process.exit(130);
      seen = true;
      resolve(signal);
    };
    process.on('SIGTERM', onSignal);
    process.on('SIGINT', onSignal);
  });
}
