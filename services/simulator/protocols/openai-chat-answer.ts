// A chat completion before it is written: what its stream and its one JSON have in common.
import type { Counts } from '../counts.ts';
import type { ChatQuirks } from '../quirks.ts';
import type { Fields } from '../read-ask.ts';
import type { ScenePart } from '../scene-parts.ts';
import type { Scene } from '../script.ts';

export interface ChatAnswer {
  id: string;
  created: number;
  model: string;
  fingerprint: string;
  parts: ScenePart[];
  finishReason: string | null;
  stopSequence: string | undefined;
  isRefusal: boolean;
  counts: Counts;
  quirks: ChatQuirks;
  isAzure: boolean;
}

/** 1 January 2026: a clock would make two runs differ. */
export const CREATED = 1_767_225_600;

export function finishReasonOf(scene: Scene, parts: ScenePart[], quirks: ChatQuirks): string {
  switch (scene.stopReason) {
    case 'max_tokens':
    case 'model_context_window_exceeded':
      return 'length';
    case 'refusal':
      return quirks.refusal === 'content_filter' ? 'content_filter' : 'stop';
    default:
      if (!parts.some((part) => part.kind === 'call')) return 'stop';
      return quirks.legacyFunctionCall ? 'function_call' : 'tool_calls';
  }
}

/** The stop sequence that matched; only vLLM and its kin name it. */
export function stopReasonOf(answer: ChatAnswer): Fields {
  return answer.quirks.stopReason ? { stop_reason: answer.stopSequence ?? null } : {};
}

export function toUsage({ counts, quirks }: ChatAnswer, output = counts.output): Fields {
  const { prompt, cached, cacheWrite } = counts;
  const reasoning = Math.min(counts.reasoning, output);
  const completion = quirks.usage === 'xai' ? output - reasoning : output;
  const details = { reasoning_tokens: reasoning, audio_tokens: 0, accepted_prediction_tokens: 0 };
  return {
    prompt_tokens: prompt,
    completion_tokens: completion,
    total_tokens: prompt + output,
    prompt_tokens_details: {
      cached_tokens: cached,
      audio_tokens: 0,
      ...(cacheWrite > 0 ? { cache_write_tokens: cacheWrite } : {}),
    },
    completion_tokens_details: { ...details, rejected_prediction_tokens: 0 },
    ...(quirks.usage === 'deepseek'
      ? { prompt_cache_hit_tokens: cached, prompt_cache_miss_tokens: prompt - cached }
      : {}),
  };
}
