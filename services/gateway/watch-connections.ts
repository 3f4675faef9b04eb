// Connections to upstreams as metrics: how many wait, work and are free, looked at now and then, and how long each took to
// open. Connections belong to origins; a series belongs to the upstream that is there, the first one where several are.
import type { Target } from '#shared/providers/target.ts';
import type { Metrics } from '#shared/telemetry/metrics.ts';
import type { OnConnected, UpstreamAgent } from '#shared/upstream/upstream-agent.ts';

export interface ConnectionWatch {
  onConnected: OnConnected;
  /** Looks at all connections and writes the gauges. */
  look(): void;
  stop(): void;
}

type ConnectionMetrics = Pick<
  Metrics,
  'upstreamConnectSeconds' | 'upstreamPoolPending' | 'upstreamPoolRunning' | 'upstreamPoolFree'
>;

const LOOK_EVERY_MS = 2000;
/** An origin that is no upstream's, as a search engine's. */
const OTHER = 'other';

export function watchConnections(
  targets: readonly Target[],
  agents: ReadonlyMap<unknown, UpstreamAgent>,
  metrics: ConnectionMetrics,
): ConnectionWatch {
  const upstreams = new Map<string, string>();
  for (const { baseUrl, provider } of targets) {
    const { origin } = new URL(baseUrl);
    if (!upstreams.has(origin)) upstreams.set(origin, provider);
  }
  const names = new Set([...upstreams.values(), OTHER]);
  const upstreamOf = (origin: string): string => upstreams.get(origin) ?? OTHER;
  for (const upstream of names) metrics.upstreamConnectSeconds.zero({ upstream });

  const look = (): void => {
    const counts = new Map([...names].map((name) => [name, { pending: 0, running: 0, free: 0 }]));
    for (const agent of agents.values()) {
      for (const { origin, pending, running, free } of agent.pools()) {
        const of = counts.get(upstreamOf(origin));
        if (of === undefined) continue;
        of.pending += pending;
        of.running += running;
        of.free += free;
      }
    }
    for (const [upstream, { pending, running, free }] of counts) {
      metrics.upstreamPoolPending.set({ upstream }, pending);
      metrics.upstreamPoolRunning.set({ upstream }, running);
      metrics.upstreamPoolFree.set({ upstream }, free);
    }
  };
  look();
  const timer = setInterval(look, LOOK_EVERY_MS).unref();
  return {
    onConnected: (origin, tookMs) =>
      metrics.upstreamConnectSeconds.observe({ upstream: upstreamOf(origin) }, tookMs / 1000),
    look,
    stop: () => clearInterval(timer),
  };
}
