// One finished call → one exchange on the bus: what is known of its turn, whether it is compared, and its body where
// somebody may want it.
import type { Bus } from '#shared/bus/bus.ts';
import { type AnswerSummary, summarizeAnswer } from '#shared/exchange/answer-summary.ts';
import type { ErrorCode } from '#shared/exchange/error-code.ts';
import {
  EXCHANGE_VERSION,
  type ExchangeEntry,
  encodeEntry,
  layOutBody,
  type RecordedAnswer,
  type SkipReason,
} from '#shared/exchange/exchange.ts';
import { formatTraceparent } from '#shared/ids.ts';
import { toBuffer } from '#shared/threads/answer-questions.ts';
import { errorCodeOf } from './call-error.ts';
import type { ReadCall } from './call-reading.ts';
import type { GatewayConfig } from './config.ts';
import type { GatewayEvents } from './events.ts';
import type { ExchangePreparer } from './exchange-preparer.ts';
import { type Handover, toHandover } from './handover.ts';
import type { FinishedCall, FinishedPlan } from './messages/finished-call.ts';
import { describeTurn, type TurnFacts } from './prepare-exchange.ts';
import { type Admission, chooseShadow, type ShadowDecision } from './routing/choose-shadow.ts';
import type { IdentifyPair } from './routing/identify-pair.ts';
import { namedSession } from './routing/identify-turn.ts';

export interface PublishingParts {
  config: GatewayConfig;
  bus: Bus;
  admission: Admission;
  events: GatewayEvents;
  preparer: ExchangePreparer;
  read: ReadCall;
}

export interface Publishing extends PublishingParts {
  identifyPair: IdentifyPair;
  /** Nobody waits for it any more. */
  isOver(): boolean;
}

/** Counts what it did, unless it is over. @throws ThreadLostError, and what a fault of our own throws */
export async function publishCall(finished: FinishedCall, parts: Publishing): Promise<Handover> {
  const { request, plan } = finished;
  if (request === null || plan === null) return { kind: 'none' };
  const { turn, laidOut } = await describe(finished, request, parts);
  if (parts.isOver()) return { kind: 'none' };
  if (turn === null) return skip(finished, plan.mode === 'compare' ? 'primary_error' : 'mode_off', parts.events);
  const { sessionId, sessionSource } = turn;
  const handover = await publishTurn({ finished, request, plan, turn, laidOut }, parts);
  return { ...handover, session: { sessionId, sessionSource } };
}

interface DescribedCall {
  finished: FinishedCall;
  request: Buffer;
  plan: FinishedPlan;
  turn: TurnFacts;
  laidOut: Uint8Array<ArrayBuffer> | null;
}

async function publishTurn(
  { finished, request, plan, turn, laidOut }: DescribedCall,
  parts: Publishing,
): Promise<Handover> {
  const { events, config } = parts;
  const { answer } = finished;
  const isRecorded = config.captureLevel !== 'off';
  const decision = decide(finished, turn, parts);
  if (answer === null) return withoutAnswer(finished, decision, events);
  if (decision.skip !== null && !isRecorded) return skip(finished, decision.skip, events);
  const entry = toEntry(finished, plan, turn, decision);
  if (isRecorded) entry.errorCode = await codeOf(finished, parts);
  if (config.captureLevel === 'metadata') entry.summary = await summaryOf(finished, parts);
  const pairs = entry.shadow.length;
  const isBodyWanted = pairs > 0 || keepsTexts(config);
  const body = isBodyWanted ? await toBody(entry, laidOut ?? layOutBody({ request, answer }), finished, parts) : null;
  if (parts.isOver()) return { kind: 'none' };
  const result = await parts.bus.publish({
    id: entry.id,
    fields: encodeEntry(entry),
    body,
    pairs,
    ...(pairs > 0
      ? { turn: { key: entry.turnKey, ifRepeated: isRecorded ? encodeEntry(repeated(entry)) : null } }
      : {}),
  });
  if (parts.isOver()) return { kind: 'none' };
  if (result === 'repeated') {
    if (isRecorded) events.exchangePublished(finished, 0, 'ok');
    return skip(finished, 'retry', events);
  }
  events.exchangePublished(finished, pairs, result);
  const skipped = decision.skip === null ? null : skip(finished, decision.skip, events);
  return skipped && result === 'ok' ? skipped : toHandover(result, pairs);
}

/** Whether the history wants to see what was said. */
function keepsTexts({ captureLevel }: GatewayConfig): boolean {
  return captureLevel === 'redacted' || captureLevel === 'full';
}

interface Described {
  turn: TurnFacts | null;
  /** null = nothing was laid out for it. */
  laidOut: Uint8Array<ArrayBuffer> | null;
}

/** From so many bytes on a session that is known by its first message alone is told in the thread. */
const LONG_REQUEST_BYTES = 32 * 1024;

function isToldInThread({ request, clientHeaders, requestSpans }: FinishedCall): boolean {
  if (request === null || request.length < LONG_REQUEST_BYTES) return false;
  return namedSession(request, clientHeaders, requestSpans) === null;
}

async function describe(finished: FinishedCall, request: Buffer, { preparer }: Publishing): Promise<Described> {
  const { answer, clientHeaders: headers, requestSpans } = finished;
  if (!isToldInThread(finished)) return { turn: describeTurn(request, headers, requestSpans), laidOut: null };
  const laidOut = layOutBody({ request, answer: answer ?? NO_ANSWER });
  const { turn, body } = await preparer.prepare({ laidOut, headers, describe: true, identifyIn: null, pack: false });
  return { turn, laidOut: body };
}

/** A larger body is looked at in the thread, and an agent of more texts or tools than any real one has. */
const MOST_BYTES_HERE = 256 * 1024;
const MOST_PARTS_HERE = 1000;

/**
 * The body as it is kept: as it is where the bus has room for it, else compressed. Completes the entry of a turn that is
 * compared by what it is known by.
 */
async function toBody(
  entry: ExchangeEntry,
  laidOut: Uint8Array<ArrayBuffer>,
  { clientHeaders: headers, request, requestSpans }: FinishedCall,
  { preparer, bus, identifyPair }: Publishing,
): Promise<Buffer> {
  const identifyIn = entry.shadow.length > 0 ? entry.sessionId : null;
  const isSmall = laidOut.length <= MOST_BYTES_HERE && partsOf(requestSpans) <= MOST_PARTS_HERE;
  if (request !== null && isSmall && bus.hasRoomFor(laidOut.length)) {
    if (identifyIn !== null) Object.assign(entry, identifyPair(request, headers, requestSpans, identifyIn));
    return toBuffer(laidOut);
  }
  const { identity, body } = await preparer.prepare({ laidOut, headers, describe: false, identifyIn, pack: true });
  Object.assign(entry, identity);
  return toBuffer(body);
}

function partsOf(spans: FinishedCall['requestSpans']): number {
  const itemsOf = (name: string): number => spans?.get(name)?.outline?.items ?? 0;
  return itemsOf('system') + itemsOf('tools');
}

/** Of a call that went well nothing is read for it. */
async function codeOf(finished: FinishedCall, { read }: Publishing): Promise<ErrorCode | null> {
  if (finished.outcome === 'ok') return null;
  try {
    return errorCodeOf(finished, (await read(finished)).figures);
  } catch {
    return errorCodeOf(finished, null); // who books it says that it cannot be read
  }
}

async function summaryOf(finished: FinishedCall, { read }: Publishing): Promise<AnswerSummary | null> {
  const { figures } = await read(finished);
  return figures && summarizeAnswer(figures);
}

/** Neither compared nor recorded by anyone. */
export function isUnread(plan: FinishedPlan, { bus, config }: PublishingParts): boolean {
  return bus.readers === false || (config.captureLevel === 'off' && plan.mode !== 'compare');
}

/** Its bytes are copied: somebody may want what was said, not only figures, or the thread tells its session. */
export function mayBeLaidOut(finished: FinishedCall, { config }: PublishingParts): boolean {
  return keepsTexts(config) || finished.plan?.mode === 'compare' || isToldInThread(finished);
}

/** What the entry says of a turn that was enqueued before. */
function repeated(entry: ExchangeEntry): ExchangeEntry {
  return { ...entry, skip: 'retry', shadow: [] };
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

function decide(finished: FinishedCall, turn: TurnFacts, { config, admission }: PublishingParts): ShadowDecision {
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

function toEntry(finished: FinishedCall, plan: FinishedPlan, turn: TurnFacts, decision: ShadowDecision): ExchangeEntry {
  return {
    v: EXCHANGE_VERSION,
    id: finished.id,
    startedAtMs: finished.startedAtMs,
    sessionId: turn.sessionId,
    sessionSource: turn.sessionSource,
    // Only those that are compared are to be known again.
    lineageId: '',
    turnKey: '',
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
    capturedHeaders: finished.capturedHeaders,
    errorCode: null,
    summary: null,
  };
}

/** For a call whose answer is not kept: its request alone is looked at. */
const NO_ANSWER: RecordedAnswer = {
  status: 0,
  rawHeaders: [],
  upstream: null,
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
