// A worker's side of its tie to the primary process: it says when it serves, hands over its metrics when asked, and hears
// when to stop.
import type { MetricsRegistry } from '#shared/telemetry/families.ts';
import { isOrder, type Report } from './messages.ts';

export interface WorkerLink {
  sayReady(): void;
  sayDraining(): void;
  /** Resolves when the primary says stop, or is gone. */
  readonly stopped: Promise<void>;
}

export function linkToPrimary(registry: MetricsRegistry): WorkerLink {
  let stop = (): void => undefined;
  const stopped = new Promise<void>((resolve) => {
    stop = resolve;
  });
  process.on('disconnect', () => stop());
  process.on('message', (message) => {
    if (!isOrder(message)) return;
    if (message.type === 'stop') stop();
    else void handOver(registry, message.id);
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
