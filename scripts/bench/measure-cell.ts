// Sends one load to one peer and reads what it cost: before and after, the process is left until it has nothing to do.
import type { ClientView } from './client-view.ts';
import type { CpuClock } from './cpu-clock.ts';
import type { Counters, Peer } from './peer.ts';

/** One load against one peer in one round. */
export interface Cell extends Measured {
  readonly round: number;
  readonly load: string;
  readonly peer: string;
}

export interface Measured {
  readonly client: ClientView;
  /** Microseconds of the peer's CPU for each answer, whatever it does afterwards included; null for `direct`. */
  readonly cpuUs: { readonly total: number; readonly mainThread: number } | null;
  /** Resident memory at the end; null for `direct`. */
  readonly rssMb: number | null;
  /** Delay of its event loop while the load ran; null where it is not told. */
  readonly loopDelayP99Ms: number | null;
  /** Share of the requests whose exchange reached the bus; null for who has none. */
  readonly published: number | null;
  /** Spans that did not reach the receiver; null where it is not told. */
  readonly spansLost: number | null;
}

const NOTHING = { cpuUs: null, rssMb: null, loopDelayP99Ms: null, published: null, spansLost: null };

export async function measureCell(peer: Peer, cpu: CpuClock, send: () => Promise<ClientView>): Promise<Measured> {
  const { pid } = peer;
  if (pid === null) return { ...NOTHING, client: await send() };
  // Whoever ended meanwhile has none.
  const readCounters = (): Promise<Counters | null> => peer.counters().catch(() => null);
  await cpu.untilIdle(pid);
  const countersBefore = await readCounters();
  const before = cpu.read(pid);
  const client = await send();
  const loopDelayP99Ms = (await readCounters())?.loopDelayP99Ms ?? null;
  await cpu.untilIdle(pid);
  const after = cpu.read(pid);
  const rssMb = cpu.rssMb(pid);
  const countersAfter = await readCounters();
  const each = (seconds: number): number => (seconds * 1e6) / client.finished;
  const cpuUs =
    client.finished === 0
      ? null
      : { total: each(after.total - before.total), mainThread: each(after.mainThread - before.mainThread) };
  const measured = { ...NOTHING, client, cpuUs, rssMb, loopDelayP99Ms };
  if (!countersBefore || !countersAfter) return measured;
  const spansLost = countersAfter.spansLost - countersBefore.spansLost;
  if (peer.publishes === null) return { ...measured, spansLost };
  const pairs = countersAfter.pairs - countersBefore.pairs;
  const lost = countersAfter.lost - countersBefore.lost;
  const published = (peer.publishes === 'pair' ? pairs : client.finished - lost) / Math.max(1, client.finished);
  return { ...measured, spansLost, published };
}
