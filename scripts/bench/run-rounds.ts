// Runs every load against every peer, in another random order each round, and keeps what each cell showed.
import type { ClientView } from './client-view.ts';
import type { CpuClock } from './cpu-clock.ts';
import { LOADS, type Load } from './loads.ts';
import type { Counters, Peer } from './peer.ts';
import { SLOW_PEERS } from './peer-list.ts';
import type { Stage } from './stage.ts';

/** One load against one peer in one round. */
export interface Cell {
  readonly round: number;
  readonly load: string;
  readonly peer: string;
  readonly client: ClientView;
  /** Microseconds of the peer's CPU for each answer, whatever it does afterwards included; null for `direct`. */
  readonly cpuUs: { readonly total: number; readonly mainThread: number } | null;
  /** Resident memory at the end; null for `direct`. */
  readonly rssMb: number | null;
  /** Delay of its event loop while the load ran; null where it is not told. */
  readonly loopDelayP99Ms: number | null;
  /** Share of the requests whose exchange reached the bus; null for who has none. */
  readonly published: number | null;
}

export interface RoundsPlan {
  readonly peers: readonly Peer[];
  readonly loads: readonly Load[];
  readonly rounds: number;
  readonly seconds: number;
  readonly warmupSeconds: number;
}

export interface RoundsParts {
  readonly stage: Stage;
  readonly cpu: CpuClock;
  onProgress(text: string): void;
}

/** A few requests a second would leave the code cold, so these warm up for the slow loads too. */
const WARMUP = LOADS.filter(({ pressure }) => 'connections' in pressure && pressure.connections > 1);

export async function runRounds(plan: RoundsPlan, parts: RoundsParts): Promise<Cell[]> {
  const { peers, loads, rounds } = plan;
  const { stage } = parts;
  for (const peer of peers) {
    parts.onProgress(`warming up ${peer.name}`);
    // One with large bodies is enough for what is slow anyway.
    const asked = WARMUP.filter(
      (load) => load.asks(peer.name) && (!SLOW_PEERS.includes(peer.name) || load.answer === 'burst'),
    );
    for (const load of asked) await stage.send(peer, load, plan.warmupSeconds);
  }
  const cells: Cell[] = [];
  for (let round = 1; round <= rounds; round++) {
    for (const load of shuffled(loads)) {
      for (const peer of shuffled(peers.filter(({ name }) => load.asks(name)))) {
        parts.onProgress(`round ${round} of ${rounds}: ${load.name} through ${peer.name}`);
        const send = (): Promise<ClientView> => stage.send(peer, load, plan.seconds * load.lasts);
        cells.push({ round, load: load.name, peer: peer.name, ...(await measure(peer, parts.cpu, send)) });
      }
    }
  }
  return cells;
}

type Measured = Omit<Cell, 'round' | 'load' | 'peer'>;

async function measure(peer: Peer, cpu: CpuClock, send: () => Promise<ClientView>): Promise<Measured> {
  const { pid } = peer;
  if (pid === null) {
    return { client: await send(), cpuUs: null, rssMb: null, loopDelayP99Ms: null, published: null };
  }
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
  const measured = { client, cpuUs, rssMb, loopDelayP99Ms };
  if (!countersBefore || !countersAfter || peer.publishes === null) return { ...measured, published: null };
  const pairs = countersAfter.pairs - countersBefore.pairs;
  const lost = countersAfter.lost - countersBefore.lost;
  const published = (peer.publishes === 'pair' ? pairs : client.finished - lost) / Math.max(1, client.finished);
  return { ...measured, published };
}

function shuffled<T>(items: readonly T[]): T[] {
  return items
    .map((item) => ({ item, place: Math.random() }))
    .sort((a, b) => a.place - b.place)
    .map(({ item }) => item);
}
