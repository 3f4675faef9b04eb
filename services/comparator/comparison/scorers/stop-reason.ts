// Whether both arms stopped for the same reason.
import { type Scorer, verdictOf } from './scorer.ts';

export const stopReason: Scorer = {
  name: 'stop_reason',
  score: ({ primary, secondary }) => [
    verdictOf('stop_reason', primary.observation.stopReason === secondary.observation.stopReason),
  ],
};
