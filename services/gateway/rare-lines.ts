// Says at once what happens for the first time, and what happens again and again once in a while with how often it did:
// under overload a line for each would cost more than what it tells of.

export interface RareLines {
  /** `write` is called now, or later in place of others with the same key: then with how many of them there were. */
  say(key: string, write: (count: number) => void): void;
  /** Writes what was not said yet. */
  flush(): void;
}

interface Unsaid {
  count: number;
  write(count: number): void;
  timer: NodeJS.Timeout;
}

export function createRareLines(everyMs: number): RareLines {
  const unsaid = new Map<string, Unsaid>();
  const writeOut = (line: Unsaid): boolean => {
    const { count } = line;
    line.count = 0;
    if (count > 0) line.write(count);
    return count > 0;
  };
  const elapse = (key: string, line: Unsaid): void => {
    if (writeOut(line)) line.timer.refresh();
    else unsaid.delete(key);
  };
  return {
    say: (key, write) => {
      const known = unsaid.get(key);
      if (known !== undefined) {
        known.count++;
        known.write = write;
        return;
      }
      const line: Unsaid = { count: 0, write, timer: setTimeout(() => elapse(key, line), everyMs).unref() };
      unsaid.set(key, line);
      write(1);
    },
    flush: () => {
      for (const line of unsaid.values()) writeOut(line);
    },
  };
}
