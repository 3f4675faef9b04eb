// How long a test waits for what must come, and how long something took, in time that this process had: a busy machine
// may stop it for seconds, and what waits in its sockets meanwhile must not lose against a timer.

/** A bound on waiting, below mocha's own, for what no test says how soon it must come. */
export const PATIENCE_MS = 15_000;

/** What a stop counts, in looks. */
const STOP_LOOKS = 10;
const STEPS = 20;
const STEP_MS = 5;
const MOST_ATTEMPTS = 5;

export interface Patience {
  /** To be asked after every look. */
  isOver(): boolean;
}

/** @param everyMs the pause between two looks */
export function startPatience(limitMs: number, everyMs: number): Patience {
  let waitedMs = 0;
  let lookedAt = performance.now();
  let spentMs = threadMs();
  return {
    isOver: () => {
      const now = performance.now();
      const spent = threadMs();
      // A look may work for longer than a stop counts.
      waitedMs += Math.min(now - lookedAt, Math.max(STOP_LOOKS * everyMs, spent - spentMs));
      lookedAt = now;
      spentMs = spent;
      return waitedMs > limitMs;
    },
  };
}

/** Calls back unless it is stopped before the patience is over. */
export function afterPatience(limitMs: number, onOver: () => void): { stop(): void } {
  let steps = 0;
  const timer = setInterval(() => {
    steps += 1;
    if (steps < STEPS) return;
    clearInterval(timer);
    onOver();
  }, limitMs / STEPS);
  return { stop: () => clearInterval(timer) };
}

/** Says how many milliseconds the work took of those in which this process ran. */
export async function runningMs(work: () => Promise<unknown>): Promise<number> {
  let steps = 0;
  const before = threadMs();
  const timer = setInterval(() => {
    steps += 1;
  }, STEP_MS);
  try {
    await work();
  } finally {
    clearInterval(timer);
  }
  // Work that blocks this thread lets no step happen.
  return Math.max(steps * STEP_MS, threadMs() - before);
}

/**
 * Makes an attempt whose times are real ones. Where this process stood still meanwhile for longer than those times allow,
 * a failure says nothing, and another attempt is made: each begins anew.
 */
export async function attemptInTime(allowedMs: number, attempt: () => Promise<void>): Promise<void> {
  for (let left = MOST_ATTEMPTS; ; left -= 1) {
    let stoodMs = 0;
    let seenAt = performance.now();
    const look = (): void => {
      const now = performance.now();
      stoodMs = Math.max(stoodMs, now - seenAt);
      seenAt = now;
    };
    const timer = setInterval(look, STEP_MS);
    try {
      return await attempt();
    } catch (error) {
      look();
      if (left === 1 || stoodMs < allowedMs) throw error;
    } finally {
      clearInterval(timer);
    }
  }
}

/** What the work cost this thread, whatever else the machine did meanwhile. */
export function cpuMs(work: () => void): number {
  const before = threadMs();
  work();
  return threadMs() - before;
}

function threadMs(): number {
  const { user, system } = process.threadCpuUsage();
  return (user + system) / 1000;
}
