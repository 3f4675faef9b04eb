// What a scorer is: a pure function of a pair. Adding one = one file, one line in index.ts, one pair of test cases.
import type { ScoreRow } from '#shared/store/store.ts';
import type { Pair } from '../pair.ts';

export interface Scorer {
  readonly name: string;
  /** Called only with two complete arms. What it throws becomes a score with an error; it fails nothing else. */
  score(pair: Pair): ScoreRow[];
}

/** A score of two alternatives. */
export function verdictOf(scorer: string, agree: boolean, value: number = agree ? 1 : 0): ScoreRow {
  return { scorer, label: agree ? 'agree' : 'differ', value };
}

/** A side has nothing to compare. */
export function notApplicable(scorer: string): ScoreRow {
  return { scorer, label: 'na', value: null };
}

/** Secondary over primary; not applicable unless both are above 0. */
export function ratioOf(scorer: string, primary: number | null, secondary: number | null): ScoreRow {
  if (primary === null || secondary === null || primary <= 0 || secondary <= 0) return notApplicable(scorer);
  return { scorer, label: 'ratio', value: secondary / primary };
}
