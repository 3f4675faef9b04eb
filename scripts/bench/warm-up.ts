// Loads a peer until its code is compiled. What it cost in the first second, before it was, is kept.
import type { CpuClock } from './cpu-clock.ts';
import { findLoad, type Load } from './loads.ts';
import { type Cell, measureCell } from './measure-cell.ts';
import type { Peer } from './peer.ts';
import type { Stage } from './stage.ts';

export interface WarmUp {
  /** After a first slice of bursts each load of the run comes for so long; some last longer, as in a round. */
  readonly eachSeconds: number;
  /** Then bursts come until there are so many answers … */
  readonly answers: number;
  /** … or so many seconds have passed. */
  readonly limitSeconds: number;
}

/**
 * After less the compiler is measured: figures fall until some 4,000 answers, with spans until some 40,000. Bursts are the
 * last of it, because the first of any other load makes the engine compile anew what it had compiled for bursts.
 */
export const WARM: WarmUp = { eachSeconds: 1, answers: 48_000, limitSeconds: 30 };

const BURST = findLoad('burst-100k');

export async function warmUp(
  peer: Peer,
  loads: readonly Load[],
  { answers, limitSeconds, eachSeconds }: WarmUp,
  { stage, cpu }: { stage: Pick<Stage, 'send'>; cpu: CpuClock },
): Promise<Cell> {
  const slice = Math.min(1, limitSeconds);
  const cold = await measureCell(peer, cpu, () => stage.send(peer, BURST, slice));
  for (const load of loads.filter((other) => other !== BURST && other.asks(peer.name))) {
    await stage.send(peer, load, eachSeconds * load.lasts);
  }
  const endAt = performance.now() + limitSeconds * 1000;
  let finished = cold.client.finished;
  while (finished < answers && performance.now() < endAt) finished += (await stage.send(peer, BURST, slice)).finished;
  return { round: 0, load: BURST.name, peer: peer.name, ...cold };
}
