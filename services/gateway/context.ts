// Everything the request path needs, built once and passed down. Tests replace parts through `parts`.
import { resolve as resolvePath } from 'node:path';
import type { Bus } from '#shared/bus/bus.ts';
import type { Clock } from '#shared/clock.ts';
import type { Config } from '#shared/config/load.ts';
import type { Control } from '#shared/control/control.ts';
import { createLogSwitch, type LogSwitch } from '#shared/control/log-switch.ts';
import { createModeSwitch, type ModeSwitch } from '#shared/control/mode.ts';
import { createPriceList } from '#shared/cost/price-list.ts';
import type { Mode } from '#shared/exchange/exchange.ts';
import { createKnownTools, type KnownTools } from '#shared/messages/known-tools.ts';
import { createTokenCounter, type TokenCounter } from '#shared/messages/token-counter.ts';
import type { Target, Targets } from '#shared/providers/target.ts';
import { createRedactor, type RedactorOptions } from '#shared/redact/redact.ts';
import { createSearch } from '#shared/search/create-search.ts';
import { beginAtZero } from '#shared/telemetry/begin-at-zero.ts';
import { createLogLevels, type LogLevels } from '#shared/telemetry/log-levels.ts';
import type { Logger } from '#shared/telemetry/logger.ts';
import type { Metrics } from '#shared/telemetry/metrics.ts';
import { contentBytesFor } from '#shared/telemetry/otlp-endpoint.ts';
import type { Tracing } from '#shared/telemetry/tracing.ts';
import { boundedLabel } from '#shared/telemetry/vocabulary.ts';
import { createUpstreamAgent } from '#shared/upstream/agent.ts';
import { createTargets } from '#shared/upstream/create-targets.ts';
import { createTraitMemory, type TraitMemory } from '#shared/upstream/learned-traits.ts';
import type { SearchPolicy } from '#shared/upstream/search-backend.ts';
import type { TokenSources } from '#shared/upstream/token-sources.ts';
import type { UpstreamAgent } from '#shared/upstream/upstream-agent.ts';
import { type BacklogAdmission, createAdmission } from './admission.ts';
import { type Books, createBooks } from './books.ts';
import { createCallReader } from './call-reading.ts';
import { type GatewayConfig, toGatewayConfig } from './config.ts';
import { createDumps, type Dumps } from './dumps/create-dumps.ts';
import { createGatewayEvents, type GatewayEvents } from './events.ts';
import { createExchangePreparer } from './exchange-preparer.ts';
import { createHooks, type Hooks } from './hooks/create-hooks.ts';
import { createInspectCall } from './inspect-call.ts';
import { createModelList, type ModelList } from './paths/model-list.ts';
import { createSharedCounts, type SharedCounts } from './paths/shared-counts.ts';
import { createPublisher, type Publisher } from './publisher.ts';
import { type BodyBudget, createBodyBudget } from './read-body.ts';
import { createRules, type Rule } from './routing/rule.ts';
import { createSlots, createTally, type Slots, type Tally } from './slots.ts';
import { createStatsBook, type StatsBook } from './stats.ts';
import { createCallTracing } from './trace-call.ts';
import { createTracingSwitch, type TracingSwitch } from './tracing-switch.ts';
import { watchConnections } from './watch-connections.ts';

/** What the starter hands to the gateway: adapters of ports, shared with other services of the process or not. */
export interface GatewayParts {
  bus: Bus;
  control: Control;
  clock: Clock;
  log: Logger;
  /** Those that `log` and all others of the process ask; absent = `log` cannot be switched. */
  logLevels?: LogLevels;
  metrics: Metrics;
  tracing: Tracing;
  /** Begun, and ended, by whoever made them. */
  tokens: TokenSources;
  /** One key for all services of a process: a secret has one tag everywhere. */
  redaction: RedactorOptions;
  adminToken: string | null;
}

export interface GatewayContext {
  readonly config: GatewayConfig;
  readonly clock: Clock;
  readonly log: Logger;
  readonly targets: Targets;
  /** In the order in which they are asked. */
  readonly rules: readonly Rule[];
  readonly hooks: Hooks;
  readonly mode: ModeSwitch;
  readonly tracing: TracingSwitch;
  readonly logLevels: LogSwitch;
  /** null = none are written. */
  readonly dumps: Dumps | null;
  readonly events: GatewayEvents;
  readonly books: Books;
  readonly publisher: Publisher;
  readonly stats: StatsBook;
  readonly models: ModelList;
  /** Counts a prompt in a thread of its own. */
  readonly tokens: TokenCounter;
  /** What earlier requests to converting providers declared. */
  readonly tools: KnownTools;
  readonly counts: SharedCounts;
  /** What upstreams taught by refusing. */
  readonly learned: TraitMemory;
  /** Who searches the web for a model whose provider cannot. */
  readonly search: SearchPolicy;
  readonly admission: BacklogAdmission;
  readonly serverSlots: Slots;
  readonly bodyBudget: BodyBudget;
  /** Calls being served now. */
  readonly open: Tally;
  targetSlots(target: Target): Slots;
  agentFor(target: Target): UpstreamAgent;
  isDraining(): boolean;
  startDraining(): void;
  /** Ends timers and connections; nothing is served afterwards. */
  close(): Promise<void>;
}

/** Bodies of the largest size that may be held at once; of usual size it is many more. */
const BODIES_AT_ONCE = 16;

export function createContext(config: Config, parts: GatewayParts): GatewayContext {
  const { clock, log, metrics, control, bus } = parts;
  const gatewayConfig = toGatewayConfig(config, parts.adminToken);
  const targets = createTargets(config, parts.tokens);
  const trouble = (what: string) => (error: unknown) => log.warn('trouble', { what, error: String(error) });
  const mode = createModeSwitch({
    config,
    control,
    clock,
    warningsFor: modeWarnings(config, targets),
    onTrouble: trouble('mode'),
  });
  const stats = createStatsBook(control, clock.nowMs, trouble('stats'));
  const tracing = createTracingSwitch(parts.tracing, control, trouble('tracing'));
  const logLevels = createLogSwitch({
    levels: parts.logLevels ?? createLogLevels({ level: config.log.level, components: {} }),
    control,
    onTrouble: trouble('log levels'),
  });
  const modelLabel = boundedLabel(modelNames(targets));
  const { redactText: redact } = createRedactor(parts.redaction);
  const events = createGatewayEvents({
    log,
    metrics,
    tracing: parts.tracing,
    stats,
    modelLabel,
    pricesOf: createPriceList(config.prices),
    currentMode: () => mode.current().mode,
    traceCall: createCallTracing({
      tracing: parts.tracing,
      content: {
        maxContentBytes: contentBytesFor(config.tracing),
        hide: config.tracing.hide,
        longestImage: config.tracing.base64_image_max_length,
        prices: config.prices,
      },
      redaction: parts.redaction,
    }),
    redact,
  });
  mode.onChange((from, to) => events.modeChanged(from, to.mode, to.source));
  metrics.modeInfo.set({ mode: mode.current().mode }, 1);
  const admission = createAdmission(bus, config.exchange.max_len, trouble('backlog'));
  const tokens = createTokenCounter({ onTrouble: trouble('token counter') });
  const all = allTargets(targets);
  beginAtZero(
    metrics,
    'primary',
    all.map(({ provider, model }) => ({ upstream: provider, model: modelLabel(model) })),
  );
  const byProvider = new Map(all.map((target) => [target.provider, target]));
  const slots = new Map([...byProvider].map(([provider, target]) => [provider, limitedSlots(target, metrics)]));
  const agents = new Map<number, UpstreamAgent>();
  const connections = watchConnections(all, agents, metrics);
  const read = createCallReader();
  const publisher = createPublisher({
    config: gatewayConfig,
    bus,
    admission,
    events,
    preparer: createExchangePreparer(),
    read,
  });
  const agentWith = (connectMs: number): UpstreamAgent => {
    const known =
      agents.get(connectMs) ?? createUpstreamAgent(connectMs, gatewayConfig.upstreamHttp1, connections.onConnected);
    agents.set(connectMs, known);
    return known;
  };
  const search = createSearch(config, {
    agentWith,
    onSearched: (done) => log[done.result === 'found' ? 'info' : 'warn']('web.searched', { ...done }),
  });
  let isDraining = false;
  return {
    config: gatewayConfig,
    clock,
    log,
    targets,
    rules: createRules(config.rules, targets),
    hooks: createHooks(config, targets, redact),
    mode,
    tracing,
    logLevels,
    dumps: createConfiguredDumps(config, parts.redaction, events),
    events,
    books: createBooks(events, read, createInspectCall(targets, events), (finished) =>
      parts.tracing.enabled ? publisher.outcome(finished) : null,
    ),
    publisher,
    stats,
    models: createModelList(targets, clock),
    tokens,
    tools: createKnownTools({ nowMs: clock.monotonicMs }),
    learned: createTraitMemory({ nowMs: clock.nowMs }),
    search,
    counts: createSharedCounts(gatewayConfig.countTtlMs, clock),
    admission,
    serverSlots: createSlots(gatewayConfig.maxConcurrentRequests),
    bodyBudget: createBodyBudget(BODIES_AT_ONCE * gatewayConfig.maxBodyBytes),
    open: createTally(),
    targetSlots: (target) => {
      const known = slots.get(target.provider) ?? limitedSlots(target, metrics);
      slots.set(target.provider, known);
      return known;
    },
    agentFor: ({ timeouts }) => agentWith(timeouts.connectMs),
    isDraining: () => isDraining,
    startDraining: () => {
      isDraining = true;
    },
    close: async () => {
      mode.stop();
      tracing.stop();
      logLevels.stop();
      connections.stop();
      admission.stop();
      await Promise.all([stats.stop(), tokens.stop()]);
      await Promise.all([...agents.values()].map((agent) => agent.destroy()));
    },
  };
}

function allTargets({ forced, passthrough, models }: Targets): Target[] {
  return [...(forced ? [forced] : []), ...models.values(), passthrough];
}

function createConfiguredDumps(config: Config, redaction: RedactorOptions, events: GatewayEvents): Dumps | null {
  const { dump_dir, dump_max_mib, dump_max_age_hours } = config.capture;
  if (dump_dir === null) return null;
  return createDumps(
    {
      folder: resolvePath(config.state_folder, dump_dir),
      maxBytes: dump_max_mib * 1024 * 1024,
      maxAgeMs: dump_max_age_hours * 3_600_000,
      redaction,
    },
    events,
  );
}

function limitedSlots(target: Target, metrics: Metrics): Slots {
  const upstream = target.provider;
  metrics.gatewayConcurrencyLimit.set({ upstream }, target.maxConcurrent);
  const slots = createSlots(target.maxConcurrent);
  metrics.gatewayRequestsInFlight.follow({ route: 'messages', upstream }, () => slots.inUse);
  return slots;
}

function modelNames(targets: Targets): string[] {
  const names = [...targets.models.values()].map((target) => target.model ?? target.name);
  return targets.forced?.model ? [targets.forced.model, ...names] : names;
}

/** What a person who switches should know: our names mean nothing to the passthrough. */
function modeWarnings(config: Config, targets: Targets): (mode: Mode) => string[] {
  const ours = targets.forced?.model ?? [...targets.models.keys()][0];
  return (mode) =>
    mode === 'target' || config.passthrough.model !== null || !ours
      ? []
      : [
          `a client that asks for "${ours}" will get the passthrough's 404: set passthrough.model, or choose another model in the client`,
        ];
}
