// The metrics of several processes on one page. Nothing is added up: a label tells their series apart.
import { type Metric, Registry } from 'prom-client';
import type { MetricsRegistry } from '#shared/telemetry/families.ts';
import type { Report } from './messages.ts';

export type MetricFamilies = Extract<Report, { type: 'metrics' }>['families'];
type Family = MetricFamilies[number];

/** In the form of OpenMetrics, exemplars included. */
export function mergeFamilies(pages: readonly MetricFamilies[]): Promise<string> {
  const merged = new Map<string, Family>();
  for (const family of pages.flat()) {
    const before = merged.get(family.name);
    merged.set(family.name, { ...family, values: [...(before?.values ?? []), ...family.values] });
  }
  const registry: MetricsRegistry = new Registry();
  registry.setContentType(Registry.OPENMETRICS_CONTENT_TYPE);
  for (const family of merged.values()) registry.registerMetric(toMetric(family));
  return registry.metrics();
}

/** OpenMetrics names a counter without `_total` and puts it on the sample. A registry asks no more of a metric than this. */
function toMetric(family: Family): Metric {
  const name = String(family.type) === 'counter' ? family.name.replace(/_total$/, '') : family.name;
  const named = { ...family, name };
  return { ...named, get: async () => named } as unknown as Metric;
}
