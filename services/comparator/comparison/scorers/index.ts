// The scorers, in the order of their scores on a row.
import { outcome } from './outcome.ts';
import type { Scorer } from './scorer.ts';
import { stopReason } from './stop-reason.ts';
import { text } from './text.ts';
import { timing } from './timing.ts';
import { tokens } from './tokens.ts';
import { toolCalls } from './tool-calls.ts';

/** On every row; raised when a scorer or the cleaning of a pair changes what equal bytes score. */
export const SCORER_VERSION = '1';

export const SCORERS: readonly Scorer[] = [outcome, stopReason, toolCalls, text, timing, tokens];
