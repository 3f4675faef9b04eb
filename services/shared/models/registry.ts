// Model name → how much it takes in and gives, as published. Settings come before it; a name it does not know has no
// limits here.
import { KNOWN_MODELS } from './known-models.ts';
import { lookUpModel } from './model-name.ts';

export interface ModelLimits {
  /** Tokens of input and output together; null = unknown. */
  readonly contextWindow: number | null;
  readonly maxOutput: number | null;
}

const UNKNOWN: ModelLimits = { contextWindow: null, maxOutput: null };

const BY_NAME: ReadonlyMap<string, ModelLimits> = new Map(
  KNOWN_MODELS.flatMap(({ names, contextWindow, maxOutput }) =>
    names.map((name) => [name, { contextWindow, maxOutput }] as const),
  ),
);

/** With or without vendor prefix and date. */
export function findModelLimits(model: string): ModelLimits {
  return lookUpModel(model, BY_NAME) ?? UNKNOWN;
}
