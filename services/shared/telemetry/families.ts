// How a metric family is made: label values known beforehand are all set to 0, so that the first increment is seen as one.
import { Gauge, type Metric, type Registry, type RegistryContentType } from 'prom-client';
import { Counter } from './counter.ts';
import { Histogram } from './histogram.ts';
import type { LabelsOf } from './series-finder.ts';

export type MetricsRegistry = Registry<RegistryContentType>;

/** Label name → its closed set of values, or null where configuration decides. */
export type Labels<L extends string> = Readonly<Record<L, readonly string[] | null>>;

export interface PlainHistogram<L extends string> {
  observe(labels: LabelsOf<L>, value: number): void;
  /** Without labels. */
  observe(value: number): void;
  zero(labels: LabelsOf<L>): void;
}

/** A histogram that may carry a trace id on its buckets. It takes one object, unlike its plain sibling. */
export interface ExemplarHistogram<L extends string> {
  observe(observation: {
    labels?: LabelsOf<L>;
    value: number;
    /** `{ trace_id }`, only of a sampled trace. */
    exemplarLabels?: { trace_id: string };
  }): void;
  zero(labels: LabelsOf<L>): void;
}

/** A gauge whose values can be asked for when it is read: to set one costs more than to count. */
export interface FollowingGauge<L extends string> extends Gauge<L> {
  follow(labels: LabelsOf<L>, value: () => number): void;
}

export interface Families {
  counter<L extends string = never>(name: string, help: string, labels?: Labels<L>): Counter<L>;
  gauge<L extends string = never>(name: string, help: string, labels?: Labels<L>): FollowingGauge<L>;
  histogram<L extends string = never>(
    name: string,
    help: string,
    buckets: readonly number[],
    labels?: Labels<L>,
  ): PlainHistogram<L>;
  exemplarHistogram<L extends string = never>(
    name: string,
    help: string,
    buckets: readonly number[],
    labels?: Labels<L>,
  ): ExemplarHistogram<L>;
}

export function createFamilies(registry: MetricsRegistry): Families {
  const registers = [registry as Registry];
  // They have all that a registry asks of a metric.
  const register = (metric: Counter<never> | Histogram<never>): void =>
    registry.registerMetric(metric as unknown as Metric);
  const histogram = <L extends string>(
    name: string,
    help: string,
    buckets: readonly number[],
    labels: Labels<L> | undefined,
  ): Histogram<L> => {
    const metric = new Histogram<L>({ name, help, buckets, labelNames: labelNames(labels) });
    register(metric);
    for (const combination of combinations(labels)) metric.zero(combination);
    return metric;
  };
  return {
    counter: <L extends string>(name: string, help: string, labels?: Labels<L>): Counter<L> => {
      const metric = new Counter<L>({ name, help, labelNames: labelNames(labels) });
      register(metric);
      for (const combination of combinations(labels)) metric.inc(combination, 0);
      return metric;
    },
    gauge: <L extends string>(name: string, help: string, labels?: Labels<L>): FollowingGauge<L> => {
      const followed: Array<() => void> = [];
      const collect = (): void => {
        for (const ask of followed) ask();
      };
      const metric = new Gauge<L>({ name, help, labelNames: labelNames(labels), registers, collect });
      for (const combination of combinations(labels)) metric.set(combination, 0);
      return Object.assign(metric, {
        follow: (of: LabelsOf<L>, value: () => number) => {
          followed.push(() => metric.set(of, value()));
        },
      });
    },
    histogram: <L extends string>(
      name: string,
      help: string,
      buckets: readonly number[],
      labels?: Labels<L>,
    ): PlainHistogram<L> => {
      const metric = histogram(name, help, buckets, labels);
      return {
        observe: (of: LabelsOf<L> | number, value: number = 0) =>
          typeof of === 'number' ? metric.add({}, of) : metric.add(of, value),
        zero: (of) => metric.zero(of),
      };
    },
    exemplarHistogram: <L extends string>(
      name: string,
      help: string,
      buckets: readonly number[],
      labels?: Labels<L>,
    ): ExemplarHistogram<L> => {
      const metric = histogram(name, help, buckets, labels);
      return {
        observe: ({ labels: of = {}, value, exemplarLabels }) => metric.add(of, value, exemplarLabels),
        zero: (of) => metric.zero(of),
      };
    },
  };
}

function labelNames<L extends string>(labels: Labels<L> | undefined): L[] {
  return Object.keys(labels ?? {}) as L[];
}

/** Every combination of the label values; none when there are no labels or one of them is open. */
function combinations<L extends string>(labels: Labels<L> | undefined): Array<Record<L, string>> {
  const entries = Object.entries<readonly string[] | null>(labels ?? {});
  if (entries.length === 0) return [];
  let rows: Array<Record<string, string>> = [{}];
  for (const [name, values] of entries) {
    rows = rows.flatMap((row) => (values ?? []).map((value) => ({ ...row, [name]: value })));
  }
  return rows as Array<Record<L, string>>;
}
