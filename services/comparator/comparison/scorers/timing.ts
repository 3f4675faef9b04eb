// Times of the secondary over those of the primary. A time to first token exists only where both arms streamed.
import { ratioOf, type Scorer } from './scorer.ts';

export const timing: Scorer = {
  name: 'timing',
  score: ({ primary, secondary }) => {
    const [a, b] = [primary.observation, secondary.observation];
    return [
      ratioOf('latency_ratio', a.timing.durationMs, b.timing.durationMs),
      ratioOf('ttft_ratio', a.timing.ttftMs, b.timing.ttftMs),
    ];
  },
};
