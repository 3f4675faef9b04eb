// Runs every load against every peer, in another random order each round, and keeps what each cell showed.
import type { ClientView } from './client-view.ts';
import type { CpuClock } from './cpu-clock.ts';
import type { Load } from './loads.ts';
import { type Cell, measureCell } from './measure-cell.ts';
import type { Peer } from './peer.ts';
import { BASES, type PeerName, SELDOM_PEERS } from './peer-list.ts';
import type { Stage } from './stage.ts';
import { type WarmUp, warmUp } from './warm-up.ts';

export interface RoundsPlan {
  /** Several of one name are several processes. */
  readonly peers: readonly Peer[];
  readonly loads: readonly Load[];
  readonly rounds: number;
  readonly seconds: number;
  readonly warmUp: WarmUp;
}

export interface RoundsParts {
  readonly stage: Stage;
  readonly cpu: CpuClock;
  onProgress(text: string): void;
}

export interface Rounds {
  readonly cells: readonly Cell[];
  /** The first second of each peer. */
  readonly cold: readonly Cell[];
}

/** What no goal speaks of is measured in the first of so many rounds. */
export const SELDOM = 3;

export async function runRounds(plan: RoundsPlan, parts: RoundsParts): Promise<Rounds> {
  const { peers, loads, rounds } = plan;
  const { stage, cpu, onProgress } = parts;
  const cold: Cell[] = [];
  for (const peer of peers) {
    onProgress(`warming up ${peer.name}`);
    cold.push(await warmUp(peer, loads, plan.warmUp, parts));
  }
  const processFor = createTurns(peers);
  const oneOfEach = [...new Map(peers.map((peer) => [peer.name, peer])).values()];
  const cells: Cell[] = [];
  for (let round = 1; round <= rounds; round++) {
    const isWhole = round % SELDOM === 1;
    for (const load of shuffled(loads.filter(({ isSeldom }) => isWhole || !isSeldom))) {
      const asked = oneOfEach.filter(({ name }) => load.asks(name) && (isWhole || !SELDOM_PEERS.includes(name)));
      for (const { name } of inTurn(asked)) {
        onProgress(`round ${round} of ${rounds}: ${load.name} through ${name}`);
        const peer = processFor(load.name, name);
        const seconds = plan.seconds * load.lasts;
        if (load.leadIn > 0) await stage.send(peer, load, seconds * load.leadIn);
        const send = (): Promise<ClientView> => stage.send(peer, load, seconds);
        cells.push({ round, load: load.name, peer: name, ...(await measureCell(peer, cpu, send)) });
      }
    }
  }
  return { cells, cold };
}

/** For each load the processes of a peer one after the other. */
export function createTurns(peers: readonly Peer[]): (load: string, name: PeerName) => Peer {
  const taken = new Map<string, number>();
  return (load, name) => {
    const processes = peers.filter((peer) => peer.name === name);
    const turn = taken.get(`${load} ${name}`) ?? 0;
    taken.set(`${load} ${name}`, turn + 1);
    const peer = processes[turn % processes.length];
    if (!peer) throw new Error(`${name} does not run`);
    return peer;
  };
}

/** At random, but those that others are compared with once in each half: nobody is far from them in time. */
export function inTurn(peers: readonly Peer[]): Peer[] {
  const bases = peers.filter(({ name }) => BASES.includes(name));
  const others = shuffled(peers.filter(({ name }) => !BASES.includes(name)));
  const half = Math.ceil(others.length / 2);
  return [others.slice(0, half), others.slice(half)].flatMap((part) => shuffled([...part, ...bases]));
}

function shuffled<T>(items: readonly T[]): T[] {
  return items
    .map((item) => ({ item, place: Math.random() }))
    .sort((a, b) => a.place - b.place)
    .map(({ item }) => item);
}
