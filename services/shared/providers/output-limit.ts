// How many tokens an answer may have: what the client asked for, unless the model gives less.
import { addNote } from './content.ts';
import { invalid, numberOf } from './fields.ts';
import type { Target } from './target.ts';

/** What an estimate of the prompt may be wrong by. */
const MARGIN = 512;

/** What an answer must fit in. */
export interface OutputRoom {
  readonly target: Pick<Target, 'maxOutput' | 'contextWindow'>;
  readonly inputTokens: number;
}

/** Null when the client named none. Never more than was asked for, but for the least an upstream takes. */
export function outputLimit(asked: unknown, input: OutputRoom, notes: string[], least = 1): number | null {
  if (asked === undefined || asked === null) return null;
  const wanted = numberOf(asked);
  if (wanted === null || wanted < 0) throw invalid('max_tokens: must be a number of at least 1');
  const { maxOutput, contextWindow } = input.target;
  const room = contextWindow === null ? Number.POSITIVE_INFINITY : contextWindow - input.inputTokens - MARGIN;
  // A prompt that fills the window by itself is the upstream's to refuse, in its own numbers.
  const fitting = Math.min(wanted, maxOutput ?? wanted, room >= least ? room : wanted);
  const limit = Math.max(least, Math.floor(fitting));
  if (limit !== wanted) addNote(notes, `max_tokens:${limit}`);
  return limit;
}
