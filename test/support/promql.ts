// PromQL as Prometheus' own grammar reads it: is it whole, and which metrics does it name?
import { parser } from '@prometheus-io/lezer-promql';

export interface Selector {
  metric: string;
  /** As written, braces included; empty where there are none. */
  matchers: string;
}

/** Stands in for what Grafana fills in before it asks. */
export function fillIn(expression: string): string {
  return expression
    .replaceAll('$__rate_interval', '1m')
    .replaceAll('$__interval', '1m')
    .replace(/\$(?:job|instance|model)\b/g, '.*');
}

/** Where the grammar stops understanding, as text; null for a whole expression. */
export function syntaxError(expression: string): string | null {
  let found: string | null = null;
  parser.parse(expression).iterate({
    enter: (node) => {
      if (node.type.isError) found ??= expression.slice(Math.max(0, node.from - 20), node.to + 20);
    },
  });
  return found;
}

export function selectorsOf(expression: string): Selector[] {
  const selectors: Selector[] = [];
  parser.parse(expression).iterate({
    enter: (node) => {
      if (node.name !== 'VectorSelector') return;
      const name = node.node.getChild('Identifier');
      const matchers = node.node.getChild('LabelMatchers');
      selectors.push({
        metric: name === null ? '' : expression.slice(name.from, name.to),
        matchers: matchers === null ? '' : expression.slice(matchers.from, matchers.to),
      });
    },
  });
  return selectors;
}
