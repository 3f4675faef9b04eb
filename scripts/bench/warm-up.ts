// Loads a peer until its code is compiled. What it cost in the first second, before it was, is kept.
import type { CpuClock } from './cpu-clock.ts';
import { findLoad, type Load } from './loads.ts';
import { type Cell, measureCell } from './measure-cell.ts';
import type { Peer } from './peer.ts';
import type { Stage } from './stage.ts';

export interface WarmUp {
  /** Bursts come until there are so many answers … */
  readonly answers: number;
  /** … or so many seconds have passed. */
  readonly limitSeconds: number;
  /** Then each load of the run comes for so long; some last longer, as in a round. */
  readonly eachSeconds: number;
}

/**
 * After less the compiler is measured: figures fall until some 4,000 answers, with spans until some 15,000, of paced streams
 * for another second.
 */
export const WARM: WarmUp = { answers: 24_000, limitSeconds: 20, eachSeconds: 1 };

const BURST = findLoad('burst-100k');

export async function warmUp(
  peer: Peer,
  loads: readonly Load[],
  { answers, limitSeconds, eachSeconds }: WarmUp,
  { stage, cpu }: { stage: Pick<Stage, 'send'>; cpu: CpuClock },
): Promise<Cell> {
  const slice = Math.min(1, limitSeconds);
  const endAt = performance.now() + limitSeconds * 1000;
  const cold = await measureCell(peer, cpu, () => stage.send(peer, BURST, slice));
  let finished = cold.client.finished;
  while (finished < answers && performance.now() < endAt) finished += (await stage.send(peer, BURST, slice)).finished;
  for (const load of loads.filter((other) => other !== BURST && other.asks(peer.name))) {
    await stage.send(peer, load, eachSeconds * load.lasts);
  }
  return { round: 0, load: BURST.name, peer: peer.name, ...cold };
}
