// `cc-proxy gateway`: the gateway alone, with the bus and the switches on Redis when there is one.
import { createGateway, gatewaySpanThread } from '#services/gateway/service.ts';
import type { Bus } from '#shared/bus/bus.ts';
import { systemClock } from '#shared/clock.ts';
import type { Config } from '#shared/config/load.ts';
import { untilSignalled } from '#shared/lifecycle.ts';
import { withHmacKey } from '#shared/redact/redact.ts';
import type { ServiceLogger } from '#shared/telemetry/logger.ts';
import { createMetrics } from '#shared/telemetry/metrics.ts';
import { startOpsServer } from '#shared/telemetry/ops-server.ts';
import {
  configuredLogLevels,
  createBus,
  createControl,
  createLog,
  createTraces,
  loadAdminToken,
  refuseOpenGateway,
  requireTarget,
  serviceName,
  version,
} from '../parts.ts';

const SHUTDOWN_MS = 5000;

/** @throws ConfigError */
export async function runGateway(config: Config): Promise<void> {
  requireTarget(config);
  refuseOpenGateway(config);
  const addresses = { 'server.listen_address': config.server.listen_address };
  const adminToken = loadAdminToken(config, addresses, config.redis.url === null);
  const name = serviceName(config, 'gateway');
  const metrics = createMetrics({ service: name, version: version() });
  const logLevels = configuredLogLevels(config);
  const log = createLog(config, name, metrics, logLevels);
  const tracing = createTraces(config, metrics, log, name, gatewaySpanThread());
  const bus = await createGatewayBus(config, log);
  const control = await createControl(config, log);
  const gateway = await createGateway(config, {
    bus,
    control,
    metrics,
    tracing,
    log: log.child({ component: 'gateway' }),
    logLevels,
    clock: systemClock,
    redaction: withHmacKey(),
    adminToken,
  });
  const ops = await startOpsServer({
    address: config.ops.listen_address,
    metrics,
    // Ready without Redis: the client is served all the same.
    ready: async () => ({ ready: gateway.isReady, checks: { gateway: gateway.isReady ? 'ok' : 'draining' } }),
  });
  await untilSignalled();
  await gateway.stop();
  await tracing.shutdown(SHUTDOWN_MS);
  await ops.stop();
  await Promise.all([bus.close(), control.close()]);
}

/** Alone in its process and without Redis a gateway has no reader. */
async function createGatewayBus(config: Config, log: ServiceLogger): Promise<Bus> {
  if (config.redis.url !== null) return createBus(config, log);
  log.warn('config.warning', {
    warning: 'without redis.url nobody reads from this gateway: mode compare compares nothing, and there is no history',
  });
  const { createUnreadBus } = await import('#shared/bus/unread.ts');
  return createUnreadBus();
}
