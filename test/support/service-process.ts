// One service as an operator starts it: `cc-proxy <command>` in a process of its own, configured by its environment.
import { type ChildProcess, spawn } from 'node:child_process';
import { join } from 'node:path';
import { COMPILE_CACHE } from './compile-cache.ts';
import { freePort } from './free-port.ts';
import { until } from './gateway.ts';
import { ROOT } from './read-imports.ts';

export interface ServiceProcess {
  readonly pid: number;
  /** Where it listens for its users. */
  readonly url: string;
  readonly opsUrl: string;
  /** All it wrote, stdout and stderr. */
  output(): string;
  signal(name: NodeJS.Signals): void;
  /** Exit code, or the signal that ended it. */
  readonly ended: Promise<number | NodeJS.Signals | null>;
  /** Ends it in order, and by force when it does not. */
  stop(): Promise<void>;
}

export type ServiceCommand = 'gateway' | 'comparator' | 'console';

const LISTEN_KEYS: Record<ServiceCommand, string> = {
  gateway: 'CC_SERVER__LISTEN_ADDRESS',
  comparator: 'CC_COMPARATOR__LISTEN_ADDRESS',
  console: 'CC_CONSOLE__LISTEN_ADDRESS',
};
const START_MS = 40_000;
const STOP_MS = 15_000;

/** Resolves when its readiness probe says so. @throws when it ends before, with what it wrote */
export async function startService(
  command: ServiceCommand,
  env: Record<string, string>,
  flags: readonly string[] = [],
): Promise<ServiceProcess> {
  const [port, opsPort] = [await freePort(), await freePort()];
  const child = spawn(
    process.execPath,
    ['--conditions=source', join(ROOT, 'services/cli/main.ts'), command, ...flags],
    {
      cwd: '/',
      env: {
        PATH: process.env.PATH ?? '',
        HOME: '/nonexistent',
        ...COMPILE_CACHE,
        [LISTEN_KEYS[command]]: `127.0.0.1:${port}`,
        CC_OPS__LISTEN_ADDRESS: `127.0.0.1:${opsPort}`,
        ...env,
      },
      stdio: ['ignore', 'pipe', 'pipe'],
    },
  );
  let output = '';
  for (const stream of [child.stdout, child.stderr]) {
    stream.on('data', (chunk: Buffer) => {
      output += chunk.toString('utf8');
    });
  }
  const ended = new Promise<number | NodeJS.Signals | null>((resolve) => {
    child.on('close', (code, signal) => resolve(code ?? signal));
  });
  const onExit = (): void => void child.kill('SIGKILL');
  process.once('exit', onExit);
  void ended.then(() => process.removeListener('exit', onExit));
  const service: ServiceProcess = {
    pid: child.pid ?? 0,
    url: `http://127.0.0.1:${port}`,
    opsUrl: `http://127.0.0.1:${opsPort}`,
    output: () => output,
    signal: (name) => void child.kill(name),
    ended,
    stop: () => stop(child, ended),
  };
  await until(async () => {
    if (child.exitCode !== null) throw new Error(`cc-proxy ${command} ended with ${child.exitCode}:\n${output}`);
    return fetch(`${service.opsUrl}/readyz`).then(
      (response) => response.ok,
      () => false,
    );
  }, START_MS).catch(async (error: unknown) => {
    await service.stop();
    throw new Error(`cc-proxy ${command} did not get ready:\n${output}`, { cause: error });
  });
  return service;
}

async function stop(child: ChildProcess, ended: Promise<unknown>): Promise<void> {
  child.kill('SIGTERM');
  const timer = setTimeout(() => child.kill('SIGKILL'), STOP_MS);
  await ended;
  clearTimeout(timer);
}
