// How much of their words two answers share. Descriptive: different words may say the same.
import { overlap } from '../ladder.ts';
import { notApplicable, type Scorer, verdictOf } from './scorer.ts';

const AGREE_FROM = 0.8;

export const text: Scorer = {
  name: 'text',
  score: ({ primary, secondary }) => {
    const [a, b] = [primary.observation.text, secondary.observation.text];
    if (a.trim() === '' || b.trim() === '') return [notApplicable('text')];
    const f1 = tokenF1(a, b);
    return [verdictOf('text', f1 >= AGREE_FROM, f1)];
  },
};

/** F1 over the multisets of words and numbers, 1 when both have none. */
export function tokenF1(a: string, b: string): number {
  const [tokensA, tokensB] = [tokens(a), tokens(b)];
  const total = tokensA.length + tokensB.length;
  return total === 0 ? 1 : (2 * overlap(tokensA, tokensB)) / total;
}

function tokens(value: string): string[] {
  return (
    value
      .normalize('NFC')
      .toLowerCase()
      .match(/[\p{L}\p{N}_]+/gu) ?? []
  );
}
