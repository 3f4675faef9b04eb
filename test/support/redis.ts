// A private redis-server for one test file, in a folder of its own, with the faults that tests need.
import type { ChildProcess } from 'node:child_process';
import { spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, rm } from 'node:fs/promises';
import { connect as openSocket } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createClient } from 'redis';
import { freePort } from './free-port.ts';

export const NO_REDIS = 'redis-server is not installed and REDIS_URL is not set: the tests against Redis are skipped';

export interface TestRedis {
  readonly url: string;
  /** Key prefix to use: unique when the server is shared (`REDIS_URL`). */
  readonly prefix: string;
  /** True when this server is ours, so that it may be stopped, stalled and configured. */
  readonly isPrivate: boolean;
  /** Ends the server at once. Its port stays reserved for `restart`. */
  stop(): Promise<void>;
  /** Starts it again on the same port; what it wrote to its append-only file is there again. */
  restart(): Promise<void>;
  /** Stops its clock: connections stay open, nothing is answered. */
  stall(): void;
  resume(): void;
  /** Sends one command from a fresh connection. */
  command(...args: string[]): Promise<unknown>;
  /** Deletes every key of this test. */
  clear(): Promise<void>;
  /** Ends the server by its process id and removes its folder. */
  end(): Promise<void>;
}

export interface TestRedisOptions {
  /** Server options, e.g. `{ appendonly: 'yes' }`. */
  settings?: Record<string, string>;
  /** Start a server even if `REDIS_URL` is set (fault tests). */
  onlyPrivate?: boolean;
}

/** Starts a server, or uses `REDIS_URL`; skips the suite with one clear sentence when there is neither. */
export async function startRedis(context: Mocha.Context, options: TestRedisOptions = {}): Promise<TestRedis> {
  const shared = process.env.REDIS_URL;
  if (shared && !options.onlyPrivate) return useShared(shared);
  if (spawnSync('redis-server', ['--version']).error) {
    console.warn(NO_REDIS);
    return context.skip();
  }
  return startPrivate(options.settings ?? {});
}

async function startPrivate(settings: Record<string, string>): Promise<TestRedis> {
  const folder = await mkdtemp(join(tmpdir(), 'ccproxy-redis-'));
  const port = await freePort();
  const url = `redis://127.0.0.1:${port}`;
  const all = { port: String(port), bind: '127.0.0.1', dir: folder, save: '', appendfsync: 'always', ...settings };
  const args = Object.entries(all).flatMap(([name, value]) => [`--${name}`, value]);
  let server = await launch(args, port);
  const stop = async (): Promise<void> => {
    if (server.exitCode !== null || server.signalCode !== null) return;
    const gone = once(server, 'exit');
    server.kill('SIGKILL');
    await gone;
  };
  const onExit = (): void => {
    server.kill('SIGKILL');
  };
  process.once('exit', onExit);
  return {
    url,
    prefix: 'ccproxy:',
    isPrivate: true,
    stop,
    restart: async () => {
      await stop();
      server = await launch(args, port);
    },
    stall: () => void server.kill('SIGSTOP'),
    resume: () => void server.kill('SIGCONT'),
    command: (...command) => sendOnce(url, command),
    clear: async () => void (await sendOnce(url, ['FLUSHALL'])),
    end: async () => {
      process.removeListener('exit', onExit);
      await stop();
      await rm(folder, { recursive: true, force: true });
    },
  };
}

function useShared(url: string): TestRedis {
  const prefix = `ccproxy-test-${process.pid}-${Math.random().toString(36).slice(2)}:`;
  const clear = async (): Promise<void> => {
    const keys = (await sendOnce(url, ['KEYS', `${prefix}*`])) as string[];
    if (keys.length > 0) await sendOnce(url, ['DEL', ...keys]);
  };
  const refuse = (): never => {
    throw new Error('a shared Redis is neither stopped nor stalled');
  };
  return {
    url,
    prefix,
    isPrivate: false,
    stop: refuse,
    restart: refuse,
    stall: refuse,
    resume: refuse,
    command: (...command) => sendOnce(url, command),
    clear,
    end: clear,
  };
}

async function launch(args: string[], port: number): Promise<ChildProcess> {
  const server = spawn('redis-server', args, { stdio: 'ignore' });
  const deadline = Date.now() + 10_000;
  while (!(await answersPing(port))) {
    if (server.exitCode !== null) throw new Error(`redis-server ended with code ${server.exitCode}`);
    if (Date.now() > deadline) throw new Error('redis-server did not come up within 10 s');
    await new Promise((resolve) => setTimeout(resolve, 10));
  }
  return server;
}

/** PONG only when the data set is loaded. */
function answersPing(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = openSocket({ port, host: '127.0.0.1' });
    const end = (isUp: boolean): void => {
      socket.destroy();
      resolve(isUp);
    };
    socket.once('connect', () => socket.write('PING\r\n'));
    socket.once('data', (data) => end(data.toString().startsWith('+PONG')));
    socket.once('error', () => end(false));
    socket.setTimeout(1000, () => end(false));
  });
}

async function sendOnce(url: string, command: string[]): Promise<unknown> {
  const client = createClient({ url, RESP: 2, socket: { reconnectStrategy: false }, maintNotifications: 'disabled' });
  client.on('error', () => {});
  await client.connect();
  try {
    return await client.sendCommand(command);
  } finally {
    client.destroy();
  }
}
