// Whether both arms ended alike, and how far they did the same thing.
import { actionLevel, agrees } from '../ladder.ts';
import { type Scorer, verdictOf } from './scorer.ts';

export const outcome: Scorer = {
  name: 'outcome',
  score: ({ primary, secondary }) => {
    const level = actionLevel(primary, secondary);
    return [
      verdictOf('outcome', primary.observation.outcome === secondary.observation.outcome),
      { scorer: 'action', label: level, value: agrees(level) ? 1 : 0 },
    ];
  },
};
