// Starts the processes of a bench, each on its core, and ends them all, whatever happens.
import { type ChildProcess, spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { basename, join } from 'node:path';

const ROOT = join(import.meta.dirname, '../..');
const START_MS = 20_000;
const STOP_MS = 3000;
const POLL_MS = 5;

/** `tested` is the one whose cost is measured; everything else shares the other core. `anywhere`: bound to none. */
export type Place = 'tested' | 'beside' | 'anywhere';

export interface Started {
  readonly child: ChildProcess;
  readonly pid: number;
}

export interface Processes {
  /** Where processes are put, in words. */
  readonly placement: string;
  /** A script of the bench; resolves with the port it reports. */
  script(file: string, args: string[], place: Place): Promise<Started & { port: number }>;
  /** A program; it is up when `isUp` says so. */
  program(
    command: string[],
    env: Record<string, string>,
    place: Place,
    isUp: () => Promise<boolean>,
    startMs?: number,
  ): Promise<Started>;
  stop(pid: number): Promise<void>;
  /** For good: what asks for another afterwards fails. */
  stopAll(): Promise<void>;
}

export function createProcesses(cores: number): Processes {
  const running = new Set<ChildProcess>();
  let isEnding = false;
  const canPin = cores >= 2 && !spawnSync('taskset', ['--version']).error;
  const onCore = (place: Place, command: string[]): string[] =>
    canPin && place !== 'anywhere'
      ? ['taskset', '-c', place === 'tested' ? String(cores - 1) : `0-${cores - 2}`, ...command]
      : command;

  const start = (command: string[], env: Record<string, string>, hasChannel: boolean): Started => {
    if (isEnding) throw new Error('the bench is ending');
    const [file = '', ...args] = command;
    const channel = hasChannel ? (['ipc'] as const) : [];
    const child = spawn(file, args, { cwd: ROOT, env, stdio: ['ignore', 'ignore', 'pipe', ...channel] });
    running.add(child);
    child.once('exit', () => running.delete(child));
    child.on('error', () => running.delete(child));
    if (child.pid === undefined) throw new Error(`${file} could not be started`);
    return { child, pid: child.pid };
  };

  return {
    placement: canPin
      ? `the process under test on core ${cores - 1}, all others on ${cores === 2 ? 'core 0' : `cores 0 to ${cores - 2}`}`
      : 'no process is bound to a core',
    script: async (file, args, place) => {
      const command = onCore(place, [process.execPath, join(import.meta.dirname, file), ...args]);
      const started = start(command, basicEnvironment(), true);
      const lastWords = listen(started.child);
      const [message] = await within(started.child, once(started.child, 'message'), file, lastWords);
      return { ...started, port: (message as { port: number }).port };
    },
    program: async (command, env, place, isUp, startMs) => {
      const started = start(onCore(place, command), { ...basicEnvironment(), ...env }, false);
      const lastWords = listen(started.child);
      await within(
        started.child,
        untilUp(started.child, isUp),
        command
          .slice(0, 2)
          .map((word) => basename(word))
          .join(' '),
        lastWords,
        startMs,
      );
      return started;
    },
    stop: async (pid) => {
      await Promise.all([...running].filter((child) => child.pid === pid).map(stop));
    },
    stopAll: async () => {
      isEnding = true;
      await Promise.all([...running].map(stop));
    },
  };
}

/** Of the environment a child gets only this: settings of the user would be measured otherwise. */
function basicEnvironment(): Record<string, string> {
  return { PATH: process.env.PATH ?? '' };
}

function listen(child: ChildProcess): () => string {
  let text = '';
  child.stderr?.on('data', (data: Buffer) => {
    text = (text + data.toString()).slice(-2000);
  });
  return () => text.trim();
}

async function untilUp(child: ChildProcess, isUp: () => Promise<boolean>): Promise<void> {
  while (child.exitCode === null && !(await isUp())) await new Promise((resolve) => setTimeout(resolve, POLL_MS));
}

/** @throws when the process ends or the time passes before it is up */
async function within<T>(
  child: ChildProcess,
  up: Promise<T>,
  name: string,
  lastWords: () => string,
  startMs = START_MS,
): Promise<T> {
  let timer: NodeJS.Timeout | undefined;
  const failed = new Promise<never>((_, reject) => {
    const fail = (why: string) => () => reject(new Error(`${name} ${why}: ${lastWords()}`));
    timer = setTimeout(fail('did not come up in time'), startMs);
    child.once('exit', fail('ended at once'));
  });
  try {
    return await Promise.race([up, failed]);
  } finally {
    clearTimeout(timer);
  }
}

async function stop(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return;
  const gone = once(child, 'exit');
  child.kill('SIGTERM');
  const timer = setTimeout(() => child.kill('SIGKILL'), STOP_MS);
  await gone;
  clearTimeout(timer);
}
