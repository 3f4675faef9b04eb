// Mistakes in settings, all of them: whoever looks for them goes on after the first.
import { ConfigError } from '#shared/errors.ts';

export interface Problems {
  /** What `check` returns; undefined when it found a mistake, which is kept. */
  attempt<T>(check: () => T): T | undefined;
  keep(problem: string): void;
  /** In the order in which they were found, each once. */
  found(): readonly string[];
  /** @throws ConfigError with everything that was kept, if anything was */
  throwAny(): void;
}

export function createProblems(): Problems {
  const found = new Set<string>();
  let cause: unknown;
  return {
    attempt: (check) => {
      try {
        return check();
      } catch (error) {
        if (!(error instanceof ConfigError)) throw error;
        cause ??= error;
        for (const problem of error.problems) found.add(problem);
        return undefined;
      }
    },
    keep: (problem) => {
      found.add(problem);
    },
    found: () => [...found],
    throwAny: () => {
      if (found.size > 0) throw new ConfigError([...found], cause);
    },
  };
}
