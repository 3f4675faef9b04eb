// The series of a metric by their labels. They are found by one value after the other, where prom-client puts a text
// together each time and looks up by that: a call is counted twenty times.

export type LabelsOf<L extends string> = Partial<Record<L, string>>;

export interface SeriesFinder<L extends string, Series> {
  /** Begun with the first look-up, in the order of which they are. */
  readonly all: readonly Series[];
  of(labels: LabelsOf<L>): Series;
}

/** Of the labels so far. */
interface Branch<Series> {
  readonly next: Map<string | undefined, Branch<Series>>;
  series: Series | null;
}

export function createSeriesFinder<L extends string, Series>(
  labelNames: readonly L[],
  begin: (labels: LabelsOf<L>) => Series,
): SeriesFinder<L, Series> {
  const all: Series[] = [];
  const root: Branch<Series> = { next: new Map(), series: null };

  function grow(branch: Branch<Series>, value: string | undefined): Branch<Series> {
    const grown = { next: new Map(), series: null };
    branch.next.set(value, grown);
    return grown;
  }

  function first(labels: LabelsOf<L>): Series {
    const series = begin(labels);
    all.push(series);
    return series;
  }

  return {
    all,
    of: (labels) => {
      let branch = root;
      for (const name of labelNames) branch = branch.next.get(labels[name]) ?? grow(branch, labels[name]);
      branch.series ??= first(labels);
      return branch.series;
    },
  };
}
