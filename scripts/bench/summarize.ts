// Cells of all rounds → one row for each peer and load. Ratios and differences are taken within a round, where the
// neighbours' noise is the same for both, and only then summed up.
import type { Cell } from './measure-cell.ts';

export interface Spread {
  median: number;
  low: number;
  high: number;
}

interface Quantiles {
  p50: number;
  p99: number;
}

export interface Row {
  readonly peer: string;
  /** Microseconds for each answer; null for `direct`. */
  readonly cpuUs: number | null;
  readonly mainThreadUs: number | null;
  /** CPU × that of the base in the same round; null where there is no base. */
  readonly ratio: Spread | null;
  readonly perSecond: number;
  readonly firstByteMs: Quantiles;
  readonly wholeMs: Quantiles;
  /** What the peer adds to both beside `direct`; null where that did not run. */
  readonly firstByteOverMs: Quantiles | null;
  readonly wholeOverMs: Quantiles | null;
  readonly delayMs: Quantiles | null;
  readonly loopDelayP99Ms: number | null;
  readonly rssMb: number | null;
  readonly generatorCpuShare: number;
  readonly published: number | null;
  readonly finished: number;
  readonly problems: Record<string, number>;
}

/** @param base the peer that the others are compared with */
export function summarize(cells: readonly Cell[], load: string, peers: readonly string[], base: string): Row[] {
  return peers.flatMap((peer) => {
    const own = cells.filter((cell) => cell.load === load && cell.peer === peer);
    if (own.length === 0) return [];
    const of = (read: Reading): number | null => spread(own.flatMap((cell) => read(cell) ?? []))?.median ?? null;
    const quantiles = (read: (cell: Cell, which: 'p50' | 'p99') => number | null): Quantiles | null => {
      const [p50, p99] = [of((cell) => read(cell, 'p50')), of((cell) => read(cell, 'p99'))];
      return p50 === null || p99 === null ? null : { p50, p99 };
    };
    const over = (read: (cell: Cell, which: 'p50' | 'p99') => number): Quantiles | null => {
      const between = (which: 'p50' | 'p99') =>
        compare(cells, { load, peer, base: 'direct', read: (cell) => read(cell, which), how: 'difference' })?.median;
      const [p50, p99] = [between('p50'), between('p99')];
      return peer === 'direct' || p50 === undefined || p99 === undefined ? null : { p50, p99 };
    };
    const nothing = { p50: 0, p99: 0 };
    return [
      {
        peer,
        cpuUs: of(cpuOf),
        mainThreadUs: of((cell) => cell.cpuUs?.mainThread ?? null),
        ratio: compare(cells, { load, peer, base, read: cpuOf, how: 'ratio' }),
        perSecond: of((cell) => cell.client.finished / cell.client.seconds) ?? 0,
        firstByteMs: quantiles((cell, which) => cell.client.firstByteMs[which]) ?? nothing,
        wholeMs: quantiles((cell, which) => cell.client.wholeMs[which]) ?? nothing,
        firstByteOverMs: over((cell, which) => cell.client.firstByteMs[which]),
        wholeOverMs: over((cell, which) => cell.client.wholeMs[which]),
        delayMs: quantiles((cell, which) => cell.client.delayMs?.[which] ?? null),
        loopDelayP99Ms: of((cell) => cell.loopDelayP99Ms),
        rssMb: of((cell) => cell.rssMb),
        generatorCpuShare: of((cell) => cell.client.generatorCpuShare) ?? 0,
        published: of((cell) => cell.published),
        finished: own.reduce((total, cell) => total + cell.client.finished, 0),
        problems: addUp(own.map((cell) => cell.client.problems)),
      },
    ];
  });
}

export type Reading = (cell: Cell) => number | null;

export const cpuOf: Reading = (cell) => cell.cpuUs?.total ?? null;

export interface Comparison {
  readonly load: string;
  readonly peer: string;
  readonly base: string;
  readonly read: Reading;
  readonly how: 'ratio' | 'difference';
}

/** Of one peer and another in the same round, over all rounds; null when there is no round with both. */
export function compare(cells: readonly Cell[], { load, peer, base, read, how }: Comparison): Spread | null {
  const of = (name: string): Map<number, number> =>
    meanByRound(
      cells.filter((cell) => cell.load === load && cell.peer === name && cell.client.finished > 0),
      read,
    );
  const measures = of(base);
  return spread(
    [...of(peer)].flatMap(([round, value]) => {
      const measure = measures.get(round);
      if (measure === undefined) return [];
      if (how === 'difference') return [value - measure];
      return measure > 0 ? [value / measure] : [];
    }),
  );
}

/** Some peers are measured more than once in a round. */
function meanByRound(cells: readonly Cell[], read: Reading): Map<number, number> {
  const byRound = new Map<number, number[]>();
  for (const cell of cells) {
    const value = read(cell);
    if (value !== null) byRound.set(cell.round, [...(byRound.get(cell.round) ?? []), value]);
  }
  return new Map([...byRound].map(([round, values]) => [round, values.reduce((a, b) => a + b) / values.length]));
}

/** Median, lowest and highest; null for no values. */
export function spread(values: readonly number[]): Spread | null {
  const sorted = [...values].sort((a, b) => a - b);
  const [low, high] = [sorted[0], sorted.at(-1)];
  if (low === undefined || high === undefined) return null;
  const middle = Math.floor(sorted.length / 2);
  const upper = sorted[middle] ?? high;
  return { median: sorted.length % 2 === 1 ? upper : ((sorted[middle - 1] ?? low) + upper) / 2, low, high };
}

function addUp(problems: Array<Record<string, number>>): Record<string, number> {
  const total: Record<string, number> = {};
  for (const [kind, count] of problems.flatMap(Object.entries) as Array<[string, number]>) {
    total[kind] = (total[kind] ?? 0) + count;
  }
  return total;
}
