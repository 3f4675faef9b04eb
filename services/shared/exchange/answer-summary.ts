// What a history row keeps of an answer: figures and names, none of its text. Made where the answer was read, by the
// gateway or by the console, and the same from both.
import type { Usage } from '#shared/wire/anthropic.ts';
import type { AnswerFigures, ArmOutcome } from './observation.ts';

/** Plain data of bounded size: it travels in the entry of an exchange. */
export interface AnswerSummary {
  outcome: ArmOutcome;
  /** As the upstream calls it; null when there was no message. */
  model: string | null;
  complete: boolean;
  stopReason: string | null;
  /** The type of the upstream's error. */
  errorType: string | null;
  /** Counts alone. */
  usage: Usage | null;
  ttftMs: number | null;
}

const LONGEST_NAME = 512;

export function summarizeAnswer(figures: AnswerFigures): AnswerSummary {
  const { outcome, model, complete, stopReason, error, usage, timing } = figures;
  return {
    outcome,
    model: name(model),
    complete,
    stopReason: name(stopReason),
    errorType: name(error?.type),
    usage: usage && countsOf(usage),
    ttftMs: timing.ttftMs,
  };
}

/** Upstreams choose it, so it may be anything. */
function name(value: unknown): string | null {
  return typeof value === 'string' ? value.slice(0, LONGEST_NAME) : null;
}

const COUNTS = ['input_tokens', 'output_tokens', 'cache_read_input_tokens', 'cache_creation_input_tokens'] as const;

/** All that a price or a row is made of. */
function countsOf(usage: Usage): Usage {
  const counts: Usage = {};
  for (const key of COUNTS) if (typeof usage[key] === 'number') counts[key] = usage[key];
  const hour = (usage.cache_creation as { ephemeral_1h_input_tokens?: unknown } | null | undefined)
    ?.ephemeral_1h_input_tokens;
  if (typeof hour === 'number') counts.cache_creation = { ephemeral_1h_input_tokens: hour };
  return counts;
}
