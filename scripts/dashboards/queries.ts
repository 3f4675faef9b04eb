// PromQL as the panels write it: every selector carries the dashboard's variables, every rate its window, every ratio a
// guard against an empty denominator.

export interface Query {
  expr: string;
  legend?: string;
  /** Only for histograms that carry trace ids. */
  exemplar?: boolean;
}

const WINDOW = '$__rate_interval';
const HERE = 'job=~"$job",instance=~"$instance"';
/** For families whose label is `model`, and for those with the name of the GenAI conventions. */
export const OF_MODEL = 'model=~"$model"';
export const OF_GENAI_MODEL = 'gen_ai_request_model=~"$model"';

/** `name{job=~"$job",instance=~"$instance",matchers}` */
export function series(name: string, matchers = ''): string {
  return `${name}{${matchers === '' ? HERE : `${HERE},${matchers}`}}`;
}

/** Per second, summed over instances; `by` = the labels that stay. */
export function rate(name: string, matchers = '', by = ''): string {
  return `${sum(by)}(rate(${series(name, matchers)}[${WINDOW}]))`;
}

/** How many in the window, summed over instances. */
export function increase(name: string, matchers = '', by = ''): string {
  return `${sum(by)}(increase(${series(name, matchers)}[${WINDOW}]))`;
}

export function total(name: string, matchers = '', by = ''): string {
  return `${sum(by)}(${series(name, matchers)})`;
}

export function largest(name: string, matchers = '', by = ''): string {
  return `${by === '' ? 'max' : `max by (${by}) `}(${series(name, matchers)})`;
}

/** Nothing where the denominator is 0 or absent. */
export function ratio(numerator: string, denominator: string): string {
  return `${numerator} / (${denominator} > 0)`;
}

/** 0 where there is no such series. Only for expressions without labels. */
export function orZero(expression: string): string {
  return `(${expression} or vector(0))`;
}

export function quantile(q: number, name: string, matchers = '', by = ''): string {
  return `histogram_quantile(${q}, ${rate(`${name}_bucket`, matchers, by === '' ? 'le' : `le, ${by}`)})`;
}

/** p50, p95, p99 and the mean of one histogram. */
export function quantiles(name: string, matchers = '', by = '', exemplar = false): Query[] {
  const suffix =
    by === ''
      ? ''
      : ` ${by
          .split(', ')
          .map((label) => `{{${label}}}`)
          .join(' ')}`;
  return [
    ...[0.5, 0.95, 0.99].map((q) => ({
      expr: quantile(q, name, matchers, by),
      legend: `p${q * 100}${suffix}`,
      exemplar: exemplar && q === 0.99,
    })),
    {
      expr: ratio(rate(`${name}_sum`, matchers, by), rate(`${name}_count`, matchers, by)),
      legend: `mean${suffix}`,
    },
  ];
}

export function buckets(name: string, matchers = ''): string {
  return increase(`${name}_bucket`, matchers, 'le');
}

function sum(by: string): string {
  return by === '' ? 'sum' : `sum by (${by}) `;
}
