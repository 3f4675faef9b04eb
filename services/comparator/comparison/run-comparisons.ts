// THE COMPARISON PATH: deliveries of group `compare`, a few at a time. `compareOnce` is the page; everything around it
// reads, holds and settles.
import type { Delivery } from '#shared/bus/bus.ts';
import { itemizeUsage } from '#shared/cost/price.ts';
import { decodeEntry, type ExchangeEntry, isSchemaError, type RecordedAnswer } from '#shared/exchange/exchange.ts';
import type { Observation } from '#shared/exchange/observation.ts';
import { pairId } from '#shared/ids.ts';
import { headerValue } from '#shared/messages/answer-headers.ts';
import { findTarget, type Target } from '#shared/providers/target.ts';
import type { PairRow } from '#shared/store/store.ts';
import { toBuffer } from '#shared/threads/answer-questions.ts';
import { lacksCredential } from '#shared/upstream/credentials.ts';
import type { ComparatorContext } from '../context.ts';
import type { SessionTurn } from '../session-cap.ts';
import { pause, Stopping } from '../stopping.ts';
import type { Admission } from '../target-breakers.ts';
import { estimateTokens, type Reservation, usedTokens } from '../token-budget.ts';
import type { SlotShare } from '../work-slots.ts';
import { type CallSecondaryParts, callSecondary } from './call-secondary.ts';
import { type HeldDelivery, holdDelivery } from './hold-delivery.ts';
import { pair } from './pair.ts';
import { type PairFacts, toOrphanRow, toPrimaryErrorRow, toScoredRow, toUnsupportedRow } from './pair-row.ts';
import type { PreparedRequest } from './prepare-call.ts';
import { exportPair, type Recorded, record } from './record.ts';
import { usesServerTool } from './rewrite-request.ts';
import { score } from './score.ts';

/** `new` and `known` are settled; `left` belongs to another process. */
type Settled = 'new' | 'known' | 'left';

const RETRY_READ_MS = 1_000;
const LEAST_PAUSE_MS = 20;

/** Runs until the context is told to stop, then waits for what was begun. */
export async function runComparisons(context: ComparatorContext): Promise<void> {
  const begun = new Map<Delivery['messageId'], Promise<void>>();
  while (!context.stopping.aborted) {
    for (const delivery of await readDeliveries(context)) {
      if (context.stopping.aborted) break;
      const { messageId } = delivery;
      // Where heartbeats were late, the bus gives what is worked on here to who asks next, and that may be us.
      if (begun.has(messageId)) continue;
      begun.set(
        messageId,
        compareDelivery(delivery, context).finally(() => begun.delete(messageId)),
      );
    }
  }
  await Promise.all(begun.values());
}

/** Deliveries for the free slots, [] when there is nothing to do now. */
async function readDeliveries(context: ComparatorContext): Promise<Delivery[]> {
  const { bus, store, breakers, config, stopping } = context;
  try {
    const free = await context.slots.whenFree(stopping);
    while (breakers.allOpen()) await pause(Math.max(LEAST_PAUSE_MS, breakers.nextProbeMs()), stopping);
    if (!(await store.healthy())) throw new Error('the store cannot be reached');
    const { minIdleMs, maxDeliveries } = config.claim;
    const count = breakers.status().some(({ state }) => state === 'half_open') ? 1 : free;
    const options = { count, waitMs: config.readWaitMs, claimIdleMs: minIdleMs, maxDeliveries };
    return await bus.read('compare', context.consumer, options);
  } catch (error) {
    if (error instanceof Stopping) return [];
    context.events.trouble('read', error);
    await pause(RETRY_READ_MS, stopping).catch(() => {});
    return [];
  }
}

/** Settles the entry when all its pairs are. Never throws: what fails stays pending and comes again. */
async function compareDelivery(delivery: Delivery, context: ComparatorContext): Promise<void> {
  const slots = context.slots.take(Math.max(1, delivery.pairs));
  const held = holdDelivery(delivery, context);
  try {
    const entry = decodeEntry(delivery.fields);
    const results = await Promise.allSettled(
      entry.shadow.map((name) =>
        comparePair({ name, entry, delivery, held, slots }, context).finally(() => slots.release()),
      ),
    );
    const failed = results.find((result) => result.status === 'rejected');
    if (failed) throw failed.reason;
    const settled = results.flatMap((result) => (result.status === 'fulfilled' ? [result.value] : []));
    if (settled.includes('left')) return;
    await context.bus.finish('compare', delivery);
    const isNew = settled.includes('new');
    context.events.deliverySettled(delivery, isNew ? 'paired' : settled.length === 0 ? 'skipped' : 'duplicate');
  } catch (error) {
    await giveUp(delivery, error, context);
  } finally {
    slots.end();
    await held.release();
  }
}

async function giveUp(delivery: Delivery, error: unknown, context: ComparatorContext): Promise<void> {
  if (error instanceof Stopping) return;
  if (!isSchemaError(error)) {
    context.events.deliveryFailed(delivery, error);
    return;
  }
  try {
    await context.bus.bury('compare', delivery, 'schema', error.message);
    context.events.deliveryDead(delivery, 'schema', error);
  } catch (failure) {
    context.events.deliveryFailed(delivery, failure);
  }
}

interface PlannedPair {
  name: string;
  entry: ExchangeEntry;
  delivery: Delivery;
  held: HeldDelivery;
  slots: SlotShare;
}

/** Looks whether the pair is there already, takes its lease, and waits until the target may be called. */
async function comparePair(planned: PlannedPair, context: ComparatorContext): Promise<Settled> {
  const { name, entry, delivery, held, slots } = planned;
  const id = pairId(entry.id, name);
  const spans = {
    entry,
    bus: context.bus.kind,
    messageId: delivery.messageId,
    llm: {},
    secondary: null,
    bodyBytes: null,
  };
  const known = await context.store.pair(id);
  if (known !== null) {
    if (known.exported_at === null) await exportPair(known, spans, context);
    return 'known';
  }
  if (!(await held.lease(id))) return 'left';
  const target = findTarget(context.targets, name);
  const admission = target && (await admitTo(name, slots, context));
  const queueWaitMs = Math.max(0, context.clock.nowMs() - entry.startedAtMs - entry.totalDurationMs);
  const facts: PairFacts = { entry, target: name, delivery, queueWaitMs, redact: context.redact };
  if (!admission) return keep(toOrphanRow(facts, 'unknown_target', null), spans, context);
  const turn = context.sessionCap.turn(context.redact(entry.sessionId), name);
  try {
    return await compareOnce({ facts, target, admission, turn, spans }, context);
  } finally {
    turn.release();
    admission.report(null);
  }
}

/** A pair that must wait for its target holds no slot meanwhile. */
async function admitTo(target: string, slots: SlotShare, context: ComparatorContext): Promise<Admission> {
  const { breakers, stopping } = context;
  const admit = (): Promise<Admission> => breakers.admit(target, stopping);
  return breakers.isReady(target) ? admit() : slots.without(admit);
}

interface AdmittedPair {
  facts: PairFacts;
  target: Target;
  admission: Admission;
  turn: SessionTurn;
  spans: SpanRest;
}

type SpanRest = Recorded['spans'];

/** The page: one exchange, one target, one row. */
async function compareOnce(admitted: AdmittedPair, context: ComparatorContext): Promise<'new' | 'known'> {
  const { facts, target, admission } = admitted;
  const body = await context.bus.body(facts.entry.id);
  if (body === null) return keep(toOrphanRow(facts, 'expired', null), admitted.spans, context);
  const { prepareCall, observe } = context.steps;
  const { primary, call } = await prepareCall(facts.entry, body, target);
  const spans = { ...admitted.spans, bodyBytes: body.length };
  if (call === null) return keep(toPrimaryErrorRow(facts, primary), spans, context);
  if (usesServerTool(primary.message?.content ?? [])) {
    return keep(toUnsupportedRow(facts, primary, call.rewrites), spans, context);
  }
  // What the target would have done is not known: that we could not ask says nothing of it.
  if (lacksCredential(target.credential)) return keep(toOrphanRow(facts, 'no_credential', primary), spans, context);
  const reserved = await reserve(admitted, primary, context);
  if (typeof reserved === 'string') return keep(toOrphanRow(facts, reserved, primary), spans, context);
  const asked = { target, entry: facts.entry, body: toBuffer(call.body) };
  const answer = await callSecondary(asked, secondaryParts(context)).catch((error: unknown) => {
    reserved.settle(0);
    throw error;
  });
  admission.report(isReached(answer));
  const secondary = await observe(answer);
  reserved.settle(usedTokens(secondary.usage));
  const made = pair(primary, secondary);
  const scored = score(made);
  const row = toScoredRow(facts, { ...scored, primary, secondary, rewrites: call.rewrites });
  const llm = await describe(admitted, call, { answer, secondary }, context);
  return record({ row, spans: { ...spans, secondary, llm }, wasCalled: true }, context);
}

/** Keeps the row of a pair that ended before a call. */
function keep(row: PairRow, spans: SpanRest, context: ComparatorContext): Promise<'new' | 'known'> {
  return record({ row, spans, wasCalled: false }, context);
}

/** The reason when a cap on turns or tokens is reached. */
async function reserve(
  { facts, turn }: AdmittedPair,
  primary: Observation,
  context: ComparatorContext,
): Promise<Reservation | 'session_cap' | 'budget'> {
  if (!(await turn.take())) return 'session_cap';
  return context.budget.reserve(facts.target, estimateTokens(primary.usage)) ?? 'budget';
}

function secondaryParts(context: ComparatorContext): CallSecondaryParts {
  const { callTarget, clock, abandoned, config, learned, events } = context;
  const { firstByteTimeoutMs, timeoutMs, answerMaxBytes } = config;
  const limits = { firstByteTimeoutMs, timeoutMs, answerMaxBytes };
  return { callTarget, clock, signal: abandoned, learned, onLearned: events.capabilityLearned, ...limits };
}

/** For the breaker: no connection and server errors count against a target; a slow answer is an answer. */
function isReached(answer: RecordedAnswer): boolean {
  if (answer.status === 0) return answer.end !== 'connect_error' && answer.end !== 'reset';
  return answer.status < 500;
}

/** What the secondary's span says beside the row: the same set as on the gateway's own. The pair does not fail for it. */
async function describe(
  { facts, target }: AdmittedPair,
  { body, model, userId }: PreparedRequest,
  { answer, secondary: observation }: { answer: RecordedAnswer; secondary: Observation },
  { tracing, config, steps, events, pricesOf }: ComparatorContext,
): Promise<SpanRest['llm']> {
  if (!tracing.enabled) return {};
  const { modelAsked, sessionId, clientHeaders } = facts.entry;
  const { content } = tracing;
  const { maxContentBytes, hide, longestImage } = config;
  const { provider } = target;
  const cost = observation.complete ? itemizeUsage(observation.usage, pricesOf(model)) : null;
  const headers = spanHeaders(clientHeaders, answer);
  const call = {
    ...{ observation, modelAsked, modelSent: model, provider, sessionId, userId, cost, headers },
    ...{ content, maxContentBytes, hide, longestImage },
  };
  try {
    return await steps.describeCall(body, call);
  } catch (error) {
    events.trouble('describe', error);
    return {};
  }
}

const NAMED = ['anthropic-organization-id', 'anthropic-workspace-id'] as const;

/** Those that a model span shows. */
function spanHeaders(client: ExchangeEntry['clientHeaders'], { rawHeaders }: RecordedAnswer): Record<string, string> {
  const beta = client['anthropic-beta'];
  const headers: Record<string, string> = beta === undefined ? {} : { 'anthropic-beta': beta };
  for (const name of NAMED) {
    const value = headerValue(rawHeaders, name);
    if (value) headers[name] = value;
  }
  return headers;
}
