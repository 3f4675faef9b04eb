// Who is measured: what answers on which port, and how to ask it what it lost.
import { spawnSync } from 'node:child_process';
import { connect } from 'node:net';
import { join } from 'node:path';
import { freePort, type Processes } from './processes.ts';

export const PEER_NAMES = ['direct', 'bare', 'target', 'compare', 'target+otlp'] as const;
export type PeerName = (typeof PEER_NAMES)[number];

export interface Peer {
  readonly name: PeerName;
  readonly port: number;
  /** null = nobody is between generator and upstream. */
  readonly pid: number | null;
  /** The process's counters; null when it has none. */
  counters(): Promise<PublishCounters | null>;
}

/** Why a peer is not there. */
export interface MissingPeer {
  readonly name: PeerName;
  readonly problem: string;
}

export interface PublishCounters {
  /** Planned pairs that reached the bus. */
  pairs: number;
  /** Exchanges that did not. */
  lost: number;
}

const ENTRIES_KEPT = 100;

/** Starts the peers that are asked for. One that cannot be started is missing and says why. */
export async function startPeers(
  processes: Processes,
  names: readonly PeerName[],
  upstreamPort: number,
  gateway: { main: string; folder: string },
): Promise<Array<Peer | MissingPeer>> {
  const upstream = `http://127.0.0.1:${upstreamPort}`;
  return Promise.all(
    names.map((name) =>
      startPeer(name, { processes, upstream, upstreamPort, ...gateway }).catch((error: unknown) => ({
        name,
        problem: error instanceof Error ? error.message : String(error),
      })),
    ),
  );
}

interface Surroundings {
  processes: Processes;
  upstream: string;
  upstreamPort: number;
  /** The file that starts the command line. */
  main: string;
  /** For what a process keeps. */
  folder: string;
}

async function startPeer(name: PeerName, around: Surroundings): Promise<Peer> {
  switch (name) {
    case 'direct':
      return { name, port: around.upstreamPort, pid: null, counters: async () => null };
    case 'bare': {
      const { port, pid } = await around.processes.script('bare.ts', [around.upstream], 'tested');
      return { name, port, pid, counters: async () => null };
    }
    case 'target':
      return startGateway(name, around, {});
    case 'target+otlp': {
      const sink = await around.processes.script('sink.ts', [], 'beside');
      return startGateway(name, around, { CC_TRACING__ENDPOINT: `http://127.0.0.1:${sink.port}` });
    }
    case 'compare': {
      const redisUrl = await startRedis(around);
      return startGateway(name, around, { CC_DEFAULT_MODE: 'compare', CC_REDIS__URL: redisUrl });
    }
  }
}

async function startGateway(name: PeerName, around: Surroundings, settings: Record<string, string>): Promise<Peer> {
  const port = await freePort();
  const opsPort = await freePort();
  const ops = `http://127.0.0.1:${opsPort}`;
  const flags = ['--target-url', around.upstream, '--model', 'bench-model', 'gateway'];
  const { pid } = await around.processes.program(
    [process.execPath, around.main, ...flags],
    {
      HOME: around.folder,
      CC_STATE_DIR: join(around.folder, name),
      CC_SERVER__LISTEN_ADDRESS: `127.0.0.1:${port}`,
      CC_OPS__LISTEN_ADDRESS: `127.0.0.1:${opsPort}`,
      CC_PASSTHROUGH__URL: around.upstream,
      CC_TARGET__MAX_CONCURRENT: '1000',
      // Nobody reads what is published.
      CC_EXCHANGE__MAX_LEN: String(ENTRIES_KEPT),
      ...settings,
    },
    'tested',
    () => answersOk(`${ops}/readyz`),
  );
  return { name, port, pid, counters: () => readCounters(`${ops}/metrics`) };
}

async function startRedis({ processes, folder }: Surroundings): Promise<string> {
  if (spawnSync('redis-server', ['--version']).error) throw new Error('redis-server is not installed');
  const port = await freePort();
  const settings = { port: String(port), bind: '127.0.0.1', dir: folder, save: '', appendonly: 'no' };
  const args = Object.entries(settings).flatMap(([key, value]) => [`--${key}`, value]);
  await processes.program(['redis-server', ...args], {}, 'beside', () => isListening(port));
  return `redis://127.0.0.1:${port}`;
}

async function answersOk(url: string): Promise<boolean> {
  try {
    return (await fetch(url)).ok;
  } catch {
    return false; // not listening yet
  }
}

function isListening(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect(port, '127.0.0.1');
    const end = (isUp: boolean) => () => {
      socket.destroy();
      resolve(isUp);
    };
    socket.once('connect', end(true));
    socket.once('error', end(false));
  });
}

async function readCounters(url: string): Promise<PublishCounters> {
  const text = await (await fetch(url)).text();
  return {
    pairs: sum(text, /^ccproxy_compare_enqueue_total\{[^}]*result="ok"[^}]*\} (\S+)/gm),
    lost: sum(text, /^ccproxy_history_records_total\{[^}]*result="failed"[^}]*\} (\S+)/gm),
  };
}

function sum(text: string, pattern: RegExp): number {
  return [...text.matchAll(pattern)].reduce((total, match) => total + Number(match[1]), 0);
}
