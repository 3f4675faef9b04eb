// The queue between finished calls and the bus: bounded in calls and bytes, what is under way included, every drop counted
// with its reason.
import type { Bus } from '#shared/bus/bus.ts';
import {
  EXCHANGE_VERSION,
  type ExchangeEntry,
  encodeEntry,
  encodeFields,
  layOutBody,
  type RecordedAnswer,
  type SkipReason,
} from '#shared/exchange/exchange.ts';
import { formatTraceparent } from '#shared/ids.ts';
import { toBuffer } from '#shared/threads/answer-questions.ts';
import type { GatewayConfig } from './config.ts';
import type { GatewayEvents } from './events.ts';
import type { ExchangePreparer } from './exchange-preparer.ts';
import { type Handover, toHandover } from './handover.ts';
import type { Plan } from './messages/call.ts';
import type { FinishedCall } from './messages/finished-call.ts';
import type { TurnFacts } from './prepare-exchange.ts';
import { type Admission, chooseShadow, type ShadowDecision } from './routing/choose-shadow.ts';

export interface Publisher {
  /** Never throws, never waits. */
  offer(finished: FinishedCall): void;
  /** What became of a call that was taken; never rejects. */
  outcome(finished: FinishedCall): Promise<Handover>;
  /** Publishes what is queued, up to `timeoutMs`; the rest is counted. Ends the thread. */
  drain(timeoutMs: number): Promise<void>;
}

export interface PublisherParts {
  config: GatewayConfig;
  bus: Bus;
  admission: Admission;
  events: GatewayEvents;
  /** The publisher's own: closed when it is drained. */
  preparer: ExchangePreparer;
}

/** Waiting and under way. */
const MAX_JOBS = 64;
const MAX_BYTES = 64 * 1024 * 1024;
/** Under way at once: they share a round trip to the bus. */
const AT_ONCE = 8;
/** How long the first of them waits for others. */
const GATHER_MS = 10;

export function createPublisher(parts: PublisherParts): Publisher {
  const { events } = parts;
  const queue: FinishedCall[] = [];
  const underWay = new Set<FinishedCall>();
  let heldBytes = 0;
  let gathering: NodeJS.Timeout | undefined;
  let isClosed = false;
  let onIdle: () => void = () => {};

  const outcomes = new WeakMap<FinishedCall, PromiseWithResolvers<Handover>>();
  const settle = (finished: FinishedCall, handover: Handover): void => outcomes.get(finished)?.resolve(handover);
  const drop = (finished: FinishedCall, why: 'dropped_full' | 'shutdown'): void => {
    events.exchangeDropped(finished, why);
    settle(finished, why === 'shutdown' ? { kind: 'skipped', reason: why } : toHandover(why, 0));
  };

  const carryOut = async (finished: FinishedCall): Promise<void> => {
    // Given up by a shutdown meanwhile, it is counted already.
    const isOver = (): boolean => !underWay.has(finished);
    try {
      settle(finished, await publish(finished, { ...parts, isOver }));
    } catch (error) {
      if (isOver()) return;
      events.publishFailed(finished, error);
      settle(finished, toHandover('failed', 0));
    }
    if (!underWay.delete(finished)) return;
    heldBytes -= sizeOf(finished);
    work();
  };
  const work = (): void => {
    gathering = undefined;
    while (underWay.size < AT_ONCE) {
      const finished = queue.shift();
      if (finished === undefined) break;
      underWay.add(finished);
      // One a turn of the event loop: compressing is synchronous work.
      setImmediate(() => void carryOut(finished));
    }
    if (underWay.size === 0) onIdle();
  };
  return {
    offer: (finished) => {
      if (finished.request === null || finished.plan === null) return;
      if (isUnread(finished.plan, parts)) {
        events.exchangeSkipped(finished, 'mode_off');
        return;
      }
      outcomes.set(finished, Promise.withResolvers());
      if (isClosed || queue.length + underWay.size >= MAX_JOBS || heldBytes + sizeOf(finished) > MAX_BYTES) {
        drop(finished, isClosed ? 'shutdown' : 'dropped_full');
        return;
      }
      queue.push(finished);
      heldBytes += sizeOf(finished);
      if (underWay.size < AT_ONCE) gathering ??= setTimeout(work, GATHER_MS);
    },
    outcome: (finished) => outcomes.get(finished)?.promise ?? Promise.resolve({ kind: 'none' }),
    drain: async (timeoutMs) => {
      isClosed = true;
      const idle = new Promise<void>((resolve) => (onIdle = resolve));
      clearTimeout(gathering);
      work();
      await Promise.race([idle, after(timeoutMs)]);
      for (const finished of queue.splice(0)) drop(finished, 'shutdown');
      for (const finished of underWay) {
        underWay.delete(finished);
        // It may arrive all the same.
        const pairs = finished.plan?.mode === 'compare' ? finished.plan.shadow.length : 0;
        events.exchangePublished(finished, pairs, 'redis_unknown');
        settle(finished, toHandover('redis_unknown', 0));
      }
      await parts.preparer.close();
    },
  };
}

interface Publishing extends PublisherParts {
  /** Nobody waits for it any more. */
  isOver(): boolean;
}

async function publish(finished: FinishedCall, parts: Publishing): Promise<Handover> {
  const { bus, events, config, preparer } = parts;
  const { request, plan, answer, clientHeaders } = finished;
  if (request === null || plan === null) return { kind: 'none' };
  const isCompared = plan.mode === 'compare';
  const laidOut = layOutBody({ request, answer: answer ?? NO_ANSWER });
  const describe = { headers: clientHeaders, withTurnKey: isCompared };
  // Where nothing but pairs is published, most may be sampled out: then they are not compressed either.
  const isForPairsOnly = config.captureOff || answer === null;
  const { turn, body } = await preparer.prepare({ laidOut, describe, pack: !isForPairsOnly });
  if (parts.isOver()) return { kind: 'none' };
  if (turn === null) return skip(finished, isCompared ? 'primary_error' : 'mode_off', events);
  const decision = decide(finished, turn, parts);
  if (answer === null) return withoutAnswer(finished, decision, events);
  if (decision.skip !== null && config.captureOff) return skip(finished, decision.skip, events);
  const entry = toEntry(finished, plan, turn, decision);
  const pairs = entry.shadow.length;
  const packed = isForPairsOnly ? await preparer.prepare({ laidOut: body, describe: null, pack: true }) : { body };
  const result = await bus.publish({
    id: entry.id,
    fields: encodeEntry(entry),
    body: toBuffer(packed.body),
    pairs,
    ...(pairs > 0 ? { turn: { key: entry.turnKey, ifRepeated: config.captureOff ? null : REPEATED } } : {}),
  });
  if (parts.isOver()) return { kind: 'none' };
  if (result === 'repeated') {
    if (!config.captureOff) events.exchangePublished(finished, 0, 'ok');
    return skip(finished, 'retry', events);
  }
  events.exchangePublished(finished, pairs, result);
  const skipped = decision.skip === null ? null : skip(finished, decision.skip, events);
  return skipped && result === 'ok' ? skipped : toHandover(result, pairs);
}

/** Neither compared nor recorded by anyone. */
function isUnread(plan: Plan, { bus, config }: PublisherParts): boolean {
  return bus.readers === false || (config.captureOff && plan.mode !== 'compare');
}

/** What the entry says of a turn that was enqueued before. */
const REPEATED = encodeFields({ skip: 'retry', shadow: [] });

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

function decide(finished: FinishedCall, turn: TurnFacts, { config, admission }: PublisherParts): ShadowDecision {
  const facts = {
    isCompareMode: finished.plan?.mode === 'compare',
    isShadowRequest: finished.clientHeaders['x-ccproxy-shadow'] !== undefined,
    isThreadContinue: turn.isThreadContinue,
    outcome: finished.outcome,
    // Of an answer too large to keep the status is all that is left.
    status: finished.answer?.status ?? (finished.isAnswerTooLarge ? finished.httpStatus : 0),
    class: turn.kind.class,
    sessionId: turn.sessionId,
  };
  return chooseShadow(facts, config.sample, config.sample.salt, admission);
}

function toEntry(finished: FinishedCall, plan: Plan, turn: TurnFacts, decision: ShadowDecision): ExchangeEntry {
  return {
    v: EXCHANGE_VERSION,
    id: finished.id,
    startedAtMs: finished.startedAtMs,
    sessionId: turn.sessionId,
    sessionSource: turn.sessionSource,
    lineageId: turn.lineageId,
    // Only for those that need it.
    turnKey: decision.skip === null ? turn.turnKey : '',
    class: turn.kind.class,
    classKind: turn.kind.kind,
    mode: plan.mode,
    route: plan.reason,
    modelAsked: shortName(finished.modelAsked),
    modelSent: shortName(plan.model ?? finished.modelAsked),
    provider: plan.primary.provider,
    outcome: finished.outcome,
    httpStatus: finished.httpStatus,
    requestBytes: finished.request?.length ?? 0,
    responseBytes: finished.responseBytes,
    clientHeaders: { ...finished.clientHeaders },
    shadow: decision.skip === null ? plan.shadow.map((target) => target.name) : [],
    skip: decision.skip,
    repeat: false,
    inclusion: decision.inclusion,
    experiment: null,
    ttfbMs: finished.times.firstByteMs,
    totalDurationMs: finished.times.endMs,
    traceparent: formatTraceparent(finished.trace),
    tracestate: finished.trace.tracestate,
  };
}

/** For a call whose answer is not kept: its request alone is looked at. */
const NO_ANSWER: RecordedAnswer = {
  status: 0,
  rawHeaders: [],
  headersAtMs: null,
  chunks: [],
  end: 'connect_error',
  endAtMs: 0,
};

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
