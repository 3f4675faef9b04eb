// A finished call → its spans: `proxy_request`, and below it a `primary_forward` for each time an upstream was asked. Pure.
// What is to be said of the model call itself can be added later, in a thread.
import { type ErrorCode, toErrorCode } from '#shared/exchange/error-code.ts';
import type { AnswerFigures } from '#shared/exchange/observation.ts';
import { upstreamRequestId } from '#shared/exchange/read-exchange.ts';
import { pairId } from '#shared/ids.ts';
import { madeOnce } from '#shared/made-once.ts';
import { headerValue } from '#shared/messages/answer-headers.ts';
import type { Target } from '#shared/providers/target.ts';
import { CCPROXY, LANGFUSE_METADATA, OPENINFERENCE, REQUEST_HEADER } from '#shared/telemetry/attribute-keys.ts';
import { AttributeObject, shortName, shortText } from '#shared/telemetry/attribute-values.ts';
import { type LlmAttributesInput, sayFigures, sayOfCall } from '#shared/telemetry/llm-attributes.ts';
import type { RepeatedAttributes } from '#shared/telemetry/repeated-attributes.ts';
import type { AttributeSink, SayAttributes, SpanEvent, SpanRecord } from '#shared/telemetry/tracing.ts';
import { toUpstreamUrl } from '#shared/upstream/upstream-url.ts';
import { errorCodeOf } from './call-error.ts';
import type { Handover } from './handover.ts';
import { isFailed } from './messages/attempt.ts';
import type { Attempt } from './messages/call.ts';
import type { FinishedCall } from './messages/finished-call.ts';
import { sessionHeader, sessionOfCall } from './routing/identify-turn.ts';

export type CallSpans = [root: SpanRecord, ...others: SpanRecord[]];

export type ModelFacts = Pick<
  LlmAttributesInput,
  'requestBytes' | 'durationMs' | 'modelAsked' | 'modelSent' | 'provider' | 'headers' | 'sessionId'
>;

export interface CallSpanRules {
  /** With one they are to be written here, and say most of it then; without, all they say is among their attributes. */
  readonly memory: RepeatedAttributes | null;
  /** Whether text of the call may be on them. */
  readonly content: boolean;
  redact(text: string): string;
}

/** The root comes first; nothing is said of the model call yet. */
export function toCallSpans(
  finished: FinishedCall,
  observation: AnswerFigures | null,
  handover: Handover,
  rules: CallSpanRules,
): CallSpans {
  const spans: CallSpans = [proxyRequest(finished, observation, handover, rules)];
  addForwards(spans, finished, observation, rules);
  return spans;
}

const NOTHING: SpanRecord['attributes'] = Object.freeze({});

/** `make` makes what follows from the values; `say` says the rest. */
function said(
  memory: RepeatedAttributes | null,
  values: Parameters<RepeatedAttributes>[0],
  make: () => SpanRecord['attributes'],
  say: SayAttributes,
): Pick<SpanRecord, 'repeated' | 'attributes' | 'say'> {
  if (memory !== null) return { repeated: [memory(values, make)], attributes: NOTHING, say };
  const all = new AttributeObject(make());
  say(all);
  return { attributes: all.attributes };
}

export function modelFacts(
  { request, times, modelAsked, plan, answer, clientHeaders }: FinishedCall,
  { session }: Handover,
): ModelFacts {
  const beta = clientHeaders?.['anthropic-beta'];
  const sessionId = session?.sessionId ?? sessionHeader(clientHeaders ?? {});
  return {
    requestBytes: request?.length ?? 0,
    durationMs: times.endMs,
    modelAsked: modelAsked ?? '',
    modelSent: plan?.model ?? modelAsked ?? '',
    provider: plan?.primary.provider ?? 'none',
    sessionId,
    headers: namedHeaders(answer?.rawHeaders ?? [], beta),
  };
}

const ID_HEADERS = ['anthropic-organization-id', 'anthropic-workspace-id'] as const;

function namedHeaders(rawHeaders: readonly string[], beta: string | undefined): Record<string, string> {
  const named: Record<string, string> = {};
  for (const name of ID_HEADERS) {
    const value = headerValue(rawHeaders, name);
    if (value) named[name] = value;
  }
  if (beta !== undefined) named['anthropic-beta'] = beta;
  return named;
}

/** Says on a root that was made without a memory what there is to say of the model call. */
export function addModelCall(root: SpanRecord, input: LlmAttributesInput): void {
  const { repeated, attributes, content } = sayOfCall(input, root.attributes);
  root.repeated = [...(root.repeated ?? []), ...repeated];
  root.attributes = attributes;
  if (content.length > 0) root.content = content;
}

/** The same without content, of a root that was made with one: when it is written. */
export function sayModelCall(root: SpanRecord, input: LlmAttributesInput): void {
  const { say: own } = root;
  const { repeated, say } = sayFigures(input);
  root.repeated = [...(root.repeated ?? []), ...repeated];
  root.say = own ? inTurn(own, say) : say;
}

function inTurn(first: SayAttributes, second: SayAttributes): SayAttributes {
  return (to) => {
    first(to);
    second(to);
  };
}

function proxyRequest(
  finished: FinishedCall,
  observation: AnswerFigures | null,
  handover: Handover,
  rules: CallSpanRules,
): SpanRecord {
  const { trace, plan, times, httpStatus, outcome } = finished;
  const isAborted = outcome === 'client_abort';
  const mode = plan?.mode ?? finished.mode;
  const upstream = plan?.primary.provider;
  const error = errorCodeOf(finished, observation);
  const isError = error !== null;
  const values = ['proxy_request', mode, upstream, plan?.reason, httpStatus, error, isAborted] as const;
  const make = (): SpanRecord['attributes'] => ({
    [CCPROXY.mode]: mode,
    [CCPROXY.leg]: 'primary',
    [CCPROXY.service]: 'gateway',
    [CCPROXY.upstream]: upstream,
    [CCPROXY.route]: plan?.reason,
    'http.route': '/v1/messages',
    'http.request.method': 'POST',
    'http.response.status_code': httpStatus || null,
    'error.type': error,
    [CCPROXY.clientAborted]: isAborted ? true : null,
  });
  const say: SayAttributes = (to) => {
    to.add(CCPROXY.requestId, finished.id);
    to.add(OPENINFERENCE.metadata, metadataOf(finished, rules));
    to.add(CCPROXY.overheadMs, overheadMs(finished));
    // On the gateway's own clock, also when the answer broke off.
    to.add('ttfb_ms', sinceDispatch(finished, times.firstByteMs));
    if (observation === null) {
      // Else it is said with the model call.
      to.add('total_duration_ms', times.endMs);
      to.add(OPENINFERENCE.spanKind, 'LLM');
      to.add(OPENINFERENCE.sessionId, shortName(handover.session?.sessionId ?? sessionOfCall(finished), rules.redact));
    }
    if (handover.session?.sessionSource === 'fallback') to.add(CCPROXY.sessionSource, 'fallback');
    sayHandover(to, finished, handover);
    sayHeaders(to, finished.capturedHeaders);
  };
  return {
    name: 'proxy_request',
    kind: 'server',
    traceId: trace.traceId,
    spanId: trace.spanId,
    parentSpanId: trace.parentSpanId,
    sampled: trace.sampled,
    tracestate: trace.tracestate,
    startMs: finished.startedAtMs,
    endMs: finished.startedAtMs + times.endMs,
    ...said(rules.memory, values, make, say),
    events: [...events(finished, observation), ...handoverEvents(finished, handover)],
    links: trace.links ?? [],
    status: isError ? 'error' : 'unset',
    statusMessage: isError ? statusMessage(finished, rules) : undefined,
  };
}

const LONGEST_MESSAGE_BYTES = 1024;

/** What an upstream says of its error may quote the prompt. */
function statusMessage({ error, outcome }: FinishedCall, { content, redact }: CallSpanRules): string {
  if (!error) return outcome;
  return content ? shortText(error.message, LONGEST_MESSAGE_BYTES, redact) : error.code;
}

/** Under OpenTelemetry's name, and once more under that by which Langfuse filters traces. */
function sayHeaders(to: AttributeSink, headers: FinishedCall['capturedHeaders']): void {
  if (headers === null || headers === undefined) return;
  for (const [name, value] of Object.entries(headers)) {
    to.add(REQUEST_HEADER + name, [value]);
    to.add(LANGFUSE_METADATA + name, value);
  }
}

/** For lists and filters of trace stores, which show no resource. */
function metadataOf({ id, mode, plan, modelAsked }: FinishedCall, { redact }: CallSpanRules): string {
  const text = (value: string | null): string => JSON.stringify(value);
  // As one object it is 1.1 µs of a call, profiled, and so 0.6.
  return (
    `{"service":"gateway","request_id":${text(id)},"mode":${text(plan?.mode ?? mode)},"leg":"primary",` +
    `"upstream":${text(plan?.primary.provider ?? null)},"model_asked":${text(shortName(modelAsked, redact))}}`
  );
}

function addressOf(target: Target): { url: string; host: string; port: number } {
  const { origin, path } = toUpstreamUrl(target, '/v1/messages');
  const { hostname, port, protocol } = new URL(origin);
  return { url: origin + path, host: hostname, port: Number(port || (protocol === 'https:' ? 443 : 80)) };
}

/** One for each time that an upstream was asked. What was refused and then asked otherwise was sent again. */
function addForwards(
  spans: CallSpans,
  finished: FinishedCall,
  observation: AnswerFigures | null,
  rules: CallSpanRules,
): void {
  let resent = 0;
  for (const attempt of finished.earlierAttempts) {
    const error = isFailed(attempt) ? toErrorCode(null, attempt.status) : null;
    spans.push(primaryForward(finished, attempt, error, resent, rules));
    resent = error === null ? 0 : resent + 1;
  }
  const last = finished.lastAttempt;
  if (last !== null) spans.push(primaryForward(finished, last, errorCodeOf(finished, observation), resent, rules));
}

function primaryForward(
  finished: FinishedCall,
  attempt: Attempt,
  error: ErrorCode | null,
  resent: number,
  rules: CallSpanRules,
): SpanRecord {
  const { trace, plan, times, answer, startedAtMs } = finished;
  const { status, askedMs, endMs, spanId, connectionWaitMs } = attempt;
  const isLast = attempt === finished.lastAttempt;
  const address = plan && madeOnce(plan.primary, addressOf, () => addressOf(plan.primary));
  const values = ['primary_forward', address?.url, status, error, resent] as const;
  const make = (): SpanRecord['attributes'] => ({
    [CCPROXY.service]: 'gateway',
    'http.request.method': 'POST',
    'url.full': address?.url,
    'server.address': address?.host,
    'server.port': address?.port,
    'http.response.status_code': status || null,
    'http.request.resend_count': resent,
    'error.type': error,
  });
  const say: SayAttributes = (to) => {
    to.add(CCPROXY.requestId, finished.id);
    to.add('anthropic.request.id', answer && isLast ? shortName(upstreamRequestId(answer), rules.redact) : null);
    to.add(CCPROXY.connectionWaitMs, connectionWaitMs);
    // The client may have had its first byte of one before.
    const { firstByteMs } = times;
    to.add(
      'ttfb_ms',
      firstByteMs === null || firstByteMs < askedMs || firstByteMs > endMs ? null : firstByteMs - askedMs,
    );
  };
  return {
    name: 'primary_forward',
    kind: 'client',
    traceId: trace.traceId,
    spanId,
    parentSpanId: trace.spanId,
    sampled: trace.sampled,
    tracestate: trace.tracestate,
    startMs: startedAtMs + askedMs,
    endMs: startedAtMs + endMs,
    ...said(rules.memory, values, make, say),
    events: [],
    links: [],
    status: error === null ? 'unset' : 'error',
  };
}

function events(finished: FinishedCall, observation: AnswerFigures | null): SpanEvent[] {
  const at = (ms: number): number => finished.startedAtMs + ms;
  const { firstByteMs, dispatchedMs, endMs } = finished.times;
  const found: SpanEvent[] = [];
  if (firstByteMs !== null) found.push({ name: 'first_byte', atMs: at(firstByteMs) });
  const ttft = observation?.timing.ttftMs ?? null;
  if (ttft !== null && dispatchedMs !== null)
    found.push({ name: 'First Token Stream Event', atMs: at(dispatchedMs + ttft) });
  if (finished.outcome === 'client_abort') found.push({ name: 'client_disconnect', atMs: at(endMs) });
  return found;
}

function sayHandover(to: AttributeSink, finished: FinishedCall, handover: Handover): void {
  if (finished.plan?.mode !== 'compare') return;
  const isSampled = handover.kind === 'published' && handover.pairs > 0;
  const [first] = finished.plan.shadow;
  to.add(CCPROXY.compareSampled, isSampled);
  if (isSampled && first) to.add(CCPROXY.pairId, pairId(finished.id, first.name));
}

function handoverEvents(finished: FinishedCall, handover: Handover): SpanEvent[] {
  if (finished.plan?.mode !== 'compare') return [];
  const atMs = finished.startedAtMs + finished.times.endMs;
  if (handover.kind === 'published') return [{ name: 'exchange_published', atMs }];
  if (handover.kind === 'dropped') {
    return [{ name: 'exchange_dropped', atMs, attributes: { 'error.type': handover.errorType } }];
  }
  return [];
}

function sinceDispatch(finished: FinishedCall, ms: number | null): number | null {
  const { dispatchedMs } = finished.times;
  return ms === null || dispatchedMs === null ? null : ms - dispatchedMs;
}

function overheadMs(finished: FinishedCall): number {
  const { dispatchedMs, answerEndMs, endMs } = finished.times;
  return dispatchedMs === null ? endMs : Math.max(0, endMs - ((answerEndMs ?? endMs) - dispatchedMs));
}
