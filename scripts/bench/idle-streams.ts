// What a stream costs while nothing comes: many are held at once, released, and held again, so that what is given back
// can be told from what is kept.
import type { CpuClock } from './cpu-clock.ts';
import { type GatewaySurroundings, startGateway } from './gateway-peers.ts';
import { findLoad } from './loads.ts';
import type { Stage } from './stage.ts';

export interface IdleStreams {
  readonly streams: number;
  readonly requestBodyBytes: number;
  /** Resident MB: warm, then with all streams and after their end, twice. */
  readonly warmMb: number;
  readonly heldMb: readonly [number, number];
  readonly afterMb: readonly [number, number];
  readonly finished: number;
  readonly problems: Readonly<Record<string, number>>;
}

const REQUEST_BYTES = 1024;
const WARMUP_SECONDS = 3;
/** A process that has nothing to do collects nothing; a little work lets it find what it can give back. */
const AFTERWARDS_SECONDS = 3;
/** Collections that shrink a heap come when a process has been idle for a while. */
const SETTLE_LIMIT_MS = 30_000;
const SETTLE_STEP_MS = 3000;
const STILL_MB = 1;

export interface IdleStreamsParts {
  readonly stage: Stage;
  readonly cpu: CpuClock;
  readonly around: GatewaySurroundings;
  onProgress(text: string): void;
}

export async function measureIdleStreams(streams: number, parts: IdleStreamsParts): Promise<IdleStreams> {
  const { stage, cpu, around, onProgress } = parts;
  const peer = await startGateway('target', around);
  const { pid } = peer;
  const settled = async (): Promise<number> => {
    await untilStill(() => cpu.rssMb(pid));
    return cpu.rssMb(pid);
  };
  onProgress(`warming up for ${streams} streams`);
  await stage.send(peer, findLoad('burst-100k'), WARMUP_SECONDS);
  const warmMb = await settled();
  const heldMb: number[] = [];
  const afterMb: number[] = [];
  const problems: Record<string, number> = {};
  let finished = 0;
  for (const time of ['first', 'second']) {
    onProgress(`holding ${streams} streams, the ${time} time`);
    await stage.hold(peer, streams, REQUEST_BYTES);
    heldMb.push(await settled());
    const seen = await stage.release();
    finished += seen.finished;
    for (const [kind, count] of Object.entries(seen.problems)) problems[kind] = (problems[kind] ?? 0) + count;
    await stage.send(peer, findLoad('json-1k'), AFTERWARDS_SECONDS);
    afterMb.push(await settled());
  }
  await around.processes.stop(pid);
  return {
    ...{ streams, requestBodyBytes: REQUEST_BYTES, warmMb, finished, problems },
    heldMb: [heldMb[0] ?? 0, heldMb[1] ?? 0],
    afterMb: [afterMb[0] ?? 0, afterMb[1] ?? 0],
  };
}

async function untilStill(readMb: () => number): Promise<void> {
  const deadline = performance.now() + SETTLE_LIMIT_MS;
  for (let before = Number.NaN; performance.now() < deadline; ) {
    const now = readMb();
    if (Math.abs(now - before) <= STILL_MB && performance.now() > deadline - SETTLE_LIMIT_MS / 2) return;
    before = now;
    await new Promise((resolve) => setTimeout(resolve, SETTLE_STEP_MS));
  }
}
