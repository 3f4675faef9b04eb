import { expect } from 'chai';
import fc from 'fast-check';
import { type Metric, Histogram as PromHistogram, Registry, type RegistryContentType } from 'prom-client';
import { Histogram } from '#shared/telemetry/histogram.ts';
import type { LabelsOf } from '#shared/telemetry/series-finder.ts';

type Label = 'leg' | 'model';
type Page = Registry<RegistryContentType>;

interface Observation {
  labels: LabelsOf<Label>;
  /** null = the series is only shown. */
  value: number | null;
  traceId: string | null;
}

const ABOUT = { name: 'seconds', help: 'How long.', buckets: [0.1, 1, 2.5, 1e6] };
const LABEL_NAMES: Label[] = ['leg', 'model'];

function page(): Page {
  const registry: Page = new Registry();
  registry.setContentType(Registry.OPENMETRICS_CONTENT_TYPE);
  registry.setDefaultLabels({ service: 's' });
  return registry;
}

function withOurs(observations: readonly Observation[]): Page {
  const registry = page();
  const ours = new Histogram<Label>({ ...ABOUT, labelNames: LABEL_NAMES });
  registry.registerMetric(ours as unknown as Metric);
  for (const { labels, value, traceId } of observations) {
    if (value === null) ours.zero(labels);
    else ours.add(labels, value, traceId === null ? undefined : { trace_id: traceId });
  }
  return registry;
}

function withTheirs(observations: readonly Observation[]): Page {
  const registry = page();
  const theirs = new PromHistogram({
    ...ABOUT,
    labelNames: LABEL_NAMES,
    enableExemplars: true,
    registers: [registry as Registry],
  });
  const seen = new Set<string>();
  for (const { labels, value, traceId } of observations) {
    const series = `${labels.leg} ${labels.model}`;
    // Theirs would count anew.
    if (value === null && !seen.has(series)) theirs.zero(labels);
    seen.add(series);
    const exemplarLabels = traceId === null ? {} : { trace_id: traceId };
    if (value !== null) (theirs.observe as (of: object) => void)({ labels, value, exemplarLabels });
  }
  return registry;
}

const anObservation: fc.Arbitrary<Observation> = fc.record({
  labels: fc.record(
    { leg: fc.constantFrom('primary', 'shadow'), model: fc.constantFrom('a', 'b', '', '"\\\n') },
    { requiredKeys: [] },
  ),
  value: fc.option(
    fc.oneof(fc.constantFrom(0, 0.1, 1, 2.5, 1e6, -1), fc.double({ noNaN: true, noDefaultInfinity: true })),
  ),
  traceId: fc.option(fc.constantFrom('t1', 't2')),
});

/** Exemplars with one and the same time. */
async function textOf(registry: Page): Promise<string> {
  return (await registry.metrics()).replace(/( # \{.*\} \S+) [\d.]+$/gm, '$1 now');
}

describe('a histogram', () => {
  it('shows what that of prom-client shows, letter by letter', async () => {
    await fc.assert(
      fc.asyncProperty(fc.array(anObservation, { maxLength: 30 }), async (observations) => {
        expect(await textOf(withOurs(observations))).to.equal(await textOf(withTheirs(observations)));
      }),
    );
  });

  it('hands over the same data too', async () => {
    const observations = [
      { labels: { leg: 'primary', model: 'a' }, value: 0.5, traceId: 't1' },
      { labels: { leg: 'primary' }, value: 7, traceId: null },
    ];
    const dataOf = async (registry: Page): Promise<unknown> =>
      JSON.parse(JSON.stringify(await registry.getMetricsAsJSON()), (key, value: unknown) =>
        value === null || key === 'timestamp' ? undefined : value,
      );
    expect(await dataOf(withOurs(observations))).to.deep.equal(await dataOf(withTheirs(observations)));
  });

  it('without labels is shown from the start', async () => {
    const registry = page();
    registry.registerMetric(new Histogram({ ...ABOUT, labelNames: [] }) as unknown as Metric);
    expect(await registry.metrics()).to.include('seconds_count{service="s"} 0');
  });

  it('takes no value that cannot be added up', () => {
    const histogram = new Histogram<Label>({ ...ABOUT, labelNames: LABEL_NAMES });
    for (const value of [Number.NaN, Number.POSITIVE_INFINITY])
      expect(() => histogram.add({}, value)).to.throw(TypeError, 'seconds');
  });
});
