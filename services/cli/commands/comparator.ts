// `cc-proxy comparator`: reads exchanges from Redis, asks the secondary models, keeps pairs.
import { createComparator, toComparatorConfig } from '#services/comparator/service.ts';
import { systemClock } from '#shared/clock.ts';
import type { Config } from '#shared/config/load.ts';
import { untilSignalled } from '#shared/lifecycle.ts';
import { createMetrics } from '#shared/telemetry/metrics.ts';
import { startOpsServer } from '#shared/telemetry/ops-server.ts';
import { createTargets } from '#shared/upstream/create-targets.ts';
import {
  configuredLogLevels,
  createBus,
  createLog,
  createStore,
  createTraces,
  followLogLevels,
  loadAdminToken,
  requireRedis,
  serviceName,
  startTokens,
  version,
} from '../parts.ts';

const SHUTDOWN_MS = 5000;

/** @throws ConfigError */
export async function runComparator(config: Config): Promise<void> {
  requireRedis(config, 'comparator');
  const adminToken = loadAdminToken(config, { 'comparator.listen_address': config.comparator.listen_address }, false);
  const name = serviceName(config, 'comparator');
  const metrics = createMetrics({ service: name, version: version() });
  const levels = configuredLogLevels(config);
  const log = createLog(config, name, metrics, levels);
  const following = await followLogLevels(config, levels, log);
  const tracing = createTraces(config, metrics, log, name);
  const bus = await createBus(config, log);
  const store = await createStore(config, log);
  const tokens = await startTokens(config, log);
  const comparator = await createComparator(toComparatorConfig(config, adminToken), {
    bus,
    store,
    metrics,
    tracing,
    log: log.child({ component: 'comparator' }),
    clock: systemClock,
    targets: createTargets(config, tokens),
  });
  const ops = await startOpsServer({
    address: config.ops.listen_address,
    metrics,
    ready: async () => {
      const [isBusUp, isStoreUp] = await Promise.all([bus.healthy(), store.healthy()]);
      return {
        ready: isBusUp && isStoreUp,
        checks: { bus: isBusUp ? 'ok' : 'not reachable', store: isStoreUp ? 'ok' : 'not reachable' },
      };
    },
  });
  await untilSignalled();
  await comparator.stop();
  tokens.stop();
  await tracing.shutdown(SHUTDOWN_MS);
  await ops.stop();
  await Promise.all([bus.close(), store.close(), following.stop()]);
}
