// What the models behind the Responses API differ in, as data: the first row that matches a model's name counts.
import type { EffortRange } from '../effort.ts';

export interface ResponsesModel {
  matches: RegExp;
  effort: EffortRange;
}

const LATEST = ['none', 'low', 'medium', 'high', 'xhigh', 'max'] as const;
const UP_TO_XHIGH = ['none', 'low', 'medium', 'high', 'xhigh'] as const;
const UP_TO_HIGH = ['none', 'low', 'medium', 'high'] as const;
const ALWAYS = ['low', 'medium', 'high'] as const;

const on = (legal: EffortRange['legal']): EffortRange => ({ legal, isOnByDefault: true });
const optIn = (legal: EffortRange['legal']): EffortRange => ({ legal, isOnByDefault: false });

const MODELS: readonly ResponsesModel[] = [
  { matches: /^(gpt-[34]|chatgpt-)|-chat(-|$)/, effort: optIn([]) },
  { matches: /^gpt-5-pro/, effort: on(['high']) },
  { matches: /^gpt-5\.\d+-pro/, effort: on(['medium', 'high', 'xhigh']) },
  { matches: /^gpt-5\.1-codex-max/, effort: on([...ALWAYS, 'xhigh']) },
  { matches: /^gpt-5(\.1)?-codex|^codex-/, effort: on(ALWAYS) },
  { matches: /^gpt-5\.\d+-codex/, effort: on([...ALWAYS, 'xhigh']) },
  { matches: /^gpt-5\.1(?!\d)/, effort: optIn(UP_TO_HIGH) },
  { matches: /^gpt-5\.[2-4](?!\d)/, effort: optIn(UP_TO_XHIGH) },
  { matches: /^gpt-5\.\d/, effort: on(LATEST) },
  { matches: /^gpt-5(?![\d.])/, effort: on(['minimal', ...ALWAYS]) },
  { matches: /^gpt-[6-9]/, effort: on(LATEST) },
];

/** O-series, open models and whatever is not in the table. */
const OTHERS = on(ALWAYS);

/** A name may have a vendor in front: `openai/gpt-5`. */
export function effortRangeOf(model: string): EffortRange {
  const name = model.toLowerCase().replace(/^.*\//, '');
  return MODELS.find(({ matches }) => matches.test(name))?.effort ?? OTHERS;
}
