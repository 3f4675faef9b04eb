// Runs a client's program to its end, within a time and without anything of this environment but the path to programs.
import { type ChildProcess, spawn } from 'node:child_process';
import { createInterface } from 'node:readline';
import type { ClientRun } from './client.ts';

export interface Program {
  command: string;
  args: string[];
  cwd: string;
  env: Record<string, string>;
  limitMs: number;
}

/** Its output is all that it printed. */
export function runProgram(program: Program): Promise<ClientRun> {
  const child = start(program, 'ignore');
  const output = collect(child);
  return ended(child, () => output().trim());
}

/** Talks to it in lines of JSON: the next prompt once the one before has its result. Its output is the last result. */
export function runSession(program: Program, prompts: string[]): Promise<ClientRun> {
  const child = start(program, 'pipe');
  const output = collect(child);
  const waiting = [...prompts];
  let result: string | undefined;
  const goOn = (): void => {
    const content = waiting.shift();
    if (content === undefined) child.stdin?.end();
    else child.stdin?.write(`${JSON.stringify({ type: 'user', message: { role: 'user', content } })}\n`);
  };
  // A program that has died takes no more prompts; its exit code says so.
  child.stdin?.on('error', () => undefined);
  if (child.stdout) {
    createInterface({ input: child.stdout }).on('line', (line) => {
      const said = readResult(line);
      if (said === undefined) return;
      result = said;
      goOn();
    });
  }
  goOn();
  return ended(child, () => (waiting.length === 0 && result !== undefined ? result : output().trim()));
}

/** The text of a line that ends a prompt; undefined for any other line. */
function readResult(line: string): string | undefined {
  if (!line.includes('"type":"result"')) return undefined;
  const said = JSON.parse(line) as { type?: unknown; result?: unknown; subtype?: unknown };
  return said.type === 'result' ? String(said.result ?? said.subtype ?? '') : undefined;
}

function start({ command, args, cwd, env, limitMs }: Program, stdin: 'ignore' | 'pipe'): ChildProcess {
  return spawn(command, args, {
    cwd,
    env: { PATH: process.env.PATH ?? '', ...env },
    stdio: [stdin, 'pipe', 'pipe'],
    timeout: limitMs,
    killSignal: 'SIGKILL',
  });
}

function collect(child: ChildProcess): () => string {
  const chunks: Buffer[] = [];
  child.stdout?.on('data', (chunk: Buffer) => chunks.push(chunk));
  child.stderr?.on('data', (chunk: Buffer) => chunks.push(chunk));
  return () => Buffer.concat(chunks).toString('utf8');
}

function ended(child: ChildProcess, output: () => string): Promise<ClientRun> {
  return new Promise((resolve, reject) => {
    child.on('error', reject);
    child.on('close', (code) => resolve({ code, output: output() }));
  });
}
