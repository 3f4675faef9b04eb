// A histogram in the registry of prom-client, which finds its series faster than theirs.
import { createSeriesFinder, type LabelsOf, type SeriesFinder } from './series-finder.ts';

export interface HistogramOptions<L extends string> {
  readonly name: string;
  readonly help: string;
  readonly buckets: readonly number[];
  readonly labelNames: readonly L[];
}

interface Exemplar {
  labelSet: Record<string, string>;
  value: number;
  /** Unix seconds. */
  timestamp: number;
}

interface Series<L extends string> {
  readonly labels: LabelsOf<L>;
  /** By bucket, the last without a bound. Not added up yet. */
  readonly counts: number[];
  readonly exemplars: Array<Exemplar | undefined>;
  sum: number;
}

/** One line, as the registry wants it. */
interface Sample {
  readonly metricName: string;
  readonly labels: Record<string, string | number>;
  readonly sharedLabels: Record<string, string>;
  readonly value: number;
  readonly exemplar?: Exemplar | undefined;
}

export class Histogram<L extends string> {
  readonly type = 'histogram';
  readonly aggregator = 'sum';
  readonly name: string;
  readonly help: string;
  readonly #bounds: readonly number[];
  readonly #series: SeriesFinder<L, Series<L>>;

  constructor({ name, help, buckets, labelNames }: HistogramOptions<L>) {
    this.name = name;
    this.help = help;
    this.#bounds = buckets;
    this.#series = createSeriesFinder(labelNames, (labels) => {
      return { labels, counts: new Array(buckets.length + 1).fill(0), exemplars: [], sum: 0 };
    });
    if (labelNames.length === 0) this.zero({});
  }

  /** Shows the series before anything is observed. */
  zero(labels: LabelsOf<L>): void {
    this.#series.of(labels);
  }

  /** @param exemplarLabels shown beside the bucket that the value is in, until another comes */
  add(labels: LabelsOf<L>, value: number, exemplarLabels?: Record<string, string>): void {
    if (!Number.isFinite(value)) throw new TypeError(`${this.name}: not a finite number`);
    const series = this.#series.of(labels);
    let bucket = 0;
    while (bucket < this.#bounds.length && value > (this.#bounds[bucket] ?? 0)) bucket++;
    series.counts[bucket] = (series.counts[bucket] ?? 0) + 1;
    series.sum += value;
    if (exemplarLabels === undefined) return;
    series.exemplars[bucket] = { labelSet: exemplarLabels, value, timestamp: Date.now() / 1000 };
  }

  /** For the registry as text. */
  getForPromString() {
    return { ...this.#about(), values: this.#series.all.flatMap((series) => this.#samplesOf(series)) };
  }

  /** For the registry as data. */
  async get() {
    const samples = this.#series.all.flatMap((series) => this.#samplesOf(series));
    const values = samples.map(({ sharedLabels, labels, ...sample }) => ({
      ...sample,
      labels: { ...sharedLabels, ...labels },
    }));
    return { ...this.#about(), values };
  }

  #about() {
    const { name, help, type, aggregator } = this;
    return { name, help, type, aggregator };
  }

  #samplesOf({ labels, counts, exemplars, sum }: Series<L>): Sample[] {
    const sharedLabels = labels as Record<string, string>;
    let count = 0;
    const buckets = counts.map((own, bucket): Sample => {
      count += own;
      const le = this.#bounds[bucket] ?? '+Inf';
      return {
        metricName: `${this.name}_bucket`,
        labels: { le },
        sharedLabels,
        value: count,
        exemplar: exemplars[bucket],
      };
    });
    return [
      ...buckets,
      { metricName: `${this.name}_sum`, labels: {}, sharedLabels, value: sum },
      { metricName: `${this.name}_count`, labels: {}, sharedLabels, value: count },
    ];
  }
}
