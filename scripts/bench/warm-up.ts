// Loads a peer until its code is compiled. What it cost in the first second, before it was, is kept.
import type { CpuClock } from './cpu-clock.ts';
import { findLoad, type Load } from './loads.ts';
import { type Cell, measureCell } from './measure-cell.ts';
import type { Peer } from './peer.ts';
import { SLOW_PEERS } from './peer-list.ts';
import type { Stage } from './stage.ts';

export interface WarmUp {
  /** Bursts come until there are so many answers … */
  readonly answers: number;
  /** … or so many seconds have passed. */
  readonly limitSeconds: number;
  /** Then each load of the run comes for so long. */
  readonly eachSeconds: number;
}

/** After less the compiler is measured: figures fall until some 4,000 answers, and of paced streams for a second more. */
export const WARM: WarmUp = { answers: 8000, limitSeconds: 15, eachSeconds: 2 };
/** Those cost what they cost; a quarter of an hour would not see them answer so often. */
export const SLOW_SECONDS = 3;

const BURST = findLoad('burst-100k');

export async function warmUp(
  peer: Peer,
  loads: readonly Load[],
  { answers, limitSeconds, eachSeconds }: WarmUp,
  { stage, cpu }: { stage: Pick<Stage, 'send'>; cpu: CpuClock },
): Promise<Cell> {
  const isSlow = SLOW_PEERS.includes(peer.name);
  const seconds = isSlow ? Math.min(SLOW_SECONDS, limitSeconds) : limitSeconds;
  const slice = Math.min(1, seconds);
  const endAt = performance.now() + seconds * 1000;
  const cold = await measureCell(peer, cpu, () => stage.send(peer, BURST, slice));
  let finished = cold.client.finished;
  while (finished < answers && performance.now() < endAt) finished += (await stage.send(peer, BURST, slice)).finished;
  const others = isSlow ? [] : loads.filter((load) => load !== BURST && load.asks(peer.name));
  for (const load of others) await stage.send(peer, load, eachSeconds);
  return { round: 0, load: BURST.name, peer: peer.name, ...cold };
}
