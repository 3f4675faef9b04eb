// Finds for parallel tool calls of two arms the assignment with the greatest total similarity, so that their order does
// not matter.
import type { CanonicalCall } from './pair.ts';

/** 0 for different tools; else 0.4 for the tool and up to 0.6 for the arguments. */
export function callSimilarity(a: CanonicalCall, b: CanonicalCall): number {
  return a.name === b.name ? 0.4 + 0.6 * argumentF1(a.args, b.args) : 0;
}

/** Both directions count, so that a call without arguments does not match everything. */
function argumentF1(a: ReadonlyMap<string, string>, b: ReadonlyMap<string, string>): number {
  if (a.size === 0 && b.size === 0) return 1;
  const shared = [...a].filter(([key, value]) => b.get(key) === value).length;
  return (2 * shared) / (a.size + b.size);
}

/** More calls than this in one turn are matched in order. */
const MOST_CALLS = 32;

/** Sum of similarities of the best matching. */
export function bestMatching(a: readonly CanonicalCall[], b: readonly CanonicalCall[]): number {
  const [rows, columns] = a.length <= b.length ? [a, b] : [b, a];
  if (columns.length > MOST_CALLS) {
    return rows.reduce((sum, call, index) => sum + similarityAt(call, columns[index]), 0);
  }
  return maximumAssignment(rows.map((row) => columns.map((column) => callSimilarity(row, column))));
}

function similarityAt(call: CanonicalCall, other: CanonicalCall | undefined): number {
  return other ? callSimilarity(call, other) : 0;
}

/**
 * The Hungarian algorithm with potentials, O(rows² · columns), for rows ≤ columns
 * (https://en.wikipedia.org/wiki/Hungarian_algorithm). Row and column 0 are sentinels.
 */
function maximumAssignment(weights: readonly number[][]): number {
  const rows = weights.length;
  const columns = weights[0]?.length ?? 0;
  const rowPotential = new Float64Array(rows + 1);
  const columnPotential = new Float64Array(columns + 1);
  const rowOf = new Int32Array(columns + 1);
  const cost = (row: number, column: number): number => -(weights[row - 1]?.[column - 1] ?? 0);
  for (let row = 1; row <= rows; row++) {
    augment(row, { columns, rowPotential, columnPotential, rowOf, cost });
  }
  let total = 0;
  for (let column = 1; column <= columns; column++) {
    const row = rowOf[column] ?? 0;
    if (row > 0) total -= cost(row, column);
  }
  return total;
}

interface Assignment {
  columns: number;
  rowPotential: Float64Array;
  columnPotential: Float64Array;
  rowOf: Int32Array;
  cost(row: number, column: number): number;
}

/** Finds the cheapest augmenting path from a free row and flips it. */
function augment(start: number, { columns, rowPotential, columnPotential, rowOf, cost }: Assignment): void {
  const slack = new Float64Array(columns + 1).fill(Number.POSITIVE_INFINITY);
  const cameFrom = new Int32Array(columns + 1);
  const seen = new Uint8Array(columns + 1);
  rowOf[0] = start;
  let column = 0;
  do {
    seen[column] = 1;
    const row = at(rowOf, column);
    let delta = Number.POSITIVE_INFINITY;
    let next = 0;
    for (let candidate = 1; candidate <= columns; candidate++) {
      if (seen[candidate] === 1) continue;
      const reduced = cost(row, candidate) - at(rowPotential, row) - at(columnPotential, candidate);
      if (reduced < at(slack, candidate)) {
        slack[candidate] = reduced;
        cameFrom[candidate] = column;
      }
      if (at(slack, candidate) < delta) {
        delta = at(slack, candidate);
        next = candidate;
      }
    }
    for (let other = 0; other <= columns; other++) {
      if (seen[other] === 1) {
        const owner = at(rowOf, other);
        rowPotential[owner] = at(rowPotential, owner) + delta;
        columnPotential[other] = at(columnPotential, other) - delta;
      } else slack[other] = at(slack, other) - delta;
    }
    column = next;
  } while (at(rowOf, column) !== 0);
  while (column !== 0) {
    const previous = at(cameFrom, column);
    rowOf[column] = at(rowOf, previous);
    column = previous;
  }
}

function at(values: Float64Array | Int32Array, index: number): number {
  return values[index] ?? 0;
}
