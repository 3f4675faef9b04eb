// What a stream costs while nothing comes: many are held at once, released, and held again, so that what is given back
// can be told from what is kept. Memory is read when all garbage has been collected.
import { freePort } from '../../test/support/free-port.ts';
import type { CpuClock } from './cpu-clock.ts';
import { type GatewaySurroundings, startGateway } from './gateway-peers.ts';
import { collectGarbage, readLiveMb } from './inspector.ts';
import { findLoad } from './loads.ts';
import type { Stage } from './stage.ts';

/** MB. */
export interface Memory {
  readonly resident: number;
  /** What is in use: without what the allocator keeps of freed memory. */
  readonly live: number;
}

export interface IdleStreams {
  readonly streams: number;
  readonly requestBodyBytes: number;
  readonly warm: Memory;
  /** With all streams and after their end, twice. */
  readonly held: readonly [Memory, Memory];
  readonly after: readonly [Memory, Memory];
  readonly finished: number;
  readonly problems: Readonly<Record<string, number>>;
}

/** More than there was before, for each. */
export function residentKbOfStream({ streams, warm, held, after }: IdleStreams, time: 0 | 1): number {
  const before = time === 0 ? warm : after[0];
  return ((held[time].resident - before.resident) * 1024) / streams;
}

const REQUEST_BYTES = 1024;
const WARMUP_SECONDS = 2;
/** A collection hands pages back a little later, and lets finalizers run that leave garbage for the next. */
const LEAST_COLLECTIONS = 3;
const MOST_COLLECTIONS = 10;
/** With less gone since the collection before, nothing more is to go. */
const STILL_MB = 1;
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
  const settled = async (): Promise<Memory> => {
    await cpu.untilIdle(pid);
    let live = Number.POSITIVE_INFINITY;
    for (let time = 1, before = live; time <= MOST_COLLECTIONS; time++, before = live) {
      await collectGarbage(inspector);
      await new Promise((resolve) => setTimeout(resolve, GIVE_BACK_MS));
      live = await readLiveMb(inspector);
      if (time >= LEAST_COLLECTIONS && before - live < STILL_MB) break;
    }
    return { resident: cpu.rssMb(pid), live };
  };
  onProgress(`warming up for ${streams} streams`);
  for (const load of ['json-1k', 'burst-100k']) await stage.send(peer, findLoad(load), WARMUP_SECONDS);
  const warm = await settled();
  const problems: Record<string, number> = {};
  let finished = 0;
  const holdAndRelease = async (time: string): Promise<{ held: Memory; after: Memory }> => {
    onProgress(`holding ${streams} streams, the ${time} time`);
    await stage.hold(peer, streams, REQUEST_BYTES);
    const held = await settled();
    const seen = await stage.release();
    finished += seen.finished;
    for (const [kind, count] of Object.entries(seen.problems)) problems[kind] = (problems[kind] ?? 0) + count;
    return { held, after: await settled() };
  };
  const first = await holdAndRelease('first');
  const second = await holdAndRelease('second');
  await around.processes.stop(pid);
  return {
    ...{ streams, requestBodyBytes: REQUEST_BYTES, warm, finished, problems },
    held: [first.held, second.held],
    after: [first.after, second.after],
  };
}
