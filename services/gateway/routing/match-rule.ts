// Which rule decides: the first, in the order of the file, whose conditions all hold. Pure.
import type { RequestFacts } from './request-facts.ts';
import type { Rule } from './rule.ts';

export function matchRule(rules: readonly Rule[], facts: RequestFacts): Rule | undefined {
  return rules.find(({ conditions }) => conditions.every((holds) => holds(facts)));
}
