// How much a client wants the model to think, and what of it a model can be told.

import type { MessagesRequest } from '#shared/wire/anthropic.ts';
import { fieldsOf, numberOf, textOf } from './fields.ts';

/** In rising order. */
export const EFFORTS = ['none', 'minimal', 'low', 'medium', 'high', 'xhigh', 'max'] as const;
export type Effort = (typeof EFFORTS)[number];

export interface ThinkingWish {
  mode: 'absent' | 'disabled' | 'enabled' | 'adaptive';
  /** `output_config.effort`. */
  effort: Effort | null;
  budgetTokens: number | null;
  /** The thinking itself is not to be shown. */
  isHidden: boolean;
}

export function readThinkingWish(request: MessagesRequest): ThinkingWish {
  const thinking = fieldsOf(request.thinking);
  const type = textOf(thinking.type);
  const effort = textOf(fieldsOf(request.output_config).effort);
  return {
    mode: type === '' ? 'absent' : type === 'disabled' || type === 'enabled' ? type : 'adaptive',
    effort: isEffort(effort) ? effort : null,
    budgetTokens: numberOf(thinking.budget_tokens),
    isHidden: thinking.display === 'omitted',
  };
}

export interface EffortRange {
  /** What the model takes; empty = it does not reason. */
  legal: readonly Effort[];
  /** Does it reason when nobody says so? */
  isOnByDefault: boolean;
}

/** What to send; null = nothing, the model's own default is right. */
export function chooseEffort(wish: ThinkingWish, range: EffortRange): Effort | null {
  if (range.legal.length === 0) return null;
  if (wish.mode === 'disabled') return lowest(range.legal);
  if (wish.effort !== null) return clampEffort(wish.effort, range.legal);
  if (wish.mode === 'enabled' && wish.budgetTokens !== null) {
    return clampEffort(effortOfBudget(wish.budgetTokens), range.legal);
  }
  if (wish.mode === 'absent') return null;
  return range.isOnByDefault ? null : clampEffort('medium', range.legal);
}

/** The nearest level that is legal, the lower of two; thinking that was asked for is not switched off. */
export function clampEffort(wanted: Effort, legal: readonly Effort[]): Effort | null {
  if (wanted === 'none') return lowest(legal);
  const place = EFFORTS.indexOf(wanted);
  const thinking = EFFORTS.filter((effort) => effort !== 'none' && legal.includes(effort));
  const distance = (effort: Effort): number => Math.abs(EFFORTS.indexOf(effort) - place);
  const [nearest = null] = thinking.toSorted((a, b) => distance(a) - distance(b));
  return nearest;
}

function lowest(legal: readonly Effort[]): Effort | null {
  return EFFORTS.find((effort) => legal.includes(effort)) ?? null;
}

export function effortOfBudget(tokens: number): Effort {
  if (tokens <= 0) return 'none';
  if (tokens <= 1024) return 'low';
  return tokens <= 8192 ? 'medium' : 'high';
}

const BUDGETS: Record<Effort, number> = {
  none: 0,
  minimal: 512,
  low: 1024,
  medium: 8192,
  high: 24_576,
  xhigh: 32_768,
  max: 128_000,
};

export function budgetOfEffort(effort: Effort): number {
  return BUDGETS[effort];
}

function isEffort(text: string): text is Effort {
  return (EFFORTS as readonly string[]).includes(text);
}
