// What a stream costs while nothing comes: many are held at once, released, and held again, so that what is given back
// can be told from what is kept. Memory is read when all garbage has been collected.
import { collectGarbage } from './collect-garbage.ts';
import type { CpuClock } from './cpu-clock.ts';
import { type GatewaySurroundings, startGateway } from './gateway-peers.ts';
import { findLoad } from './loads.ts';
import { freePort } from './processes.ts';
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
const WARMUP_SECONDS = 2;
/** A collection hands pages back a little later, and lets finalizers run that leave garbage for the next. */
const COLLECTIONS = 3;
const GIVE_BACK_MS = 1500;

export interface IdleStreamsParts {
  readonly stage: Stage;
  readonly cpu: CpuClock;
  readonly around: GatewaySurroundings;
  onProgress(text: string): void;
}

export async function measureIdleStreams(streams: number, parts: IdleStreamsParts): Promise<IdleStreams> {
  const { stage, cpu, around, onProgress } = parts;
  const inspector = await freePort();
  const peer = await startGateway('target', { ...around, nodeFlags: [`--inspect=127.0.0.1:${inspector}`] });
  const { pid } = peer;
  const settledMb = async (): Promise<number> => {
    await cpu.untilIdle(pid);
    for (let time = 0; time < COLLECTIONS; time++) {
      await collectGarbage(inspector);
      await new Promise((resolve) => setTimeout(resolve, GIVE_BACK_MS));
    }
    return cpu.rssMb(pid);
  };
  onProgress(`warming up for ${streams} streams`);
  for (const load of ['json-1k', 'burst-100k']) await stage.send(peer, findLoad(load), WARMUP_SECONDS);
  const warmMb = await settledMb();
  const heldMb: number[] = [];
  const afterMb: number[] = [];
  const problems: Record<string, number> = {};
  let finished = 0;
  for (const time of ['first', 'second']) {
    onProgress(`holding ${streams} streams, the ${time} time`);
    await stage.hold(peer, streams, REQUEST_BYTES);
    heldMb.push(await settledMb());
    const seen = await stage.release();
    finished += seen.finished;
    for (const [kind, count] of Object.entries(seen.problems)) problems[kind] = (problems[kind] ?? 0) + count;
    afterMb.push(await settledMb());
  }
  await around.processes.stop(pid);
  return {
    ...{ streams, requestBodyBytes: REQUEST_BYTES, warmMb, finished, problems },
    heldMb: [heldMb[0] ?? 0, heldMb[1] ?? 0],
    afterMb: [afterMb[0] ?? 0, afterMb[1] ?? 0],
  };
}
