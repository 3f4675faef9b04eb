// Gateway, comparator and console as processes of their own, over one Redis and one SQLite file, between two simulated
// models, all of them sending spans to one receiver.
import { type ChildProcess, spawn, spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createSimulator, type Simulator } from '#services/simulator/service.ts';
import { freePort } from '../../test/support/free-port.ts';
import { header, messagesRequest, type RawAnswer, send } from '../../test/support/raw-client.ts';
import { type ServiceProcess, startService } from '../../test/support/service-process.ts';

export interface TracedServices {
  gateway: ServiceProcess;
  comparator: ServiceProcess;
  console: ServiceProcess;
  passthrough: Simulator;
  target: Simulator;
  ask(body: Record<string, unknown>, headers?: string[]): Promise<{ id: string; answer: RawAnswer }>;
  /** All that the processes wrote. */
  output(): string;
  stop(): Promise<void>;
}

export const TARGET = 'glm-5-fp8';

export function isInstalled(program: string): boolean {
  return spawnSync('/bin/sh', ['-c', `command -v ${program}`]).status === 0;
}

/** Needs redis-server in PATH. */
export async function startTracedServices(env: Record<string, string>): Promise<TracedServices> {
  const folder = mkdtempSync(join(tmpdir(), 'cc-proxy-traced-'));
  const [passthrough, target] = await Promise.all([
    createSimulator({ listenAddress: '127.0.0.1:0', seed: 1 }),
    createSimulator({ listenAddress: '127.0.0.1:0', seed: 2 }),
  ]);
  const redisPort = await freePort();
  const redis = startProgram('redis-server', [
    ...['--port', String(redisPort), '--bind', '127.0.0.1', '--save', '', '--appendonly', 'no', '--dir', folder],
  ]);
  const settings = {
    CC_DEFAULT_MODE: 'compare',
    CC_REDIS__URL: `redis://127.0.0.1:${redisPort}`,
    CC_STORE__URL: `sqlite:${join(folder, 'history.db')}`,
    CC_STATE_DIR: folder,
    CC_PASSTHROUGH__URL: passthrough.url,
    CC_TARGET__URL: target.url,
    CC_TARGET__MODEL: TARGET,
    ...env,
  };
  // The console makes the store's schema, which the comparator waits for.
  const console = await startService('console', settings);
  const comparator = await startService('comparator', settings);
  const gateway = await startService('gateway', settings);
  return {
    gateway,
    comparator,
    console,
    passthrough,
    target,
    ask: async (body, headers = []) => {
      const answer = await send(gateway.url, messagesRequest({ body, headers }));
      return { id: header(answer, 'x-ccproxy-request-id') ?? '', answer };
    },
    output: () => [gateway, comparator, console].map((service) => service.output()).join('\n'),
    stop: async () => {
      await gateway.stop();
      await comparator.stop();
      await console.stop();
      await Promise.all([passthrough.stop(), target.stop(), end(redis)]);
      rmSync(folder, { recursive: true, force: true });
    },
  };
}

export function startProgram(command: string, args: readonly string[], env: Record<string, string> = {}): ChildProcess {
  const child = spawn(command, args, { env: { ...process.env, ...env }, stdio: ['ignore', 'ignore', 'ignore'] });
  process.once('exit', () => child.kill('SIGKILL'));
  return child;
}

export function end(child: ChildProcess): Promise<void> {
  return new Promise((resolve) => {
    if (child.exitCode !== null) return resolve();
    child.once('exit', () => resolve());
    child.kill('SIGTERM');
  });
}

const PATIENCE_MS = 120_000;

/** Asks again until there is something. @throws after `patienceMs` */
export async function eventually<T>(
  what: string,
  look: () => Promise<T | null | undefined | false>,
  patienceMs = PATIENCE_MS,
): Promise<T> {
  const deadline = performance.now() + patienceMs;
  let trouble: unknown;
  while (performance.now() < deadline) {
    try {
      const found = await look();
      if (found) return found;
    } catch (error) {
      trouble = error;
    }
    await new Promise((resolve) => setTimeout(resolve, 250));
  }
  throw new Error(`not within ${patienceMs} ms: ${what}`, { cause: trouble });
}

export async function getJson<T>(url: string): Promise<T> {
  const answer = await fetch(url);
  if (!answer.ok) throw new Error(`${url} answered ${answer.status}`);
  return (await answer.json()) as T;
}

/** The checks of one script, printed as they are made. */
export interface Checks {
  check(what: string, isTrue: boolean, found?: unknown): void;
  /** Exit code. */
  end(): number;
}

export function createChecks(): Checks {
  let failed = 0;
  let passed = 0;
  return {
    check: (what, isTrue, found) => {
      if (isTrue) passed += 1;
      else failed += 1;
      const shown = found === undefined ? '' : `: ${typeof found === 'string' ? found : JSON.stringify(found)}`;
      console.log(`${isTrue ? 'passed' : 'FAILED'}  ${what}${shown}`);
    },
    end: () => {
      console.log(`\n${passed} passed, ${failed} failed`);
      return failed === 0 ? 0 : 1;
    },
  };
}

export function skip(script: string, why: string): void {
  const line = '='.repeat(72);
  console.log(`${line}\nSKIPPED  scripts/${script}: ${why}\n         Nothing was checked.\n${line}`);
}
