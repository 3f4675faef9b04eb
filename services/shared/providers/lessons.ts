// What a refusal teaches: of the upstream, for every request that follows; or only of the refused request, where the words
// make it depend on what else it said. Pure.
import type { LearnedTraits } from './provider.ts';

const ONCE = 'once:';
/** The field would be taken under other circumstances, which other requests may be in. */
const CONDITIONAL = /\b(?:when|while|together with|in combination with|alongside)\b/i;

/** Holds for the refused request alone. */
export function forOnce(lesson: LearnedTraits): LearnedTraits {
  return Object.fromEntries(Object.entries(lesson).map(([name, value]) => [ONCE + name, value]));
}

export function isConditional(message: string): boolean {
  return CONDITIONAL.test(message);
}

export function splitLesson(lesson: LearnedTraits): { lasting: LearnedTraits; passing: LearnedTraits } {
  const entries = Object.entries(lesson);
  const passing = entries.filter(([name]) => name.startsWith(ONCE));
  return {
    lasting: Object.fromEntries(entries.filter(([name]) => !name.startsWith(ONCE))),
    passing: Object.fromEntries(passing.map(([name, value]) => [name.slice(ONCE.length), value])),
  };
}
