import { expect } from 'chai';
import fc from 'fast-check';
import { type Metric, Counter as PromCounter, Registry, type RegistryContentType } from 'prom-client';
import { Counter } from '#shared/telemetry/counter.ts';
import type { LabelsOf } from '#shared/telemetry/series-finder.ts';

type Label = 'leg' | 'model';
type Page = Registry<RegistryContentType>;

const ABOUT = { name: 'calls_total', help: 'How many.', labelNames: ['leg', 'model'] as Label[] };
const TYPES = [Registry.OPENMETRICS_CONTENT_TYPE, Registry.PROMETHEUS_CONTENT_TYPE] as const;

function page(contentType: RegistryContentType): Page {
  const registry: Page = new Registry();
  registry.setContentType(contentType);
  registry.setDefaultLabels({ service: 's' });
  return registry;
}

const anIncrease: fc.Arbitrary<{ labels: LabelsOf<Label>; by: number | undefined }> = fc.record({
  labels: fc.record(
    { leg: fc.constantFrom('primary', 'shadow'), model: fc.constantFrom('a', 'b', '', '"\\\n') },
    { requiredKeys: [] },
  ),
  by: fc.option(fc.oneof(fc.constantFrom(0, 1), fc.double({ min: 0, max: 1e9, noNaN: true })), { nil: undefined }),
});

describe('a counter', () => {
  it('shows what that of prom-client shows, letter by letter, and hands over the same data', async () => {
    await fc.assert(
      fc.asyncProperty(fc.array(anIncrease, { maxLength: 30 }), fc.constantFrom(...TYPES), async (increases, type) => {
        const [ours, theirs] = [page(type), page(type)];
        const counter = new Counter<Label>(ABOUT);
        ours.registerMetric(counter as unknown as Metric);
        const reference = new PromCounter({ ...ABOUT, registers: [theirs as Registry] });
        for (const { labels, by } of increases) {
          counter.inc(labels, by);
          reference.inc(labels, by);
        }
        expect(await ours.metrics()).to.equal(await theirs.metrics());
        expect(await ours.getMetricsAsJSON()).to.deep.equal(await theirs.getMetricsAsJSON());
      }),
    );
  });

  it('without labels is shown from the start, and takes its increase alone', async () => {
    const registry = page(TYPES[0]);
    const counter = new Counter({ ...ABOUT, labelNames: [] });
    registry.registerMetric(counter as unknown as Metric);
    expect(await registry.metrics()).to.include('calls_total{service="s"} 0');
    counter.inc();
    counter.inc(2.5);
    expect(await registry.metrics()).to.include('calls_total{service="s"} 3.5');
  });

  it('only grows', () => {
    const counter = new Counter<Label>(ABOUT);
    for (const by of [-1, Number.NaN, Number.POSITIVE_INFINITY])
      expect(() => counter.inc({ leg: 'primary' }, by)).to.throw(RangeError, 'calls_total only grows');
  });
});
