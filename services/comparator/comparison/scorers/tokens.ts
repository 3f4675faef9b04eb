// Output tokens of the secondary over those of the primary. Tokenisers differ between models; bytes do not.
import { ratioOf, type Scorer } from './scorer.ts';

export const tokens: Scorer = {
  name: 'tokens',
  score: ({ primary, secondary }) => {
    const [a, b] = [primary.observation, secondary.observation];
    return [
      ratioOf('output_tokens_ratio', a.usage?.output_tokens ?? null, b.usage?.output_tokens ?? null),
      ratioOf('output_bytes_ratio', a.visibleBytes, b.visibleBytes),
    ];
  },
};
