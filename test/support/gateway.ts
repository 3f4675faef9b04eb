// A gateway in this process on embedded parts, between a real client and simulators.
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createGateway, type GatewayParts, type RunningGateway } from '#services/gateway/service.ts';
import type { Bus } from '#shared/bus/bus.ts';
import { DEFAULT_BUS_LIMITS } from '#shared/bus/limits.ts';
import { createMemoryBus } from '#shared/bus/memory.ts';
import { systemClock } from '#shared/clock.ts';
import { type Config, loadConfig } from '#shared/config/load.ts';
import { createFileControl } from '#shared/control/file-control.ts';
import type { Logger } from '#shared/telemetry/logger.ts';
import { createMetrics, type Metrics } from '#shared/telemetry/metrics.ts';
import { noTracing } from '#shared/telemetry/tracing.ts';
import { createTokenSources } from '#shared/upstream/token-sources.ts';
import { PATIENCE_MS, startPatience } from './patience.ts';

export interface LogLine {
  level: string;
  event: string;
  fields: Record<string, unknown>;
}

export interface TestGateway extends RunningGateway {
  config: Config;
  bus: Bus;
  metrics: Metrics;
  lines: LogLine[];
  folder: string;
  /** The value of one series, 0 when it was never touched. */
  metric(name: string, labels?: Record<string, string>): Promise<number>;
  /** Resolves once the condition holds. @throws after `timeoutMs` */
  until(condition: () => boolean | Promise<boolean>, timeoutMs?: number): Promise<void>;
}

export interface TestGatewayOptions {
  settings: Record<string, unknown>;
  env?: Record<string, string>;
  allowAnthropicOnly?: boolean;
  parts?: Partial<GatewayParts>;
  folder?: string;
}

export function testConfig(settings: Record<string, unknown>, options: Partial<TestGatewayOptions> = {}): Config {
  return loadConfig({
    env: { HOME: '/nonexistent', ...options.env },
    cwd: tmpdir(),
    flags: { 'server.listen_address': '127.0.0.1:0', 'log.level': 'error', ...settings },
    allowAnthropicOnly: options.allowAnthropicOnly,
  });
}

export function recordingLogger(lines: LogLine[]): Logger {
  const write =
    (level: string) =>
    (event: string, fields: Record<string, unknown> = {}): void => {
      lines.push({ level, event, fields });
    };
  return { debug: write('debug'), info: write('info'), warn: write('warn'), error: write('error') };
}

export async function startTestGateway(options: TestGatewayOptions): Promise<TestGateway> {
  const folder = options.folder ?? mkdtempSync(join(tmpdir(), 'cc-proxy-test-'));
  const removeFolder = (): void => {
    if (!options.folder) rmSync(folder, { recursive: true, force: true });
  };
  return startIn(folder, options, removeFolder).catch((error: unknown) => {
    removeFolder();
    throw error;
  });
}

async function startIn(folder: string, options: TestGatewayOptions, removeFolder: () => void): Promise<TestGateway> {
  const config = testConfig({ state_dir: folder, ...options.settings }, options);
  const bus = options.parts?.bus ?? createMemoryBus({ clock: systemClock, limits: DEFAULT_BUS_LIMITS });
  const metrics = options.parts?.metrics ?? createMetrics({ processMetrics: false });
  const lines: LogLine[] = [];
  const control = options.parts?.control ?? createFileControl({ folder });
  const tokens = createTokenSources(config);
  await tokens.start();
  const gateway = await createGateway(config, {
    clock: systemClock,
    log: recordingLogger(lines),
    tracing: noTracing,
    tokens,
    redaction: {},
    adminToken: null,
    ...options.parts,
    bus,
    control,
    metrics,
  });
  return {
    url: gateway.url,
    get isReady() {
      return gateway.isReady;
    },
    config,
    bus,
    metrics,
    lines,
    folder,
    metric: (name, labels) => seriesValue(metrics, name, labels),
    until,
    stop: async () => {
      await gateway.stop();
      tokens.stop();
      if (!options.parts?.control) await control.close();
      if (!options.parts?.bus) await bus.close();
      removeFolder();
    },
  };
}

export async function seriesValue(
  metrics: Metrics,
  name: string,
  labels: Record<string, string> = {},
): Promise<number> {
  const metric = await metrics.registry.getSingleMetric(name)?.get();
  const matches = (metric?.values ?? []).filter((value) =>
    Object.entries(labels).every(([key, wanted]) => (value.labels as Record<string, unknown>)[key] === wanted),
  );
  return matches.reduce((sum, value) => sum + value.value, 0);
}

const CHECK_MS = 5;

export async function until(
  condition: () => boolean | Promise<boolean>,
  timeoutMs = PATIENCE_MS,
  everyMs = CHECK_MS,
): Promise<void> {
  const patience = startPatience(timeoutMs, everyMs);
  while (!(await condition())) {
    if (patience.isOver()) throw new Error(`the condition did not hold within ${timeoutMs} ms: ${condition}`);
    await new Promise((resolve) => setTimeout(resolve, everyMs));
  }
}
