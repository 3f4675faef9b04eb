// This gateway in its modes, as built: the settings that make each of them.
import { spawnSync } from 'node:child_process';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { freePort } from '../../test/support/free-port.ts';
import type { Surroundings } from './foreign-peers.ts';
import { answersOk, isListening } from './is-up.ts';
import type { Counters, Peer } from './peer.ts';
import type { GatewayName } from './peer-list.ts';
import type { Place, Processes } from './processes.ts';

export interface GatewaySurroundings extends Surroundings {
  /** The file that starts the command line. */
  readonly main: string;
  /** For Node, before that file. */
  readonly nodeFlags?: readonly string[];
}

type Need = 'redis' | 'sink';

export interface Variant {
  readonly needs: readonly Need[];
  readonly settings: Readonly<Record<string, string>>;
  /** A configuration file: unlike a variable, a key in it that nobody knows ends the start. */
  readonly file?: string;
  readonly publishes: Peer['publishes'];
  readonly answers: Peer['to']['answers'];
  readonly place: Place;
}

const PLAIN: Variant = { needs: [], settings: {}, publishes: null, answers: 'bytes', place: 'tested' };
const COMPARE = { CC_DEFAULT_MODE: 'compare' };

export const VARIANTS: Record<GatewayName, Variant> = {
  target: PLAIN,
  history: { ...PLAIN, needs: ['redis'], publishes: 'exchange' },
  features: {
    ...PLAIN,
    needs: ['redis', 'sink'],
    settings: { CC_CAPTURE__LEVEL: 'metadata', CC_TRACING__CONTENT: 'false' },
    publishes: 'exchange',
  },
  spans: { ...PLAIN, needs: ['sink'], settings: { CC_TRACING__CONTENT: 'false' } },
  tracing: { ...PLAIN, needs: ['sink'], settings: { CC_TRACING__CONTENT: 'true' } },
  compare: { ...PLAIN, needs: ['redis'], settings: { ...COMPARE, CC_CAPTURE__LEVEL: 'off' }, publishes: 'pair' },
  everything: {
    ...PLAIN,
    needs: ['redis', 'sink'],
    settings: { ...COMPARE, CC_TRACING__CONTENT: 'true' },
    publishes: 'pair',
  },
  converted: { ...PLAIN, settings: { CC_TARGET__TYPE: 'openai-chat' }, answers: 'text' },
  'one-process': { ...PLAIN, place: 'anywhere' },
  // They meet in Redis; nothing is published there, as by one process.
  'two-workers': {
    ...PLAIN,
    needs: ['redis'],
    settings: { CC_CAPTURE__LEVEL: 'off' },
    file: '[server]\nworkers = 2\n',
    place: 'anywhere',
  },
};

export interface GatewayPeer extends Peer {
  readonly pid: number;
  /** From the start of its process until it said that it was ready. */
  readonly readyMs: number;
}

const ENTRIES_KEPT = 100;

export async function startGateway(name: GatewayName, around: GatewaySurroundings): Promise<GatewayPeer> {
  const variant = VARIANTS[name];
  const needed = await Promise.all(variant.needs.map((need) => startNeed(need, around)));
  const port = await freePort();
  const opsPort = await freePort();
  const ops = `http://127.0.0.1:${opsPort}`;
  // An OpenAI-compatible base URL ends in its version.
  const upstream = variant.settings.CC_TARGET__TYPE ? `${around.upstream}/v1` : around.upstream;
  const file = join(around.folder, `cc-proxy-${name}.toml`);
  writeFileSync(file, variant.file ?? '');
  const flags = ['--config', file, '--target-url', upstream, '--model', 'bench-model'];
  const startedAt = performance.now();
  const { pid } = await around.processes.program(
    [process.execPath, ...(around.nodeFlags ?? []), around.main, ...flags, 'gateway'],
    {
      HOME: around.folder,
      CC_STATE_DIR: join(around.folder, `state-${name}-${port}`),
      CC_SERVER__LISTEN_ADDRESS: `127.0.0.1:${port}`,
      CC_SERVER__MAX_CONCURRENT_REQUESTS: '20000',
      CC_OPS__LISTEN_ADDRESS: `127.0.0.1:${opsPort}`,
      CC_PASSTHROUGH__URL: around.upstream,
      CC_PASSTHROUGH__MAX_CONCURRENT: '20000',
      CC_TARGET__MAX_CONCURRENT: '20000',
      // Nobody reads what is published.
      CC_EXCHANGE__MAX_LEN: String(ENTRIES_KEPT),
      ...Object.assign({}, ...needed),
      ...variant.settings,
    },
    variant.place,
    () => answersOk(`${ops}/readyz`),
  );
  const readyMs = performance.now() - startedAt;
  return {
    ...{
      name,
      pid,
      readyMs,
      version: null,
      publishes: variant.publishes,
      counters: () => readCounters(`${ops}/metrics`),
    },
    to: { port, headers: {}, answers: variant.answers },
  };
}

/** Starts what a gateway wants beside it; returns the settings that point there. */
async function startNeed(need: Need, { processes, folder }: Surroundings): Promise<Record<string, string>> {
  if (need === 'redis') return { CC_REDIS__URL: await startRedis(processes, folder) };
  const sink = await processes.script('sink.ts', [], 'beside');
  return { CC_TRACING__ENDPOINT: `http://127.0.0.1:${sink.port}` };
}

async function startRedis(processes: Processes, folder: string): Promise<string> {
  if (spawnSync('redis-server', ['--version']).error) throw new Error('redis-server is not installed');
  const port = await freePort();
  const settings = { port: String(port), bind: '127.0.0.1', dir: folder, save: '', appendonly: 'no' };
  const args = Object.entries(settings).flatMap(([key, value]) => [`--${key}`, value]);
  await processes.program(['redis-server', ...args], {}, 'beside', () => isListening(port));
  return `redis://127.0.0.1:${port}`;
}

/** Node's own monitor counts the time between its ticks in: an idle loop reads as one tick. */
const LOOP_TICK_MS = 10;

async function readCounters(url: string): Promise<Counters> {
  const text = await (await fetch(url)).text();
  const loopSeconds = Number(/^nodejs_eventloop_lag_p99_seconds(?:\{[^}]*\})? (\S+)/m.exec(text)?.[1]);
  return {
    pairs: sum(text, /^ccproxy_compare_enqueue_total\{[^}]*result="ok"[^}]*\} (\S+)/gm),
    lost: sum(text, /^ccproxy_history_records_total\{[^}]*result="failed"[^}]*\} (\S+)/gm),
    spansLost: sum(text, /^ccproxy_telemetry_spans_total\{(?![^}]*result="exported")[^}]*\} (\S+)/gm),
    loopDelayP99Ms: Math.max(0, loopSeconds * 1000 - LOOP_TICK_MS),
  };
}

function sum(text: string, pattern: RegExp): number {
  return [...text.matchAll(pattern)].reduce((total, match) => total + Number(match[1]), 0);
}
