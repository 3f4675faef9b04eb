// The command line as its user runs it: a process of its own.
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';
import { COMPILE_CACHE } from './compile-cache.ts';
import { until } from './gateway.ts';

const MAIN = fileURLToPath(import.meta.resolve('#services/cli/main.ts'));

/** A bound on waiting for a program to start. */
const START_MS = 25_000;

export interface CliProcess {
  child: ChildProcess;
  stdout(): string;
  stderr(): string;
  /** Resolves with what the pattern caught in the output. @throws after `timeoutMs` or when the process ended before */
  line(pattern: RegExp, timeoutMs?: number): Promise<RegExpExecArray>;
  exit(): Promise<{ code: number | null; signal: NodeJS.Signals | null }>;
}

export interface CliOptions {
  cwd?: string;
  env?: Record<string, string>;
}

/** With nothing of this process's environment but PATH; the cache spares time and changes nothing. */
export function startCli(args: string[], { cwd = process.cwd(), env = {} }: CliOptions = {}): CliProcess {
  const child = spawn(process.execPath, [...process.execArgv, MAIN, ...args], {
    cwd,
    env: { PATH: process.env.PATH ?? '', HOME: cwd, ...COMPILE_CACHE, ...env },
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  let stdout = '';
  let stderr = '';
  child.stdout.on('data', (part: Buffer) => (stdout += part));
  child.stderr.on('data', (part: Buffer) => (stderr += part));
  const ended = once(child, 'close') as Promise<[number | null, NodeJS.Signals | null]>;
  return {
    child,
    stdout: () => stdout,
    stderr: () => stderr,
    line: async (pattern, timeoutMs = START_MS) => {
      let found: RegExpExecArray | null = null;
      await until(() => {
        found = pattern.exec(stdout) ?? pattern.exec(stderr);
        if (!found && child.exitCode !== null) throw new Error(`it ended with ${child.exitCode}: ${stderr}`);
        return found !== null;
      }, timeoutMs);
      return found as unknown as RegExpExecArray;
    },
    exit: async () => {
      const [code, signal] = await ended;
      return { code, signal };
    },
  };
}

export async function runCli(
  args: string[],
  options: CliOptions = {},
): Promise<{ code: number | null; stdout: string; stderr: string }> {
  const cli = startCli(args, options);
  const { code } = await cli.exit();
  return { code, stdout: cli.stdout(), stderr: cli.stderr() };
}
