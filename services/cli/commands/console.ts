// `cc-proxy console`: records history from Redis, migrates the store, serves its API.
import { createConsole, toConsoleConfig } from '#services/console/service.ts';
import { systemClock } from '#shared/clock.ts';
import type { Config } from '#shared/config/load.ts';
import { untilSignalled } from '#shared/lifecycle.ts';
import { createMetrics } from '#shared/telemetry/metrics.ts';
import { startOpsServer } from '#shared/telemetry/ops-server.ts';
import {
  configuredLogLevels,
  createBus,
  createLog,
  createStore,
  followLogLevels,
  loadAdminToken,
  requireRedis,
  serviceName,
  version,
} from '../parts.ts';

/** @throws ConfigError */
export async function runConsole(config: Config): Promise<void> {
  requireRedis(config, 'console');
  const adminToken = loadAdminToken(config, { 'console.listen_address': config.console.listen_address }, false);
  const name = serviceName(config, 'console');
  const metrics = createMetrics({ service: name, version: version() });
  const levels = configuredLogLevels(config);
  const log = createLog(config, name, metrics, levels);
  const following = await followLogLevels(config, levels, log);
  const bus = await createBus(config, log);
  const store = await createStore(config, log);
  const console = await createConsole(toConsoleConfig(config, adminToken), {
    bus,
    store,
    metrics,
    logger: log.child({ component: 'console' }),
    clock: systemClock,
  });
  const ops = await startOpsServer({
    address: config.ops.listen_address,
    metrics,
    ready: async () => {
      const isReady = await console.ready();
      return { ready: isReady, checks: { console: isReady ? 'ok' : 'bus, store or schema is not there yet' } };
    },
  });
  await untilSignalled();
  await console.stop();
  await ops.stop();
  await Promise.all([bus.close(), store.close(), following.stop()]);
}
