// How a metric family is made: label values known beforehand are all set to 0, so that the first increment is seen as one.
import { Counter, Gauge, Histogram, type Registry, type RegistryContentType } from 'prom-client';

export type MetricsRegistry = Registry<RegistryContentType>;

/** Label name → its closed set of values, or null where configuration decides. */
export type Labels<L extends string> = Readonly<Record<L, readonly string[] | null>>;

/** A histogram that may carry a trace id on its buckets. It takes one object, unlike its plain sibling. */
export interface ExemplarHistogram<L extends string> {
  observe(observation: {
    labels?: Partial<Record<L, string>>;
    value: number;
    /** `{ trace_id }`, only of a sampled trace. */
    exemplarLabels?: { trace_id: string };
  }): void;
  labels(labels: Partial<Record<L, string>>): { observe(value: number): void };
  zero(labels: Partial<Record<L, string>>): void;
}

/** A gauge whose values can be asked for when it is read: to set one costs more than to count. */
export interface FollowingGauge<L extends string> extends Gauge<L> {
  follow(labels: Partial<Record<L, string>>, value: () => number): void;
}

export interface Families {
  counter<L extends string = never>(name: string, help: string, labels?: Labels<L>): Counter<L>;
  gauge<L extends string = never>(name: string, help: string, labels?: Labels<L>): FollowingGauge<L>;
  histogram<L extends string = never>(
    name: string,
    help: string,
    buckets: readonly number[],
    labels?: Labels<L>,
  ): Histogram<L>;
  exemplarHistogram<L extends string = never>(
    name: string,
    help: string,
    buckets: readonly number[],
    labels?: Labels<L>,
  ): ExemplarHistogram<L>;
}

export function createFamilies(registry: MetricsRegistry): Families {
  const registers = [registry as Registry];
  const histogram = <L extends string>(
    name: string,
    help: string,
    buckets: readonly number[],
    labels: Labels<L> | undefined,
    enableExemplars: boolean,
  ): Histogram<L> => {
    const metric = new Histogram<L>({
      name,
      help,
      labelNames: labelNames(labels),
      buckets: [...buckets],
      enableExemplars,
      registers,
    });
    for (const combination of combinations(labels)) metric.zero(combination);
    return metric;
  };
  return {
    counter: (name, help, labels) => {
      const metric = new Counter({ name, help, labelNames: labelNames(labels), registers });
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
        follow: (of: Partial<Record<L, string>>, value: () => number) => {
          followed.push(() => metric.set(of, value()));
        },
      });
    },
    histogram: (name, help, buckets, labels) => histogram(name, help, buckets, labels, false),
    exemplarHistogram: <L extends string>(
      name: string,
      help: string,
      buckets: readonly number[],
      labels?: Labels<L>,
    ): ExemplarHistogram<L> => histogram(name, help, buckets, labels, true) as unknown as ExemplarHistogram<L>,
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
