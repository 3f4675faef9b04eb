// `cc-proxy gateway`: the gateway alone, with the bus and the switches on Redis when there is one; in one process, or in
// several that share its address.
import cluster from 'node:cluster';
import { createGateway, gatewaySpanThread, type RunningGateway } from '#services/gateway/service.ts';
import type { Bus } from '#shared/bus/bus.ts';
import { systemClock } from '#shared/clock.ts';
import type { Config } from '#shared/config/load.ts';
import { ConfigError, errorMessage } from '#shared/errors.ts';
import { untilSignalled } from '#shared/lifecycle.ts';
import { withHmacKey } from '#shared/redact/redact.ts';
import type { ServiceLogger } from '#shared/telemetry/logger.ts';
import { createMetrics, type Metrics } from '#shared/telemetry/metrics.ts';
import { startOpsServer } from '#shared/telemetry/ops-server.ts';
import { keepWarm } from '../keep-warm.ts';
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
  startTokens,
  version,
} from '../parts.ts';
import { runWorkers } from '../workers/run-workers.ts';
import { WORKER_NUMBER } from '../workers/start-worker.ts';
import { linkToPrimary } from '../workers/worker-link.ts';

const SHUTDOWN_MS = 5000;

/** @throws ConfigError */
export async function runGateway(config: Config): Promise<void> {
  requireTarget(config);
  refuseOpenGateway(config);
  const addresses = { 'server.listen_address': config.server.listen_address };
  const adminToken = loadAdminToken(config, addresses, config.redis.url === null);
  const name = serviceName(config, 'gateway');
  if (config.server.workers > 1 && cluster.isPrimary) {
    refuseLonelyWorkers(config);
    return runWorkers(config, createLog(config, name));
  }
  const worker = config.environment(WORKER_NUMBER);
  const metrics = createMetrics({ service: name, version: version(), worker });
  const logLevels = configuredLogLevels(config);
  // What the configuration warns of, the primary process has said for all.
  const said = cluster.isWorker ? { ...config, warnings: [] } : config;
  const log = createLog(said, name, metrics, logLevels).child(worker === undefined ? {} : { worker: Number(worker) });
  const tracing = createTraces(config, metrics, log, name, gatewaySpanThread());
  const bus = await createGatewayBus(config, log);
  const control = await createControl(config, log);
  const tokens = await startTokens(config, log);
  const gateway = await createGateway(config, {
    bus,
    control,
    metrics,
    tracing,
    log: log.child({ component: 'gateway' }),
    logLevels,
    tokens,
    clock: systemClock,
    redaction: withHmacKey(),
    adminToken,
  });
  const face = cluster.isWorker ? faceOfWorker(metrics, log) : await faceOfProcess(config, gateway, metrics);
  keepWarm();
  await face.untilStopped;
  face.sayDraining();
  await gateway.stop();
  tokens.stop();
  await tracing.shutdown(SHUTDOWN_MS);
  await face.close();
  await Promise.all([bus.close(), control.close()]);
}

/** Who watches this process: its own ops listener, or the primary process it works for. */
interface Face {
  untilStopped: Promise<unknown>;
  sayDraining(): void;
  close(): Promise<void>;
}

async function faceOfProcess(config: Config, gateway: RunningGateway, metrics: Metrics): Promise<Face> {
  const ops = await startOpsServer({
    address: config.ops.listen_address,
    metrics,
    // Ready without Redis: the client is served all the same.
    ready: async () => ({ ready: gateway.isReady, checks: { gateway: gateway.isReady ? 'ok' : 'draining' } }),
  });
  return { untilStopped: untilSignalled(), sayDraining: () => undefined, close: () => ops.stop() };
}

function faceOfWorker(metrics: Metrics, log: ServiceLogger): Face {
  const link = linkToPrimary(metrics.registry, (error) =>
    log.warn('trouble', { what: 'metrics', error: errorMessage(error) }),
  );
  link.sayReady();
  return {
    // A terminal signals the whole group; then the primary's word comes too and finds the worker stopping.
    untilStopped: Promise.race([link.stopped, untilSignalled()]),
    sayDraining: () => link.sayDraining(),
    close: async () => {
      if (process.connected) process.disconnect();
    },
  };
}

/** @throws ConfigError: without Redis each worker would have a mode and counters of its own */
function refuseLonelyWorkers(config: Config): void {
  if (config.redis.url !== null) return;
  throw new ConfigError(
    `server.workers = ${config.server.workers} needs redis.url (CC_REDIS__URL): the workers share mode, counts and the bus through it`,
  );
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
