// What a rule is once it is ready to be asked, and how the configuration's become such. Pure.
import type { RuleConfig } from '#shared/config/load.ts';
import { ConfigError } from '#shared/errors.ts';
import { createGlob } from '#shared/models/match-glob.ts';
import type { Target, Targets } from '#shared/providers/target.ts';
import type { RequestFacts } from './request-facts.ts';
import { findModel } from './resolve.ts';

export type When = RuleConfig['when'];
type Wanted<K extends keyof When> = NonNullable<When[K]>;

export type Condition = (facts: RequestFacts) => boolean;

export interface Rule {
  readonly name: string;
  readonly when: When;
  readonly use: string;
  readonly target: Target;
  /** All of `when`, what is quickly known first. */
  readonly conditions: readonly Condition[];
}

/** @throws ConfigError when a rule leads nowhere; the settings' own check has said so before, with its line */
export function createRules(configured: readonly RuleConfig[], targets: Targets): Rule[] {
  return configured.map(({ name, when, use }) => {
    const target = findModel(use, targets);
    if (target === undefined) throw new ConfigError(`[[rules]] "${name}": use = "${use}" is no model`);
    return { name, when, use, target, conditions: conditionsOf(when) };
  });
}

/** In the order in which they are asked: what the body has to be read for comes last. */
const CONDITIONS: { readonly [K in keyof When]: (wanted: Wanted<K>) => Condition } = {
  model: (pattern) => matching(pattern, ({ model }) => [model]),
  stream:
    (wanted) =>
    ({ stream }) =>
      stream === wanted,
  thinking:
    (wanted) =>
    ({ thinking }) =>
      thinking?.isOn === wanted,
  thinking_budget_over:
    (most) =>
    ({ thinking }) =>
      isOver(thinking?.budget, most),
  tool_forced: (pattern) => matching(pattern, ({ toolForced }) => toolForced),
  server_tool: (pattern) => matching(pattern, ({ serverTools }) => serverTools),
  tool_offered: (pattern) => matching(pattern, ({ toolsOffered }) => toolsOffered),
  class:
    (classes) =>
    ({ requestClass }) =>
      requestClass !== null && classes.includes(requestClass),
  tool_used: (pattern) => matching(pattern, ({ toolsUsed }) => toolsUsed),
  plan_mode:
    (wanted) =>
    ({ isPlanning }) =>
      isPlanning === wanted,
  has_images:
    (wanted) =>
    ({ hasImages }) =>
      hasImages === wanted,
  input_tokens_over:
    (most) =>
    ({ inputTokens }) =>
      isOver(inputTokens, most),
};

function conditionsOf(when: When): Condition[] {
  return (Object.keys(CONDITIONS) as Array<keyof When>).flatMap((key) => conditionOf(key, when[key]) ?? []);
}

function conditionOf<K extends keyof When>(key: K, wanted: When[K]): Condition | null {
  return wanted === null ? null : CONDITIONS[key](wanted as Wanted<K>);
}

function matching(pattern: string, namesOf: (facts: RequestFacts) => readonly string[]): Condition {
  const isMatch = createGlob(pattern);
  return (facts) => namesOf(facts).some(isMatch);
}

function isOver(value: number | null | undefined, most: number): boolean {
  return value !== null && value !== undefined && value > most;
}
