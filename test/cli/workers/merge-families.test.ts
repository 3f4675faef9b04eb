import { expect } from 'chai';
import { type MetricFamilies, mergeFamilies } from '#services/cli/workers/merge-families.ts';
import { createMetrics, type Metrics } from '#shared/telemetry/metrics.ts';

describe('the metrics of several workers', () => {
  const TRACE = 'a'.repeat(32);

  function worker(number: string, seconds: number): Metrics {
    const metrics = createMetrics({ service: 'cc-gateway', worker: number });
    metrics.genAiServerRequestDurationSeconds.observe({
      labels: { leg: 'primary', gen_ai_request_model: 'm', gen_ai_provider_name: 'p', error_type: 'none' },
      value: seconds,
      exemplarLabels: { trace_id: TRACE },
    });
    return metrics;
  }

  /** As it crosses between processes. */
  async function page({ registry }: Metrics): Promise<MetricFamilies> {
    return JSON.parse(JSON.stringify(await registry.getMetricsAsJSON())) as MetricFamilies;
  }

  it('are on their common page what they are on a page of each one, exemplars included', async () => {
    const both = [worker('1', 0.3), worker('2', 3)];
    const merged = await mergeFamilies(await Promise.all(both.map(page)));
    const isSteady = (line: string): boolean =>
      /^(?:ccproxy|gen_ai|#)/.test(line) || line.startsWith('process_start_time');
    const apart = await Promise.all(both.map(({ registry }) => registry.metrics()));
    const wanted = new Set(apart.join('\n').split('\n').filter(isSteady));
    const sorted = (line: string): string =>
      line.replace(/\{([^}]*)\}/, (_all, labels) => `{${labels.split(',').sort()}}`);
    expect(new Set(merged.split('\n').filter(isSteady).map(sorted))).to.deep.equal(new Set([...wanted].map(sorted)));
    expect(merged.split('\n').filter((line) => line.includes(`# {trace_id="${TRACE}"}`))).to.have.length(2);
    expect(merged).to.match(/^process_start_time_seconds\{.*worker="2"/m);
    expect(merged.endsWith('\n# EOF\n')).to.equal(true);
  });

  it('are an empty page before one serves', async () => {
    expect((await mergeFamilies([])).trim()).to.equal('# EOF');
  });
});
