// A pair → its scores, level and verdict. Missing data is never agreement: a secondary that failed has a verdict of its
// own and is not scored.
import type { ArmOutcome } from '#shared/exchange/observation.ts';
import type { ScoreRow } from '#shared/store/store.ts';
import { agrees, LEVELS, type Level } from './ladder.ts';
import type { Arm, Pair } from './pair.ts';
import { SCORERS } from './scorers/index.ts';
import type { Scorer } from './scorers/scorer.ts';

export interface PairScore {
  verdict: 'equivalent' | 'diverged' | 'target_error' | 'incomparable';
  /** Why it is incomparable. */
  reason: 'context_overflow' | null;
  level: Level | null;
  scores: ScoreRow[];
}

export function score(pair: Pair, scorers: readonly Scorer[] = SCORERS): PairScore {
  const { secondary } = pair;
  if (overflowedContext(secondary))
    return { verdict: 'incomparable', reason: 'context_overflow', level: null, scores: [] };
  if (hasFailed(secondary)) return { verdict: 'target_error', reason: null, level: null, scores: [] };
  const scores = scorers.flatMap((scorer) => runScorer(scorer, pair));
  const level =
    LEVELS.find((name) => scores.some(({ scorer, label }) => scorer === 'action' && label === name)) ?? null;
  return { verdict: level !== null && agrees(level) ? 'equivalent' : 'diverged', reason: null, level, scores };
}

function runScorer(scorer: Scorer, pair: Pair): ScoreRow[] {
  try {
    return scorer.score(pair);
  } catch (error) {
    return [
      { scorer: scorer.name, label: 'na', value: null, error: error instanceof Error ? error.message : 'failed' },
    ];
  }
}

const FAILURES: ReadonlySet<ArmOutcome> = new Set([
  'tool_parse_error',
  'http_error',
  'timeout_first_byte',
  'timeout_total',
  'stream_broken',
  'empty',
]);

function hasFailed({ observation }: Arm): boolean {
  return !observation.complete || FAILURES.has(observation.outcome);
}

const TOO_LONG =
  /context (?:window|length|size)|prompt is too long|input is too long|too many (?:input )?tokens|exceeds? .{0,60}(?:tokens|context)/i;

/** The secondary could not take the conversation at all: a limit of the model, not an answer. */
function overflowedContext({ observation }: Arm): boolean {
  const { outcome, httpStatus, error } = observation;
  if (observation.complete || error === null) return false;
  const refused = outcome === 'http_error' && (httpStatus === 400 || httpStatus === 413 || httpStatus === 422);
  return (refused || outcome === 'stream_broken') && TOO_LONG.test(error.message);
}
