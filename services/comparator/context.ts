// Everything a comparison needs, built once and passed down. Tests replace parts through `parts`.
import { randomBytes } from 'node:crypto';
import { hostname } from 'node:os';
import type { Bus } from '#shared/bus/bus.ts';
import type { Clock } from '#shared/clock.ts';
import { createPriceList, type PriceLookup } from '#shared/cost/price-list.ts';
import { findTarget, type Targets } from '#shared/providers/target.ts';
import { createRedactor, type RedactorOptions, withHmacKey } from '#shared/redact/redact.ts';
import type { Store } from '#shared/store/store.ts';
import { beginAtZero, type Callee } from '#shared/telemetry/begin-at-zero.ts';
import type { Logger } from '#shared/telemetry/logger.ts';
import type { Metrics } from '#shared/telemetry/metrics.ts';
import { createPhoenixNotes, type PhoenixNotes } from '#shared/telemetry/phoenix-notes.ts';
import type { Tracing } from '#shared/telemetry/tracing.ts';
import { boundedLabel } from '#shared/telemetry/vocabulary.ts';
import { createAgent } from '#shared/upstream/agent.ts';
import { callUpstream } from '#shared/upstream/call-upstream.ts';
import { tokenRefused } from '#shared/upstream/credentials.ts';
import { createTraitMemory, type TraitMemory } from '#shared/upstream/learned-traits.ts';
import type { UpstreamAgent } from '#shared/upstream/upstream-agent.ts';
import type { CallTarget } from './comparison/call-secondary.ts';
import type { ComparisonSteps } from './comparison/prepare-call.ts';
import { createThreadedSteps } from './comparison/threaded-steps.ts';
import type { ComparatorConfig } from './config.ts';
import { type ComparatorEvents, createComparatorEvents } from './events.ts';
import { createSessionCap, type SessionCap } from './session-cap.ts';
import { createTargetBreakers, type TargetBreakers } from './target-breakers.ts';
import { createTokenBudget, type TokenBudget } from './token-budget.ts';
import { createWorkSlots, type WorkSlots } from './work-slots.ts';

/** What the starter hands over: adapters of ports, shared with other services of the process or not; it closes them. */
export interface ComparatorParts {
  bus: Bus;
  store: Store;
  targets: Targets;
  clock: Clock;
  log: Logger;
  metrics: Metrics;
  tracing: Tracing;
  /** Cleans text that goes on spans and rows; by default tags are stable within this comparator. */
  redaction?: RedactorOptions;
  /** How a target is called; by default over undici. */
  callTarget?: CallTarget;
}

export interface ComparatorContext {
  readonly config: ComparatorConfig;
  readonly bus: Bus;
  readonly store: Store;
  readonly targets: Targets;
  readonly clock: Clock;
  readonly metrics: Metrics;
  readonly tracing: Tracing;
  /** Keeps scores beside spans; null = nobody does. */
  readonly notes: PhoenixNotes | null;
  readonly events: ComparatorEvents;
  readonly breakers: TargetBreakers;
  readonly budget: TokenBudget;
  readonly sessionCap: SessionCap;
  readonly slots: WorkSlots;
  readonly callTarget: CallTarget;
  /** What targets taught by refusing. */
  readonly learned: TraitMemory;
  readonly steps: ComparisonSteps;
  readonly pricesOf: PriceLookup;
  redact(text: string): string;
  /** This process in the group `compare`; a new one each start, which owns nothing yet. */
  readonly consumer: string;
  /** Aborted at once at a stop: nothing new is begun. */
  readonly stopping: AbortSignal;
  /** Aborted when the grace time is over: what runs is left to others. */
  readonly abandoned: AbortSignal;
}

/** Each parked exchange is held in memory without its body. */
const MOST_PARKED = 200;
/** What spans, and then notes on them, get to leave. */
const FLUSH_MS = 3_000;

export interface BuiltContext {
  context: ComparatorContext;
  stop(): void;
  abandon(): void;
  /** Closes connections to targets and ends the thread. */
  close(): Promise<void>;
}

export function createContext(config: ComparatorConfig, parts: ComparatorParts): BuiltContext {
  const { clock, metrics, targets } = parts;
  const stopping = new AbortController();
  const abandoned = new AbortController();
  const labelsOf = targetLabels(targets);
  const pricesOf = createPriceList(config.prices);
  const modelOf = (name: string): string => findTarget(targets, name)?.model ?? name;
  const events = createComparatorEvents({
    log: parts.log,
    metrics,
    labelsOf,
    pricesOf: (target) => pricesOf(modelOf(target)),
  });
  const names = [...targets.models.keys(), ...(targets.forced ? [targets.forced.name] : [])];
  beginAtZero(metrics, 'target', names.map(labelsOf));
  const agents = new Map<number, UpstreamAgent>();
  const callTarget: CallTarget = async (request, target, options) => {
    const { connectMs } = target.timeouts;
    const dispatcher = agents.get(connectMs) ?? createAgent(connectMs);
    agents.set(connectMs, dispatcher);
    const answer = await callUpstream(request, { ...options, dispatcher });
    if (answer.status === 401) tokenRefused(target.credential, request.headers);
    return answer;
  };
  const redaction = withHmacKey(parts.redaction);
  const notes =
    config.phoenix &&
    createPhoenixNotes(config.phoenix, {
      flushSpans: () => parts.tracing.flush(FLUSH_MS),
      onResult: (result, count) => metrics.phoenixAnnotationsTotal.inc({ result }, count),
      onTrouble: (error) => events.trouble('phoenix', error),
    });
  const steps = createThreadedSteps(redaction);
  const context: ComparatorContext = {
    config,
    bus: parts.bus,
    store: parts.store,
    targets,
    clock,
    metrics,
    tracing: parts.tracing,
    notes,
    events,
    breakers: createTargetBreakers({
      targets: names,
      config: config.breaker,
      clock,
      onChange: events.breakerChanged,
      onUnavailable: events.targetUnavailable,
    }),
    budget: createTokenBudget(config.tokensPerHour, clock),
    sessionCap: createSessionCap(config.turnsPerSession, parts.store),
    slots: createWorkSlots({ limit: config.concurrency, maxParked: MOST_PARKED }),
    callTarget: parts.callTarget ?? callTarget,
    learned: createTraitMemory({ nowMs: clock.nowMs }),
    steps,
    pricesOf,
    redact: createRedactor(redaction).redactText,
    consumer: `${hostname()}-${randomBytes(4).toString('hex')}`,
    stopping: stopping.signal,
    abandoned: abandoned.signal,
  };
  return {
    context,
    stop: () => stopping.abort(),
    abandon: () => abandoned.abort(),
    close: async () => {
      await Promise.all([
        notes?.close(FLUSH_MS),
        steps.close(),
        ...[...agents.values()].map((agent) => agent.destroy()),
      ]);
    },
  };
}

function targetLabels(targets: Targets): (name: string) => Callee {
  const all = [...targets.models.values(), ...(targets.forced ? [targets.forced] : [])];
  const modelLabel = boundedLabel(all.map((target) => target.model ?? target.name));
  return (name) => {
    const target = findTarget(targets, name);
    return { model: modelLabel(target ? (target.model ?? target.name) : null), upstream: target?.provider ?? 'other' };
  };
}
