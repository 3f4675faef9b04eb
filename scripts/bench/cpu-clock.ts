// CPU time and memory of a process and its children from the kernel's own books.
import { execFileSync } from 'node:child_process';
import { readdirSync, readFileSync } from 'node:fs';

export interface CpuTime {
  /** Seconds, all threads, user and system, children included. */
  total: number;
  /** The main thread of the process alone. */
  mainThread: number;
}

export interface CpuClock {
  read(pid: number): CpuTime;
  /** Resident memory, children included. */
  rssMb(pid: number): number;
  /** Resolves when a process has nothing more to do, or after a bound of time. */
  untilIdle(pid: number): Promise<void>;
}

const IDLE_MS = 150;
const IDLE_LIMIT_MS = 5000;
/** CPU that an idle process spends on its timers in that time. */
const IDLE_SECONDS = 0.01;

/** @throws where there is no /proc */
export function createCpuClock(): CpuClock {
  const ticks = Number(execFileSync('getconf', ['CLK_TCK'], { encoding: 'utf8' }));
  /** In ticks, but with the time of threads that have ended. */
  const booked = (pid: number): number => {
    // The name of the program comes second, in brackets, and may hold spaces.
    const fields = read(`/proc/${pid}/stat`)
      .replace(/^.*\) /s, '')
      .split(' ');
    return (Number(fields[11] ?? 0) + Number(fields[12] ?? 0)) / ticks;
  };
  const readAll = (pid: number): CpuTime => {
    const mainThread = scheduled(pid, pid);
    const total = family(pid).reduce((sum, member) => {
      const ofThreads = threads(member).reduce((seconds, thread) => seconds + scheduled(member, thread), 0);
      return sum + Math.max(booked(member), ofThreads);
    }, 0);
    return { total, mainThread };
  };
  return {
    read: readAll,
    rssMb: (pid) =>
      family(pid).reduce((sum, member) => {
        const kb = /^VmRSS:\s+(\d+)/m.exec(read(`/proc/${member}/status`))?.[1];
        return sum + Number(kb ?? 0) / 1024;
      }, 0),
    untilIdle: async (pid) => {
      const deadline = performance.now() + IDLE_LIMIT_MS;
      for (let before = -1; performance.now() < deadline; ) {
        const { total } = readAll(pid);
        if (before >= 0 && total - before <= IDLE_SECONDS) return;
        before = total;
        await new Promise((resolve) => setTimeout(resolve, IDLE_MS));
      }
    },
  };
}

/** To the nanosecond where the kernel counts so; else 0, and what is booked in ticks stands. */
function scheduled(pid: number, thread: number): number {
  return Number(read(`/proc/${pid}/task/${thread}/schedstat`).split(' ')[0] ?? 0) / 1e9;
}

function threads(pid: number): number[] {
  try {
    return readdirSync(`/proc/${pid}/task`).map(Number);
  } catch {
    return []; // ended meanwhile
  }
}

function family(pid: number): number[] {
  const children = threads(pid).flatMap((thread) =>
    read(`/proc/${pid}/task/${thread}/children`).split(' ').filter(Boolean).map(Number),
  );
  return [pid, ...children.flatMap(family)];
}

function read(file: string): string {
  try {
    return readFileSync(file, 'latin1');
  } catch {
    return ''; // a thread or child that ended meanwhile
  }
}
