// A statement that holds for every input, run a few thousand times by the tests and a million times by scripts/fuzz.ts.
import fc from 'fast-check';

export interface FuzzProperty {
  name: string;
  /** How many of all cases are its own, relative to the others. */
  weight: number;
  /** Never throws or rejects over an input. */
  run(cases: number, seed: number): FuzzResult | Promise<FuzzResult>;
}

export interface FuzzResult {
  hasFailed: boolean;
  cases: number;
  /** The shrunk counterexample, with the seed and path that lead to it. */
  report: string;
}

export function fuzzProperty<Ts>(name: string, weight: number, property: fc.IRawProperty<Ts, false>): FuzzProperty {
  return {
    name,
    weight,
    run(cases, seed) {
      return resultOf(fc.check(property, { numRuns: cases, seed }));
    },
  };
}

export function resultOf<Ts>(details: fc.RunDetails<Ts>): FuzzResult {
  const report = details.failed ? `${fc.defaultReportMessage(details)}\n${String(details.errorInstance)}` : '';
  return { hasFailed: details.failed, cases: details.numRuns, report };
}

/** How many cases each property gets of `total`. */
export function shareCases(properties: readonly FuzzProperty[], total: number): Map<FuzzProperty, number> {
  const weights = properties.reduce((sum, { weight }) => sum + weight, 0);
  return new Map(
    properties.map((property) => [property, Math.max(1, Math.round((total * property.weight) / weights))]),
  );
}
