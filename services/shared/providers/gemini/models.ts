// What generations of Gemini differ in, as data: the first row that matches a model's name counts.
import { budgetOfEffort, clampEffort, type Effort, effortOfBudget, type ThinkingWish } from '../effort.ts';

/** The profile of a server that takes schemas of the OpenAPI subset only. */
export const OPENAPI_SCHEMA = 'openapi-schema';

export interface GeminiTraits {
  /** How much to think: by level, by tokens, or not at all. */
  thinking:
    | { by: 'level'; levels: readonly Effort[] }
    | { by: 'budget'; least: number; most: number; canRest: boolean }
    | { by: 'nothing' };
  /** Takes JSON Schema as it is; else the OpenAPI subset. */
  takesJsonSchema: boolean;
  /** Refuses a step's first call without a thought signature. */
  needsSignatures: boolean;
  /** Images stand inside a function's response, and text may stand beside it. */
  richResults: boolean;
  /** The hosted search, or a JSON format, together with functions. */
  mixesTools: boolean;
}

const THIRD = { takesJsonSchema: true, needsSignatures: true, richResults: true, mixesTools: true };
const SECOND = { takesJsonSchema: true, needsSignatures: false, richResults: false, mixesTools: false };
const LEVELS = ['minimal', 'low', 'medium', 'high'] as const;

const budget = (least: number, most: number, canRest: boolean) => ({ by: 'budget', least, most, canRest }) as const;

const MODELS: ReadonlyArray<{ matches: RegExp; traits: GeminiTraits }> = [
  { matches: /^gemini-2\.5-pro/, traits: { ...SECOND, thinking: budget(128, 32_768, false) } },
  { matches: /^gemini-2\.5-flash-lite/, traits: { ...SECOND, thinking: budget(512, 24_576, true) } },
  { matches: /^gemini-2\.5/, traits: { ...SECOND, thinking: budget(1, 24_576, true) } },
  {
    matches: /^(gemini-[12]|gemma|learnlm)/,
    traits: { ...SECOND, takesJsonSchema: false, thinking: { by: 'nothing' } },
  },
  { matches: /^gemini-3-pro/, traits: { ...THIRD, thinking: { by: 'level', levels: ['low', 'high'] } } },
  { matches: /^gemini-3\.\d+-pro/, traits: { ...THIRD, thinking: { by: 'level', levels: ['low', 'medium', 'high'] } } },
];

const OTHERS: GeminiTraits = { ...THIRD, thinking: { by: 'level', levels: LEVELS } };

export function traitsOf(model: string): GeminiTraits {
  const name = model.toLowerCase().replace(/^.*\//, '');
  return MODELS.find(({ matches }) => matches.test(name))?.traits ?? OTHERS;
}

/** Null = the model's own measure is right. */
export function toThinkingConfig(wish: ThinkingWish, { thinking }: GeminiTraits): Record<string, unknown> | null {
  if (thinking.by === 'nothing') return null;
  const isWanted = wish.mode === 'enabled' || wish.mode === 'adaptive';
  const amount = thinking.by === 'level' ? levelOf(wish, thinking.levels) : budgetOf(wish, thinking);
  const config = { ...amount, ...(isWanted && !wish.isHidden ? { includeThoughts: true } : {}) };
  return Object.keys(config).length > 0 ? config : null;
}

function levelOf(wish: ThinkingWish, levels: readonly Effort[]): Record<string, unknown> {
  const wanted = wantedEffort(wish);
  const level = wanted === null ? null : clampEffort(wanted, levels);
  return level === null ? {} : { thinkingLevel: level.toUpperCase() };
}

function budgetOf(
  wish: ThinkingWish,
  { least, most, canRest }: { least: number; most: number; canRest: boolean },
): Record<string, unknown> {
  const isCounted = wish.mode === 'enabled' && wish.effort === null && wish.budgetTokens !== null;
  const effort = wantedEffort(wish);
  const tokens = isCounted ? wish.budgetTokens : effort === null ? null : budgetOfEffort(effort);
  if (tokens === null) return {};
  if (tokens <= 0 && canRest) return { thinkingBudget: 0 };
  return { thinkingBudget: Math.min(most, Math.max(least, tokens)) };
}

function wantedEffort(wish: ThinkingWish): Effort | null {
  if (wish.mode === 'disabled') return 'none';
  if (wish.effort !== null) return wish.effort;
  return wish.mode === 'enabled' && wish.budgetTokens !== null ? effortOfBudget(wish.budgetTokens) : null;
}
