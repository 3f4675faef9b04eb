// The bench: `npm run bench`. What the gateway costs in each mode beside a bare proxy of node:http and undici, measured
// side by side in one run. Writes docs/evidence/bench.md; with --quick it is a minute's look that is only printed.
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { cpus, loadavg, release, tmpdir } from 'node:os';
import { dirname, join, resolve } from 'node:path';
import { parseArgs } from 'node:util';
import express from 'express/package.json' with { type: 'json' };
import undici from 'undici/package.json' with { type: 'json' };
import { buildPackage } from './bench/build-package.ts';
import { createCpuClock } from './bench/cpu-clock.ts';
import { findLoad, LOADS, type Load } from './bench/loads.ts';
import { type MissingPeer, PEER_NAMES, type Peer, type PeerName, startPeers } from './bench/peers.ts';
import { createProcesses, type Processes } from './bench/processes.ts';
import { formatReport } from './bench/report.ts';
import { type Cell, runRounds } from './bench/run-rounds.ts';
import { summarize } from './bench/summarize.ts';

const PAGE = join(import.meta.dirname, '../docs/evidence/bench.md');
const BASE: PeerName = 'bare';

interface Options {
  rounds: number;
  seconds: number;
  warmupSeconds: number;
  loads: Load[];
  peers: PeerName[];
  /** null = only printed. */
  page: string | null;
}

function readOptions(args: string[]): Options {
  const { values } = parseArgs({
    args,
    options: {
      rounds: { type: 'string' },
      seconds: { type: 'string' },
      quick: { type: 'boolean', default: false },
      loads: { type: 'string' },
      peers: { type: 'string' },
      out: { type: 'string' },
    },
  });
  const { quick } = values;
  const seconds = positive('seconds', values.seconds ?? (quick ? '1' : '1.5'));
  return {
    rounds: positive('rounds', values.rounds ?? (quick ? '1' : '5')),
    seconds,
    warmupSeconds: quick ? seconds / 2 : Math.max(1, seconds),
    loads: values.loads?.split(',').map(findLoad) ?? [...LOADS],
    peers: values.peers?.split(',').map(findPeer) ?? [...PEER_NAMES],
    page: values.out ? resolve(values.out) : quick ? null : PAGE,
  };
}

function positive(name: string, text: string): number {
  const value = Number(text);
  if (!(value > 0)) throw new Error(`--${name} ${text} must be a number above 0`);
  return value;
}

function findPeer(name: string): PeerName {
  const peer = PEER_NAMES.find((known) => known === name);
  if (!peer) throw new Error(`no peer is called ${name}; there are ${PEER_NAMES.join(', ')}`);
  return peer;
}

async function measureAll(options: Options, processes: Processes, folder: string) {
  const upstream = await processes.script('upstream.ts', [], 'beside');
  const generator = await processes.script('generator.ts', [], 'beside');
  const gateway = { main: buildPackage(folder), folder };
  const peers = await startPeers(processes, options.peers, upstream.port, gateway);
  const cells = await runRounds(
    { ...options, peers: peers.filter(isPresent) },
    { generator: generator.child, cpu: createCpuClock(), onProgress: (text) => process.stderr.write(`${text}\n`) },
  );
  return { cells, missing: peers.filter(isMissing) };
}

function isPresent(peer: Peer | MissingPeer): peer is Peer {
  return 'port' in peer;
}

function isMissing(peer: Peer | MissingPeer): peer is MissingPeer {
  return !isPresent(peer);
}

function toPage(options: Options, cells: Cell[], missing: MissingPeer[], parts: PageParts): string {
  const machine = cpus();
  return formatReport({
    command: ['npm run bench', ...(parts.args.length > 0 ? ['--', ...parts.args] : [])].join(' '),
    date: new Date().toISOString().slice(0, 10),
    machine: `${machine.length} cores, ${machine[0]?.model.trim() ?? 'unknown'}, Linux ${release()}`,
    versions: `Node ${process.versions.node}, undici ${undici.version}, express ${express.version}`,
    placement: parts.placement,
    rounds: options.rounds,
    seconds: options.seconds,
    loadAverage: [parts.loadBefore, loadavg()[0] ?? 0],
    loads: options.loads.map((load) => ({ load, rows: summarize(cells, load.name, PEER_NAMES, BASE) })),
    missing,
  });
}

interface PageParts {
  args: string[];
  placement: string;
  loadBefore: number;
}

async function main(args: string[]): Promise<void> {
  const options = readOptions(args);
  const folder = mkdtempSync(join(tmpdir(), 'cc-proxy-bench-'));
  const processes = createProcesses(cpus().length);
  const loadBefore = loadavg()[0] ?? 0;
  try {
    const { cells, missing } = await measureAll(options, processes, folder);
    const page = toPage(options, cells, missing, { args, placement: processes.placement, loadBefore });
    process.stdout.write(page);
    if (options.page === null) return;
    mkdirSync(dirname(options.page), { recursive: true });
    writeFileSync(options.page, page);
  } finally {
    await processes.stopAll();
    rmSync(folder, { recursive: true, force: true });
  }
}

await main(process.argv.slice(2));
