// PromQL as Prometheus' own grammar reads it: is it whole, and which metrics does it name?
import { parser } from '@prometheus-io/lezer-promql';

type SyntaxNode = ReturnType<typeof parser.parse>['topNode'];

export interface Selector {
  metric: string;
  /** As written, braces included; empty where there are none. */
  matchers: string;
}

/** Stands in for what Grafana fills in before it asks. */
export function fillIn(expression: string, window = '1m'): string {
  return expression
    .replaceAll('$__rate_interval', window)
    .replaceAll('$__interval', window)
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

/**
 * The same expression saying 0 or 1 where it kept or dropped: what an alert looks at is then there also while it does not
 * fire. Guards of a denominator stay.
 */
export function withoutThresholds(expression: string): string {
  const at: number[] = [];
  parser.parse(expression).iterate({
    enter: (node) => {
      if (node.name !== 'BinaryExpr' || isDenominator(node.node)) return;
      const operator = COMPARISONS.map((name) => node.node.getChild(name)).find((found) => found !== null);
      if (operator) at.push(operator.to);
    },
  });
  return at
    .toSorted((a, b) => b - a)
    .reduce((text, position) => `${text.slice(0, position)} bool${text.slice(position)}`, expression);
}

const COMPARISONS = ['Gtr', 'Lss', 'Gte', 'Lte', 'Eql', 'Neq'];

function isDenominator(node: SyntaxNode): boolean {
  for (let child = node; child.parent !== null; child = child.parent) {
    const division = child.parent.getChild('Div');
    if (child.parent.name === 'BinaryExpr' && division !== null && child.from >= division.to) return true;
  }
  return false;
}
