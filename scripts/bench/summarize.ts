// Cells of all rounds → one row for each peer and load. Ratios are taken within a round, where the neighbours' noise is
// the same for both, and only then summed up.
import type { Cell } from './run-rounds.ts';

export interface Spread {
  median: number;
  low: number;
  high: number;
}

export interface Row {
  readonly peer: string;
  /** Microseconds for each answer; null for `direct`. */
  readonly cpuUs: number | null;
  readonly mainThreadUs: number | null;
  /** CPU × that of the base in the same round; null where there is no base. */
  readonly ratio: Spread | null;
  readonly perSecond: number;
  readonly firstByteMs: { p50: number; p99: number };
  readonly delayMs: { p50: number; p99: number } | null;
  readonly generatorCpuShare: number;
  readonly published: number | null;
  readonly finished: number;
  readonly problems: Record<string, number>;
}

/** @param base the peer that the others are compared with */
export function summarize(cells: readonly Cell[], load: string, peers: readonly string[], base: string): Row[] {
  const ofLoad = cells.filter((cell) => cell.load === load);
  return peers.flatMap((peer) => {
    const own = ofLoad.filter((cell) => cell.peer === peer);
    if (own.length === 0) return [];
    const ratios = own.flatMap((cell) => {
      const other = ofLoad.find((candidate) => candidate.round === cell.round && candidate.peer === base);
      return cell.cpuUs && other?.cpuUs && other.cpuUs.total > 0 ? [cell.cpuUs.total / other.cpuUs.total] : [];
    });
    const of = (read: (cell: Cell) => number | null | undefined): number | null => {
      const values = own.map(read).filter((value) => value !== null && value !== undefined);
      return values.length === 0 ? null : median(values);
    };
    const quantiles = (read: (cell: Cell) => { p50: number; p99: number } | null) => {
      const p50 = of((cell) => read(cell)?.p50);
      const p99 = of((cell) => read(cell)?.p99);
      return p50 === null || p99 === null ? null : { p50, p99 };
    };
    return [
      {
        peer,
        cpuUs: of((cell) => cell.cpuUs?.total),
        mainThreadUs: of((cell) => cell.cpuUs?.mainThread),
        ratio: ratios.length === 0 ? null : spread(ratios),
        perSecond: of((cell) => cell.client.finished / cell.client.seconds) ?? 0,
        firstByteMs: quantiles((cell) => cell.client.firstByteMs) ?? { p50: 0, p99: 0 },
        delayMs: quantiles((cell) => cell.client.delayMs),
        generatorCpuShare: of((cell) => cell.client.generatorCpuShare) ?? 0,
        published: of((cell) => cell.published),
        finished: own.reduce((total, cell) => total + cell.client.finished, 0),
        problems: addUp(own.map((cell) => cell.client.problems)),
      },
    ];
  });
}

function spread(values: number[]): Spread {
  return { median: median(values), low: Math.min(...values), high: Math.max(...values) };
}

function median(values: number[]): number {
  const sorted = [...values].sort((a, b) => a - b);
  const middle = Math.floor(sorted.length / 2);
  const upper = sorted[middle] ?? 0;
  return sorted.length % 2 === 1 ? upper : ((sorted[middle - 1] ?? 0) + upper) / 2;
}

function addUp(problems: Array<Record<string, number>>): Record<string, number> {
  const total: Record<string, number> = {};
  for (const [kind, count] of problems.flatMap(Object.entries) as Array<[string, number]>) {
    total[kind] = (total[kind] ?? 0) + count;
  }
  return total;
}
