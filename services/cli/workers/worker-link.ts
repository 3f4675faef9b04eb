// A worker's side of its tie to the primary process: it says when it serves, hands over its metrics when asked, and hears
// when to stop.
import cluster from 'node:cluster';
import type { MetricsRegistry } from '#shared/telemetry/families.ts';
import { isOrder, type Report } from './messages.ts';

export interface WorkerLink {
  sayReady(): void;
  sayDraining(): void;
  /** Resolves when the primary says stop, or is gone. */
  readonly stopped: Promise<void>;
}

/** `onTrouble` is told of metrics that could not be read: the page does without them. */
export function linkToPrimary(registry: MetricsRegistry, onTrouble: (error: unknown) => void): WorkerLink {
  // Node ends a worker on the spot whose primary is gone, with all its streams, unless leaving was the worker's own wish.
  if (cluster.worker) cluster.worker.exitedAfterDisconnect = true;
  let stop = (): void => undefined;
  const stopped = new Promise<void>((resolve) => {
    stop = resolve;
  });
  process.on('disconnect', () => stop());
  process.on('message', (message) => {
    if (!isOrder(message)) return;
    if (message.type === 'stop') stop();
    else handOver(registry, message.id).catch(onTrouble);
  });
  return { sayReady: () => say({ type: 'ready' }), sayDraining: () => say({ type: 'draining' }), stopped };
}

async function handOver(registry: MetricsRegistry, id: number): Promise<void> {
  say({ type: 'metrics', id, families: await registry.getMetricsAsJSON() });
}

/** A primary that is gone hears nothing: the worker then stops anyway. */
function say(report: Report): void {
  if (process.connected) process.send?.(report, undefined, undefined, () => undefined);
}
