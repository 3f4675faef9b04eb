// What the primary process and its workers say to each other.
import type { MetricObjectWithValues, MetricValue } from 'prom-client';

/** From a worker. */
export type Report =
  | { type: 'ready' }
  | { type: 'draining' }
  /** The answer to `metrics`; `id` is that of the question. */
  | { type: 'metrics'; id: number; families: Array<MetricObjectWithValues<MetricValue<string>>> };

/** To a worker. */
export type Order = { type: 'stop' } | { type: 'metrics'; id: number };

export function isReport(message: unknown): message is Report {
  return hasType(message, ['ready', 'draining', 'metrics']);
}

export function isOrder(message: unknown): message is Order {
  return hasType(message, ['stop', 'metrics']);
}

function hasType(message: unknown, types: readonly string[]): boolean {
  return typeof message === 'object' && message !== null && 'type' in message && types.includes(String(message.type));
}
