// The queue between finished calls and the bus: bounded, one job at a time, every drop counted with its reason.
import type { Bus } from '#shared/bus/bus.ts';
import {
  EXCHANGE_VERSION,
  type ExchangeEntry,
  encodeBody,
  encodeEntry,
  type SkipReason,
} from '#shared/exchange/exchange.ts';
import { formatTraceparent } from '#shared/ids.ts';
import type { CallReading } from './call-reading.ts';
import type { GatewayConfig } from './config.ts';
import type { GatewayEvents } from './events.ts';
import { type Handover, toHandover } from './handover.ts';
import type { FinishedCall } from './messages/finished-call.ts';
import { type Admission, chooseShadow, type ShadowDecision } from './routing/choose-shadow.ts';
import { classifyRequest } from './routing/classify-request.ts';
import { identifyTurn, turnKeyOf } from './routing/identify-turn.ts';

export interface Publisher {
  /** Never throws, never waits. */
  offer(finished: FinishedCall): void;
  /** What became of a call that was offered; never rejects. */
  outcome(finished: FinishedCall): Promise<Handover>;
  /** Publishes what is queued, up to `timeoutMs`; the rest is counted as skipped for `shutdown`. */
  drain(timeoutMs: number): Promise<void>;
}

export interface PublisherParts {
  config: GatewayConfig;
  bus: Bus;
  admission: Admission;
  events: GatewayEvents;
  reading(finished: FinishedCall): CallReading;
}

const MAX_JOBS = 64;
const MAX_BYTES = 64 * 1024 * 1024;

export function createPublisher(parts: PublisherParts): Publisher {
  const { events } = parts;
  const queue: FinishedCall[] = [];
  let queuedBytes = 0;
  let isWorking = false;
  let isClosed = false;
  let onIdle: () => void = () => {};

  const outcomes = new WeakMap<FinishedCall, PromiseWithResolvers<Handover>>();
  const settle = (finished: FinishedCall, handover: Handover): void => outcomes.get(finished)?.resolve(handover);
  const drop = (finished: FinishedCall, why: 'dropped_full' | 'shutdown'): void => {
    events.exchangeDropped(finished, why);
    settle(finished, why === 'shutdown' ? { kind: 'skipped', reason: why } : toHandover(why, 0));
  };

  const work = async (): Promise<void> => {
    for (let finished = queue.shift(); finished; finished = queue.shift()) {
      queuedBytes -= sizeOf(finished);
      try {
        settle(finished, await publish(finished, parts));
      } catch (error) {
        events.publishFailed(finished, error);
        settle(finished, toHandover('redis_error', 0));
      }
    }
    isWorking = false;
    onIdle();
  };
  return {
    offer: (finished) => {
      if (finished.request === null || finished.plan === null) return;
      outcomes.set(finished, Promise.withResolvers());
      if (isClosed || queue.length >= MAX_JOBS || queuedBytes + sizeOf(finished) > MAX_BYTES) {
        drop(finished, isClosed ? 'shutdown' : 'dropped_full');
        return;
      }
      queue.push(finished);
      queuedBytes += sizeOf(finished);
      if (isWorking) return;
      isWorking = true;
      setImmediate(() => void work());
    },
    outcome: (finished) => outcomes.get(finished)?.promise ?? Promise.resolve({ kind: 'none' }),
    drain: async (timeoutMs) => {
      isClosed = true;
      if (isWorking) await Promise.race([new Promise<void>((resolve) => (onIdle = resolve)), after(timeoutMs)]);
      for (const finished of queue.splice(0)) drop(finished, 'shutdown');
    },
  };
}

async function publish(finished: FinishedCall, parts: PublisherParts): Promise<Handover> {
  const { bus, events, config } = parts;
  const { request, plan, answer } = finished;
  const isUnread = bus.readers === false || (config.captureOff && plan?.mode !== 'compare');
  if (isUnread) return skip(finished, 'mode_off', events);
  const described = describe(finished, parts);
  if (request === null || plan === null || described === null) {
    return skip(finished, plan?.mode === 'compare' ? 'primary_error' : 'mode_off', events);
  }
  const { entry } = described;
  if (answer === null) return withoutAnswer(finished, described.decision, events);
  const isFirst = described.decision.skip !== null || (await bus.markTurn(entry.turnKey));
  entry.skip = isFirst ? described.decision.skip : 'retry';
  entry.shadow = entry.skip === null ? plan.shadow.map((target) => target.name) : [];
  const skipped = entry.skip === null ? null : skip(finished, entry.skip, events);
  const pairs = entry.shadow.length;
  if (skipped && config.captureOff) return skipped;
  const body = await encodeBody({ request, answer });
  const result = await bus.publish({ id: entry.id, fields: encodeEntry(entry), body, pairs });
  events.exchangePublished(finished, pairs, result);
  // What was not handed over may be sent again: the repetition is then the first.
  if (result !== 'ok' && pairs > 0) await bus.forgetTurn(entry.turnKey);
  return skipped && result === 'ok' ? skipped : toHandover(result, pairs);
}

function skip(finished: FinishedCall, reason: SkipReason, events: GatewayEvents): Handover {
  events.exchangeSkipped(finished, reason);
  return { kind: 'skipped', reason };
}

function withoutAnswer(finished: FinishedCall, decision: ShadowDecision, events: GatewayEvents): Handover {
  const skipped = decision.skip === null ? null : skip(finished, decision.skip, events);
  if (!finished.isAnswerTooLarge) return skipped ?? { kind: 'none' };
  events.exchangePublished(finished, plannedPairs(finished, decision), 'dropped_size');
  return skipped ?? toHandover('dropped_size', 0);
}

function plannedPairs(finished: FinishedCall, decision: ShadowDecision): number {
  return decision.skip === null ? (finished.plan?.shadow.length ?? 0) : 0;
}

/** The entry, and whether it is compared; null for a body that is no request after all. */
function describe(
  finished: FinishedCall,
  parts: PublisherParts,
): { entry: ExchangeEntry; decision: ShadowDecision } | null {
  const request = parts.reading(finished).request();
  const { plan } = finished;
  if (request === null || plan === null) return null;
  const { config } = parts;
  const headers = finished.clientHeaders;
  const kind = classifyRequest(request, headers);
  const identity = identifyTurn(request, headers);
  const facts = {
    isCompareMode: plan.mode === 'compare',
    isShadowRequest: headers['x-ccproxy-shadow'] !== undefined,
    isThreadContinue: (request.thread as { type?: unknown } | undefined)?.type === 'continue',
    outcome: finished.outcome,
    // Of an answer too large to keep the status is all that is left.
    status: finished.answer?.status ?? (finished.isAnswerTooLarge ? finished.httpStatus : 0),
    class: kind.class,
    sessionId: identity.sessionId,
  };
  const decision = chooseShadow(facts, config.sample, config.sample.salt, parts.admission);
  const entry: ExchangeEntry = {
    v: EXCHANGE_VERSION,
    id: finished.id,
    startedAtMs: finished.startedAtMs,
    ...identity,
    // Made of the whole conversation: only for those that need it.
    turnKey: decision.skip === null ? turnKeyOf(request, identity.sessionId) : '',
    class: kind.class,
    classKind: kind.kind,
    mode: plan.mode,
    route: plan.reason,
    modelAsked: shortName(finished.modelAsked),
    modelSent: shortName(plan.model ?? finished.modelAsked),
    provider: plan.primary.provider,
    outcome: finished.outcome,
    httpStatus: finished.httpStatus,
    requestBytes: finished.request?.length ?? 0,
    responseBytes: finished.responseBytes,
    clientHeaders: { ...headers },
    shadow: [],
    skip: decision.skip,
    repeat: false,
    inclusion: decision.inclusion,
    experiment: null,
    ttfbMs: finished.times.firstByteMs,
    totalDurationMs: finished.times.endMs,
    traceparent: formatTraceparent(finished.trace),
    tracestate: finished.trace.tracestate,
  };
  return { entry, decision };
}

const LONGEST_NAME = 512;

/** The entry is small whatever a client calls its model. */
function shortName(name: string | null): string {
  return (name ?? '').slice(0, LONGEST_NAME);
}

function sizeOf(finished: FinishedCall): number {
  return (finished.request?.length ?? 0) + finished.responseBytes;
}

function after(ms: number): Promise<void> {
  return new Promise((resolve) => {
    setTimeout(resolve, ms).unref();
  });
}
