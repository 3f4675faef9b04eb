// How Gemini says that an answer ended, and what it cost.
import type { StopReason } from '#shared/messages/message-writer.ts';
import type { Usage } from '#shared/wire/anthropic.ts';
import { type Fields, numberOf } from '../fields.ts';

/** The answer was made and withheld. */
const WITHHELD: ReadonlySet<string> = new Set([
  ...['SAFETY', 'RECITATION', 'LANGUAGE', 'BLOCKLIST', 'PROHIBITED_CONTENT', 'SPII', 'MODEL_ARMOR'],
  ...['IMAGE_SAFETY', 'IMAGE_PROHIBITED_CONTENT', 'IMAGE_OTHER', 'NO_IMAGE', 'IMAGE_RECITATION'],
]);

/** Null = the answer failed, unless something of use had come before. */
export function reasonOf(finish: string): StopReason | null {
  if (finish === 'STOP') return 'end_turn';
  if (finish === 'MAX_TOKENS') return 'max_tokens';
  return WITHHELD.has(finish) ? 'refusal' : null;
}

const COUNTS = [
  'promptTokenCount',
  'toolUsePromptTokenCount',
  'cachedContentTokenCount',
  'candidatesTokenCount',
  'thoughtsTokenCount',
] as const;

/** Totals so far; what a later chunk leaves out stays known. */
export type Counts = Partial<Record<(typeof COUNTS)[number], number>>;

export function mergeCounts(known: Counts, metadata: Fields): Counts {
  const merged = { ...known };
  for (const key of COUNTS) {
    const value = numberOf(metadata[key]);
    if (value !== null) merged[key] = value;
  }
  return merged;
}

/** Prompt tokens there include what was read from the cache; what the model thought is not in its answer's count. */
export function toUsage(counts: Counts): Usage {
  const { promptTokenCount: prompt, thoughtsTokenCount: thoughts, candidatesTokenCount: candidates } = counts;
  const cached = counts.cachedContentTokenCount ?? 0;
  const usage: Usage = {};
  if (prompt !== undefined) {
    usage.input_tokens = Math.max(0, prompt + (counts.toolUsePromptTokenCount ?? 0) - cached);
    usage.cache_read_input_tokens = cached;
    usage.cache_creation_input_tokens = 0;
  }
  if (candidates !== undefined || thoughts !== undefined) usage.output_tokens = (candidates ?? 0) + (thoughts ?? 0);
  if (thoughts !== undefined) usage.output_tokens_details = { thinking_tokens: thoughts };
  return usage;
}
