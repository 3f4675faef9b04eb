// The bench: `npm run bench`. What the gateway costs in each mode beside a bare proxy of node:http and undici and beside
// others, measured side by side in one run. Writes docs/evidence/bench.md; with --quick it is a look that is only printed.
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { cpus, loadavg, release, tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import express from 'express/package.json' with { type: 'json' };
import { buildPackage } from './bench/build-package.ts';
import { createCpuClock } from './bench/cpu-clock.ts';
import type { Findings } from './bench/goals.ts';
import { measureIdleStreams } from './bench/idle-streams.ts';
import { HELP, type Options, readOptions, UsageError } from './bench/options.ts';
import { isMissing, isPresent, type MissingPeer } from './bench/peer.ts';
import { type PeerName, processesOf } from './bench/peer-list.ts';
import { createProcesses, type Processes } from './bench/processes.ts';
import { formatReport } from './bench/report.ts';
import { runRounds } from './bench/run-rounds.ts';
import { createStage } from './bench/stage.ts';
import { startPeers } from './bench/start-peers.ts';
import { measureStarts } from './bench/start-times.ts';

const PAGE = join(import.meta.dirname, '../docs/evidence/bench.md');

interface Measured {
  findings: Findings;
  missing: MissingPeer[];
  /** Of the peers that ran. */
  versions: string[];
}

async function measureAll(options: Options, processes: Processes, folder: string): Promise<Measured> {
  const cpu = createCpuClock();
  const stage = await createStage(processes);
  const onProgress = (text: string): void => void process.stderr.write(`${text}\n`);
  const { upstreamPort } = stage;
  const upstream = `http://127.0.0.1:${upstreamPort}`;
  const around = { main: buildPackage(folder), folder, processes, upstream, upstreamPort };
  // While nothing else is there to be disturbed by.
  const starts = await measureStarts(options.starts, { cpu, around, onProgress });
  const parts = { stage, cpu, around, onProgress };
  const idle = options.idleStreams > 0 ? await measureIdleStreams(options.idleStreams, parts) : null;
  onProgress('starting the peers');
  const names = options.peers.flatMap((name) => Array<PeerName>(processesOf(name, options.processes)).fill(name));
  const peers = options.loads.length > 0 ? await startPeers(names, around) : [];
  const present = peers.filter(isPresent);
  const { cells, cold } = await runRounds({ ...options, peers: present }, parts);
  return {
    findings: { cells, cold: options.isQuick ? [] : cold, starts, idle },
    missing: peers.filter(isMissing),
    versions: present.flatMap(({ version }) => version ?? []),
  };
}

interface PageParts {
  args: string[];
  placement: string;
  loadBefore: number;
}

function toPage(options: Options, { findings, missing, versions }: Measured, parts: PageParts): string {
  const machine = cpus();
  return formatReport({
    ...options,
    peers: options.loads.length > 0 ? options.peers : [],
    command: ['npm run bench', ...(parts.args.length > 0 ? ['--', ...parts.args] : [])].join(' '),
    date: new Date().toISOString().slice(0, 10),
    machine: `${machine.length} cores, ${machine[0]?.model.trim() ?? 'unknown'}, Linux ${release()}`,
    versions: [...new Set([`Node ${process.versions.node}`, `Express ${express.version}`, ...versions])],
    placement: parts.placement,
    loadAverage: [parts.loadBefore, loadavg()[0] ?? 0],
    missing,
    findings,
  });
}

async function main(args: string[], options: Options): Promise<void> {
  const folder = mkdtempSync(join(tmpdir(), 'cc-proxy-bench-'));
  const processes = createProcesses(cpus().length);
  const loadBefore = loadavg()[0] ?? 0;
  // Without them whatever is being measured fails, and the run ends as after any failure.
  for (const signal of ['SIGINT', 'SIGTERM'] as const) process.once(signal, () => void processes.stopAll());
  try {
    const measured = await measureAll(options, processes, folder);
    const page = toPage(options, measured, { args, placement: processes.placement, loadBefore });
    process.stdout.write(page);
    if (options.page === null) return;
    mkdirSync(dirname(options.page), { recursive: true });
    writeFileSync(options.page, page);
  } finally {
    await processes.stopAll();
    rmSync(folder, { recursive: true, force: true });
  }
}

try {
  const args = process.argv.slice(2);
  const options = readOptions(args, PAGE);
  if (options === null) process.stdout.write(HELP);
  else await main(args, options);
} catch (error) {
  if (!(error instanceof UsageError)) throw error;
  process.stderr.write(`bench: ${error.message}\n`);
  process.exitCode = 2;
}
