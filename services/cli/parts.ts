// The composition root's parts: each adapter made from the configuration, none of them aware of who else has it.
import { randomBytes } from 'node:crypto';
import { chmodSync, existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { dirname, isAbsolute, join } from 'node:path';
import type { Bus } from '#shared/bus/bus.ts';
import { type BusLimits, DEFAULT_BUS_LIMITS } from '#shared/bus/limits.ts';
import { systemClock } from '#shared/clock.ts';
import type { Config } from '#shared/config/load.ts';
import { isLoopback, parseAddress } from '#shared/config/schema.ts';
import type { Control } from '#shared/control/control.ts';
import { createLogSwitch } from '#shared/control/log-switch.ts';
import { ConfigError, errorMessage } from '#shared/errors.ts';
import { NATIVE } from '#shared/providers/index.ts';
import type { Store } from '#shared/store/store.ts';
import { createLogLevels, type LogLevels } from '#shared/telemetry/log-levels.ts';
import { createLogger, type ServiceLogger } from '#shared/telemetry/logger.ts';
import type { Metrics } from '#shared/telemetry/metrics.ts';
import { createTracing } from '#shared/telemetry/spans.ts';
import type { Tracing } from '#shared/telemetry/tracing.ts';
import { createTargets } from '#shared/upstream/create-targets.ts';
import { createTokenSources, type TokenSources } from '#shared/upstream/token-sources.ts';

export { type DescribedStep, describeSteps } from '#shared/upstream/pipelines/catalogue.ts';

export function configuredLogLevels({ log }: Config): LogLevels {
  const named = Object.entries(log.components).filter(([, level]) => level !== null);
  return createLogLevels({ level: log.level, components: Object.fromEntries(named) });
}

/** `metrics` count the lines that were lost. */
export function createLog(
  config: Config,
  service: string,
  metrics?: Metrics,
  levels: LogLevels = configuredLogLevels(config),
): ServiceLogger {
  const { level, format } = config.log;
  const pretty = format === 'pretty' || (format === 'auto' && process.stdout.isTTY);
  const log = createLogger({
    ...{ service, level, levels, pretty, isBatched: true },
    onDropped: (lines) => metrics?.telemetryLogLinesDroppedTotal.inc(lines),
  });
  for (const warning of config.warnings) log.warn('config.warning', { warning });
  return log;
}

/** For a service that has no other use for the switches: its levels follow what the admin API sets. */
export async function followLogLevels(
  config: Config,
  levels: LogLevels,
  log: ServiceLogger,
): Promise<{ stop(): Promise<void> }> {
  const control = await createControl(config, log);
  const onTrouble = (error: unknown): void => log.warn('trouble', { what: 'log levels', error: errorMessage(error) });
  const levelSwitch = createLogSwitch({ levels, control, onTrouble });
  return {
    stop: () => {
      levelSwitch.stop();
      return control.close();
    },
  };
}

/** Adapters load when they are wanted: a process on embedded parts imports no Redis client, and the other way round. */
export async function createBus(config: Config, log: ServiceLogger): Promise<Bus> {
  const onTrouble = (what: string, cause?: unknown): void =>
    log.child({ component: 'bus' }).warn('bus.trouble', { what, error: cause && errorMessage(cause) });
  const limits = busLimits(config);
  if (config.redis.url === null) {
    const { createMemoryBus } = await import('#shared/bus/memory.ts');
    return createMemoryBus({ clock: systemClock, limits, onTrouble });
  }
  const { createRedisBus } = await import('#shared/bus/redis.ts');
  return createRedisBus({ url: config.redis.url, limits, onTrouble });
}

function busLimits(config: Config): BusLimits {
  const { max_len, body_ttl_secs, body_max_bytes, redis_bytes_max, plain_share } = config.exchange;
  return {
    ...DEFAULT_BUS_LIMITS,
    maxLen: max_len,
    bodyTtlSecs: body_ttl_secs,
    bodyMaxBytes: body_max_bytes,
    redisBytesMax: redis_bytes_max,
    plainShare: plain_share,
  };
}

export async function createControl(config: Config, log: ServiceLogger): Promise<Control> {
  const onTrouble = (what: string, cause?: unknown): void =>
    log.child({ component: 'control' }).warn('control.trouble', { what, error: cause && errorMessage(cause) });
  if (config.redis.url === null) {
    const { createFileControl } = await import('#shared/control/file-control.ts');
    return createFileControl({ folder: stateFolder(config), onTrouble });
  }
  const { createRedisControl } = await import('#shared/control/redis-control.ts');
  return createRedisControl({ url: config.redis.url, onTrouble });
}

/** @throws ConfigError for a URL of no known kind */
export async function createStore(config: Config, log: ServiceLogger): Promise<Store> {
  const { url } = config.store;
  const onTrouble = (error: Error): void =>
    log.child({ component: 'store' }).warn('store.trouble', { error: error.message });
  if (/^postgres(ql)?:\/\//.test(url)) {
    const { createPostgresStore } = await import('#shared/store/postgres.ts');
    return createPostgresStore({ url, onTrouble });
  }
  const file = /^sqlite:(.+)$/.exec(url)?.[1];
  if (!file) throw new ConfigError('store.url must begin with sqlite: or postgres://');
  const { createSqliteStore } = await import('#shared/store/sqlite.ts');
  return createSqliteStore({ path: isAbsolute(file) ? file : join(stateFolder(config), file), onTrouble });
}

/** Each was read once when this resolves, so that the first request finds a value; one that gave none stops nobody. */
export async function startTokens(config: Config, log: ServiceLogger): Promise<TokenSources> {
  const tokens = createTokenSources(config, {
    onRead: (source) => log.info('token.read', { source }),
    onTrouble: (source, trouble) => log.warn('token.unread', { source, error: trouble }),
  });
  await tokens.start();
  return tokens;
}

/** Reads each once: why it gave none, by name; null = it gave one. @throws ConfigError */
export async function tryTokens(config: Config): Promise<ReadonlyMap<string, string | null>> {
  const found = new Map<string, string | null>(Object.keys(config.tokens).map((name) => [name, null]));
  const tokens = createTokenSources(config, { onTrouble: (source, trouble) => found.set(source, trouble) });
  await tokens.start();
  tokens.stop();
  return found;
}

/** `thread` is the file of the thread that exports, for services that have their own. */
export function createTraces(
  config: Config,
  metrics: Metrics,
  log: ServiceLogger,
  serviceName: string,
  thread?: string,
): Tracing {
  const { tracing } = config;
  return createTracing(
    {
      endpoint: tracing.endpoint,
      protocol: tracing.protocol,
      enabled: tracing.enabled,
      headers: tracing.headers,
      project: tracing.project,
      serviceName,
      serviceVersion: version(),
      ...(tracing.content === null ? {} : { content: tracing.content }),
      queueMaxBytes: tracing.queue_max_bytes,
      instrumentations: tracing.instrumentations,
      ...(thread === undefined ? {} : { thread }),
    },
    { metrics, logger: log.child({ component: 'tracing' }) },
  );
}

/** `cc-proxy` alone for one process; a name a user chose gets the service's own behind it. */
export function serviceName(config: Config, service: 'gateway' | 'comparator' | 'console'): string {
  const name = config.tracing.service_name;
  return name === 'cc-proxy' ? `cc-${service}` : `${name}-${service}`;
}

export function version(): string {
  // From source the file stands two folders up, from dist one more.
  const candidates = ['../../package.json', '../../../package.json'].map((path) => new URL(path, import.meta.url));
  const found = candidates.find((path) => existsSync(path));
  return found ? (JSON.parse(readFileSync(found, 'utf8')) as { version: string }).version : 'unknown';
}

export function stateFolder(config: Config): string {
  mkdirSync(config.state_folder, { recursive: true, mode: 0o700 });
  return config.state_folder;
}

/**
 * The admin token of the configuration, or null when none is needed: every listener is on loopback. With `mayCreate` a
 * token is made at the first start on another address and kept in the state folder.
 * @throws ConfigError when one is needed, missing and may not be made
 */
export function loadAdminToken(config: Config, addresses: Record<string, string>, mayCreate: boolean): string | null {
  const configured = configuredToken(config);
  if (configured !== null) return configured;
  const open = Object.entries(addresses).find(([, address]) => !isLoopback(parseAddress(address)?.host ?? ''));
  if (!open) return null;
  if (!mayCreate) {
    throw new ConfigError(`${open[0]} = "${open[1]}" is open to the network: set admin.token or admin.token_file`);
  }
  return keptToken(tokenPath(config));
}

/**
 * The token that a process of this configuration asks for, as far as this machine knows it; null = none is known.
 * @throws ConfigError when admin.token_file cannot be read
 */
export function findAdminToken(config: Config): { token: string; origin: 'configured' | 'kept' } | null {
  const configured = configuredToken(config);
  if (configured !== null) return { token: configured, origin: 'configured' };
  const path = tokenPath(config);
  return existsSync(path) ? { token: readFileSync(path, 'utf8').trim(), origin: 'kept' } : null;
}

function tokenPath(config: Config): string {
  return join(config.state_folder, 'admin-token');
}

function configuredToken(config: Config): string | null {
  const { token, token_file } = config.admin;
  if (token) return token;
  if (token_file === null) return null;
  try {
    const content = readFileSync(token_file, 'utf8').trim();
    if (content !== '') return content;
  } catch (error) {
    throw new ConfigError(`admin.token_file = "${token_file}" cannot be read`, error);
  }
  throw new ConfigError(`admin.token_file = "${token_file}" is empty`);
}

function keptToken(path: string): string {
  if (!existsSync(path)) {
    mkdirSync(dirname(path), { recursive: true, mode: 0o700 });
    writeFileSync(path, `${randomBytes(24).toString('base64url')}\n`, { mode: 0o600 });
    chmodSync(path, 0o600);
  }
  process.stderr.write(`The admin token is in ${path}\n`);
  return readFileSync(path, 'utf8').trim();
}

/** @throws ConfigError when anybody on the network could use the gateway without anyone having said so */
export function refuseOpenGateway(config: Config): void {
  const address = config.server.listen_address;
  if (isLoopback(parseAddress(address)?.host ?? '') || config.server.allow_any_key) return;
  throw new ConfigError(
    `server.listen_address = "${address}" is open to the network and no client keys are configured: ` +
      'listen on 127.0.0.1, or set server.allow_any_key = true if something in front keeps strangers out',
  );
}

/** What those who look at targets want to know of them: nothing that is secret. */
export interface TargetView {
  name: string;
  provider: string;
  /** The name that is sent; null = the client's. */
  model: string | null;
  baseUrl: string;
  hasKey: boolean;
  contextWindow: number | null;
  maxOutput: number | null;
  isForced: boolean;
  /** The pipeline that makes a native route a converted one; null = none does. */
  convertedBy: string | null;
}

/** Where requests of mode target may go, in the order in which names are resolved. @throws ConfigError */
export function viewTargets(config: Config): TargetView[] {
  const { forced, models } = createTargets(config);
  return [...(forced === null ? [] : [forced]), ...models.values()].map((target) => ({
    name: target.name,
    provider: target.provider,
    model: target.model,
    baseUrl: target.baseUrl,
    hasKey: target.credential.kind !== 'none',
    contextWindow: target.contextWindow,
    maxOutput: target.maxOutput,
    isForced: target === forced,
    convertedBy: target.type === NATIVE && target.profile === null ? (target.pipeline?.name ?? null) : null,
  }));
}

/** @throws ConfigError when a request would have nowhere to go */
export function requireTarget(config: Config): void {
  if (config.target.url !== null || Object.keys(config.models).length > 0 || config.default_mode === 'anthropic-only')
    return;
  throw new ConfigError(
    'no model to send to: give --target-url and --model, or providers in cc-proxy.toml; to look around first run ./scripts/demo',
  );
}

/** @throws ConfigError when a service that lives on its own would wait for exchanges nobody can send it */
export function requireRedis(config: Config, service: string): void {
  if (config.redis.url !== null) return;
  throw new ConfigError(
    `cc-proxy ${service} needs redis.url (CC_REDIS__URL); on one machine "cc-proxy start" needs no Redis`,
  );
}
