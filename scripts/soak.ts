// The soak: `scripts/soak`. Mixed load for a long time on the built gateway with everything on; its resident memory is
// written down all along, and heap snapshots of start and end are compared.
import { mkdirSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { cpus, release, tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { parseArgs } from 'node:util';
import { buildPackage } from './bench/build-package.ts';
import { createCpuClock } from './bench/cpu-clock.ts';
import { type GatewayPeer, startGateway } from './bench/gateway-peers.ts';
import { findLoad, type Load } from './bench/loads.ts';
import { createProcesses, type Processes } from './bench/processes.ts';
import { createStage } from './bench/stage.ts';
import { type Heap, readHeap } from './soak-heap.ts';
import { formatSoak, judgeFlatness, type Soak } from './soak-report.ts';

const PAGE = join(import.meta.dirname, '../docs/evidence/soak.md');
const WHOLE_MINUTES = 30;
/** Each for so long, in turn; then a look at the memory. */
const LOADS: ReadonlyArray<readonly [Load, number]> = [
  [findLoad('paced'), 5],
  [findLoad('open-burst'), 2],
  [findLoad('open-500k'), 2],
  [findLoad('json-1k'), 1],
];
const SNAPSHOT_MS = 60_000;
const POLL_MS = 100;

interface Options {
  minutes: number;
  page: string | null;
}

class UsageError extends Error {}

function readOptions(args: string[]): Options {
  const options = { minutes: { type: 'string', default: String(WHOLE_MINUTES) }, out: { type: 'string' } } as const;
  const { values } = attempt(() => parseArgs({ args, options }));
  const minutes = Number(values.minutes);
  if (!(minutes > 0 && minutes < Number.POSITIVE_INFINITY)) {
    throw new UsageError(`--minutes ${values.minutes} must be a number above 0`);
  }
  return { minutes, page: values.out ? resolve(values.out) : minutes >= WHOLE_MINUTES ? PAGE : null };
}

function attempt<T>(read: () => T): T {
  try {
    return read();
  } catch (cause) {
    throw new UsageError(cause instanceof Error ? cause.message : String(cause), { cause });
  }
}

async function soak(minutes: number, processes: Processes, folder: string) {
  const cpu = createCpuClock();
  const stage = await createStage(processes);
  const heaps = join(folder, 'heaps');
  mkdirSync(heaps);
  const { upstreamPort } = stage;
  const peer = await startGateway('everything', {
    ...{ main: buildPackage(folder), folder, processes, upstreamPort, upstream: `http://127.0.0.1:${upstreamPort}` },
    nodeFlags: ['--heapsnapshot-signal=SIGUSR2', `--diagnostic-dir=${heaps}`],
  });
  let finished = 0;
  const problems: Record<string, number> = {};
  const cycle = async (): Promise<void> => {
    for (const [load, seconds] of LOADS) {
      const seen = await stage.send(peer, load, seconds);
      finished += seen.finished;
      for (const [kind, count] of Object.entries(seen.problems)) problems[kind] = (problems[kind] ?? 0) + count;
    }
  };
  await cycle();
  const before = await takeSnapshot(peer, heaps);
  const startedAt = performance.now();
  const minute = (): number => (performance.now() - startedAt) / 60_000;
  const samples = [];
  while (minute() < minutes) {
    await cycle();
    samples.push({ minute: minute(), rssMb: cpu.rssMb(peer.pid) });
    process.stderr.write(`minute ${minute().toFixed(1)} of ${minutes}: ${Math.round(cpu.rssMb(peer.pid))} MB\n`);
  }
  await cpu.untilIdle(peer.pid);
  const after = await takeSnapshot(peer, heaps);
  return { samples, finished, problems, heaps: { before, after } };
}

/** The gateway writes it in one go on its only thread: once it answers again, the file is whole. */
async function takeSnapshot(peer: GatewayPeer, folder: string): Promise<Heap> {
  const known = new Set(readdirSync(folder));
  const deadline = performance.now() + SNAPSHOT_MS;
  process.kill(peer.pid, 'SIGUSR2');
  while (performance.now() < deadline) {
    const file = readdirSync(folder).find((name) => !known.has(name));
    if (file !== undefined) {
      await peer.counters();
      return readHeap(join(folder, file));
    }
    await new Promise((again) => setTimeout(again, POLL_MS));
  }
  throw new Error('the gateway wrote no heap snapshot');
}

async function main(args: string[]): Promise<void> {
  const { minutes, page } = readOptions(args);
  const folder = mkdtempSync(join(tmpdir(), 'cc-proxy-soak-'));
  const machine = cpus();
  const processes = createProcesses(machine.length);
  try {
    const done = await soak(minutes, processes, folder);
    const report: Soak = {
      ...{ ...done, minutes, loads: LOADS.map(([{ name }, seconds]) => `${name} (${seconds} s)`) },
      command: ['scripts/soak', ...args].join(' '),
      date: new Date().toISOString().slice(0, 10),
      machine: `${machine.length} cores, ${machine[0]?.model.trim() ?? 'unknown'}, Linux ${release()}, Node ${process.versions.node}; ${processes.placement}`,
    };
    const text = formatSoak(report);
    process.stdout.write(text);
    if (page !== null) writeFileSync(page, text);
    const isFlat = judgeFlatness(done.samples)?.isFlat ?? true;
    process.exitCode = isFlat && Object.keys(done.problems).length === 0 ? 0 : 1;
  } finally {
    await processes.stopAll();
    rmSync(folder, { recursive: true, force: true });
  }
}

try {
  await main(process.argv.slice(2));
} catch (error) {
  if (!(error instanceof UsageError)) throw error;
  process.stderr.write(`soak: ${error.message}\n`);
  process.exitCode = 2;
}
