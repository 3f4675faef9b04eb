// `/api/rules`: the rules in the order in which they are asked.
import type { IncomingMessage } from 'node:http';
import type { GatewayContext } from '../context.ts';
import type { When } from '../routing/rule.ts';

export interface RuleRow {
  name: string;
  /** Only what it asks for. */
  when: Partial<When>;
  use: string;
  model: string;
  provider: string;
}

export interface RuleList {
  data: RuleRow[];
  next_cursor: null;
  warnings: string[];
}

export async function getRules(_request: IncomingMessage, { rules, targets }: GatewayContext): Promise<RuleList> {
  const isForced = rules.length > 0 && targets.forced !== null;
  return {
    data: rules.map(({ name, when, use, target }) => ({
      name,
      when: Object.fromEntries(Object.entries(when).filter(([, wanted]) => wanted !== null)),
      use,
      model: target.name,
      provider: target.provider,
    })),
    next_cursor: null,
    warnings: isForced ? ['the rules have no effect: target.url (--target-url) answers every request'] : [],
  };
}
