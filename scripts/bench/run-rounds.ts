// Runs every load against every peer, in another random order each round, and keeps what each cell showed.
import type { ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import type { ClientView, LoadOrder } from './client-view.ts';
import type { CpuClock } from './cpu-clock.ts';
import { LOADS, type Load } from './loads.ts';
import type { Peer } from './peers.ts';

/** One load against one peer in one round. */
export interface Cell {
  readonly round: number;
  readonly load: string;
  readonly peer: string;
  readonly client: ClientView;
  /** Microseconds of the peer's CPU for each answer, whatever it does afterwards included; null for `direct`. */
  readonly cpuUs: { readonly total: number; readonly mainThread: number } | null;
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
  readonly generator: ChildProcess;
  readonly cpu: CpuClock;
  onProgress(text: string): void;
}

/** A few requests a second would leave the code cold, so these warm up for the slow loads too. */
const WARMUP = LOADS.filter(({ pressure }) => 'connections' in pressure);

export async function runRounds(plan: RoundsPlan, parts: RoundsParts): Promise<Cell[]> {
  const { peers, loads, rounds } = plan;
  let nextTurn = 1;
  const send = async (peer: Peer, load: Load, seconds: number): Promise<ClientView> => {
    const view = await order(parts.generator, { port: peer.port, load: load.name, seconds, firstTurn: nextTurn });
    nextTurn += view.sent;
    return view;
  };
  for (const peer of peers) {
    parts.onProgress(`warming up ${peer.name}`);
    for (const load of WARMUP) await send(peer, load, plan.warmupSeconds);
  }
  const cells: Cell[] = [];
  for (let round = 1; round <= rounds; round++) {
    for (const load of shuffled(loads)) {
      for (const peer of shuffled(peers)) {
        parts.onProgress(`round ${round} of ${rounds}: ${load.name} through ${peer.name}`);
        cells.push(await measure({ round, load, peer, cpu: parts.cpu }, () => send(peer, load, plan.seconds)));
      }
    }
  }
  return cells;
}

interface CellParts {
  round: number;
  load: Load;
  peer: Peer;
  cpu: CpuClock;
}

async function measure({ round, load, peer, cpu }: CellParts, send: () => Promise<ClientView>): Promise<Cell> {
  const { pid } = peer;
  const named = { round, load: load.name, peer: peer.name };
  if (pid === null) return { ...named, client: await send(), cpuUs: null, published: null };
  const countersBefore = await peer.counters();
  await cpu.untilIdle(pid);
  const before = cpu.read(pid);
  const client = await send();
  await cpu.untilIdle(pid);
  const after = cpu.read(pid);
  const countersAfter = await peer.counters();
  const each = (seconds: number): number => (seconds * 1e6) / Math.max(1, client.finished);
  const cpuUs = { total: each(after.total - before.total), mainThread: each(after.mainThread - before.mainThread) };
  if (!countersBefore || !countersAfter) return { ...named, client, cpuUs, published: null };
  const pairs = countersAfter.pairs - countersBefore.pairs;
  const lost = countersAfter.lost - countersBefore.lost;
  const published = (peer.name === 'compare' ? pairs : client.finished - lost) / Math.max(1, client.finished);
  return { ...named, client, cpuUs, published };
}

async function order(generator: ChildProcess, what: LoadOrder): Promise<ClientView> {
  const listening = new AbortController();
  const { signal } = listening;
  generator.send(what);
  const answer = once(generator, 'message', { signal });
  const gone = once(generator, 'exit', { signal }).then(() => null);
  const first = await Promise.race([answer, gone]);
  for (const other of [answer, gone]) other.catch(() => {}); // what is aborted rejects
  listening.abort();
  if (first === null) throw new Error('the generator ended');
  return first[0] as ClientView;
}

function shuffled<T>(items: readonly T[]): T[] {
  return items
    .map((item) => ({ item, place: Math.random() }))
    .sort((a, b) => a.place - b.place)
    .map(({ item }) => item);
}
