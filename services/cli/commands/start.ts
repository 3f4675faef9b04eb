// `cc-proxy start`: gateway, comparator and console in one process, by default on embedded parts.
import { createComparator, toComparatorConfig } from '#services/comparator/service.ts';
import { createConsole, toConsoleConfig } from '#services/console/service.ts';
import { createGateway, gatewaySpanThread } from '#services/gateway/service.ts';
import { systemClock } from '#shared/clock.ts';
import type { Config } from '#shared/config/load.ts';
import { untilSignalled } from '#shared/lifecycle.ts';
import { withHmacKey } from '#shared/redact/redact.ts';
import type { LogComponent } from '#shared/telemetry/log-levels.ts';
import type { ServiceLogger } from '#shared/telemetry/logger.ts';
import { createMetrics } from '#shared/telemetry/metrics.ts';
import { startOpsServer } from '#shared/telemetry/ops-server.ts';
import { createTargets } from '#shared/upstream/create-targets.ts';
import { keepWarm } from '../keep-warm.ts';
import {
  configuredLogLevels,
  createBus,
  createControl,
  createLog,
  createStore,
  createTraces,
  loadAdminToken,
  refuseOpenGateway,
  requireTarget,
  startTokens,
  version,
} from '../parts.ts';

export interface StartedAll {
  gatewayUrl: string;
  comparatorUrl: string;
  consoleUrl: string;
  opsUrl: string;
  adminToken: string | null;
  /** Drains the gateway, lets the readers finish what is queued up to their own deadlines, then closes everything. */
  stop(): Promise<void>;
}

export interface StartOptions {
  log?: ServiceLogger;
}

/** @throws ConfigError */
export async function startAll(config: Config, options: StartOptions = {}): Promise<StartedAll> {
  requireTarget(config);
  refuseOpenGateway(config);
  const adminToken = loadAdminToken(
    config,
    {
      'server.listen_address': config.server.listen_address,
      'console.listen_address': config.console.listen_address,
      'comparator.listen_address': config.comparator.listen_address,
    },
    true,
  );
  const metrics = createMetrics({ service: 'cc-proxy', version: version() });
  const logLevels = configuredLogLevels(config);
  const log = options.log ?? createLog(config, 'cc-proxy', metrics, logLevels);
  const tracing = createTraces(config, metrics, log, config.tracing.service_name, gatewaySpanThread());
  const bus = await createBus(config, log);
  const control = await createControl(config, log);
  const store = await createStore(config, log);
  const tokens = await startTokens(config, log);
  // One key: a secret has one tag in history, spans and pairs.
  const redaction = withHmacKey();
  const logOf = (component: LogComponent): ServiceLogger => log.child({ component });
  const shared = { bus, metrics, tracing, clock: systemClock };

  const console = await createConsole(toConsoleConfig(config, adminToken), {
    ...shared,
    store,
    redaction,
    logger: logOf('console'),
  });
  const comparator = await createComparator(toComparatorConfig(config, adminToken), {
    ...shared,
    log: logOf('comparator'),
    store,
    redaction,
    targets: createTargets(config, tokens),
  });
  const gateway = await createGateway(config, {
    ...shared,
    log: logOf('gateway'),
    logLevels,
    redaction,
    tokens,
    control,
    adminToken,
  });
  const ops = await startOpsServer({
    address: config.ops.listen_address,
    metrics,
    ready: async () => ({ ready: gateway.isReady, checks: { gateway: gateway.isReady ? 'ok' : 'draining' } }),
  });
  let stopping: Promise<void> | undefined;
  const stop = async (): Promise<void> => {
    await gateway.stop();
    // At once: each reads on until its part of the bus is empty or its time is over.
    await Promise.all([comparator.stop(), console.stop()]);
    tokens.stop();
    await tracing.shutdown(SHUTDOWN_MS);
    await ops.stop();
    await Promise.all([bus.close(), control.close(), store.close()]);
  };
  return {
    gatewayUrl: gateway.url,
    comparatorUrl: comparator.url,
    consoleUrl: console.url,
    opsUrl: ops.url,
    adminToken,
    stop: () => {
      stopping ??= stop();
      return stopping;
    },
  };
}

const SHUTDOWN_MS = 5000;

export async function runStart(config: Config): Promise<void> {
  const started = await startAll(config);
  process.stdout.write(
    [
      `cc-proxy ${version()} is up`,
      `  gateway   ${started.gatewayUrl}   ANTHROPIC_BASE_URL=${started.gatewayUrl} claude`,
      `  console   ${started.consoleUrl}`,
      `  metrics   ${started.opsUrl}/metrics`,
      '',
    ].join('\n'),
  );
  keepWarm();
  await untilSignalled();
  await started.stop();
}
