// Tool calls of both arms: names as multisets, whole calls as multisets, and the similarity of the best matching.
import type { ScoreRow } from '#shared/store/store.ts';
import { overlap, sameMultiset } from '../ladder.ts';
import { bestMatching } from '../match-calls.ts';
import type { CanonicalCall } from '../pair.ts';
import { notApplicable, type Scorer, verdictOf } from './scorer.ts';

export const toolCalls: Scorer = {
  name: 'tool_calls',
  score: ({ primary, secondary }) => scoreCalls(primary.calls, secondary.calls),
};

export function scoreCalls(primary: readonly CanonicalCall[], secondary: readonly CanonicalCall[]): ScoreRow[] {
  const total = primary.length + secondary.length;
  if (total === 0) return ['tool_names', 'tool_args', 'tool_exact_f1'].map(notApplicable);
  const names = [primary, secondary].map((calls) => calls.map((call) => call.name)) as [string[], string[]];
  const keys = [primary, secondary].map((calls) => calls.map((call) => call.key)) as [string[], string[]];
  const softF1 = (2 * bestMatching(primary, secondary)) / total;
  return [
    verdictOf('tool_names', sameMultiset(...names), (2 * overlap(...names)) / total),
    verdictOf('tool_args', sameMultiset(...keys), softF1),
    verdictOf('tool_exact_f1', sameMultiset(...keys), (2 * overlap(...keys)) / total),
  ];
}
