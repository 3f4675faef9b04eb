// What a process says of itself on /metrics, read as an operator's Prometheus would.

export interface Series {
  name: string;
  labels: Record<string, string>;
  value: number;
}

/** Sum of the series of that name whose labels include the given ones; 0 when there is none. */
export type ReadMetric = (name: string, labels?: Record<string, string>) => number;

/** @param opsUrl address of the ops listener */
export async function readMetrics(opsUrl: string): Promise<ReadMetric> {
  const series = parseSeries(await (await fetch(`${opsUrl}/metrics`)).text());
  return (name, labels = {}) =>
    series
      .filter(
        (each) => each.name === name && Object.entries(labels).every(([key, value]) => each.labels[key] === value),
      )
      .reduce((sum, { value }) => sum + value, 0);
}

export function parseSeries(text: string): Series[] {
  return text.split('\n').flatMap((line) => {
    const match = /^([a-zA-Z_:][\w:]*)(?:\{(.*?)\})? (\S+)/.exec(line);
    if (!match) return [];
    const labels = [...(match[2] ?? '').matchAll(/(\w+)="((?:[^"\\]|\\.)*)"/g)];
    return [
      {
        name: match[1] ?? '',
        labels: Object.fromEntries(labels.map(([, key, value]) => [key, value])),
        value: Number(match[3]),
      },
    ];
  });
}
