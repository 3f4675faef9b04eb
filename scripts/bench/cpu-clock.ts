// CPU time of a process from the kernel's own books: all its threads together, and its main thread.
import { execFileSync } from 'node:child_process';
import { readFileSync } from 'node:fs';

export interface CpuTime {
  /** Seconds, all threads, user and system. */
  total: number;
  mainThread: number;
}

export interface CpuClock {
  read(pid: number): CpuTime;
  /** Resolves when a process has nothing more to do, or after a bound of time. */
  untilIdle(pid: number): Promise<void>;
}

const IDLE_MS = 150;
const IDLE_LIMIT_MS = 5000;

/** @throws where there is no /proc */
export function createCpuClock(): CpuClock {
  const ticks = Number(execFileSync('getconf', ['CLK_TCK'], { encoding: 'utf8' }));
  const seconds = (file: string): number => {
    // The name of the program comes second, in brackets, and may hold spaces.
    const fields = readFileSync(file, 'latin1')
      .replace(/^.*\) /s, '')
      .split(' ');
    return (Number(fields[11]) + Number(fields[12])) / ticks;
  };
  const read = (pid: number): CpuTime => ({
    total: seconds(`/proc/${pid}/stat`),
    mainThread: seconds(`/proc/${pid}/task/${pid}/stat`),
  });
  return {
    read,
    untilIdle: async (pid) => {
      const deadline = performance.now() + IDLE_LIMIT_MS;
      for (let before = -1; performance.now() < deadline; ) {
        const { total } = read(pid);
        // One tick in this time is what an idle process spends on its timers.
        if (before >= 0 && total - before <= 1 / ticks) return;
        before = total;
        await new Promise((resolve) => setTimeout(resolve, IDLE_MS));
      }
    },
  };
}
