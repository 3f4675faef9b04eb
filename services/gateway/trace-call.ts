// Hands the spans of a finished call to tracing: at once where nothing large has to be read for them, else as work for the
// thread that exports.
import { createPriceList } from '#shared/cost/price-list.ts';
import { planBody } from '#shared/exchange/exchange.ts';
import type { AnswerFigures } from '#shared/exchange/observation.ts';
import { createRedactor, type RedactorOptions } from '#shared/redact/redact.ts';
import type { LlmAttributesInput } from '#shared/telemetry/llm-attributes.ts';
import type { ModelObservation } from '#shared/telemetry/model-call.ts';
import { createRepeatedAttributes } from '#shared/telemetry/repeated-attributes.ts';
import type { SpanRecord, Tracing } from '#shared/telemetry/tracing.ts';
import { createSharedRoom, type SharedRoom } from '#shared/threads/shared-room.ts';
import type { MessagesRequest } from '#shared/wire/anthropic.ts';
import { type CallSpanRules, modelFacts, sayModelCall, toCallSpans } from './call-spans.ts';
import { placesOf } from './conversation-memory.ts';
import type { Handover } from './handover.ts';
import { createKnownSettings } from './known-settings.ts';
import { CALL_SPANS, type CallSpansInput, type ContentSettings, costOf, writeSettings } from './make-call-spans.ts';
import type { FinishedCall } from './messages/finished-call.ts';
import { skimRequest } from './routing/skim-request.ts';

export interface CallTracingParts {
  tracing: Tracing;
  content: ContentSettings;
  redaction: RedactorOptions;
}

/** null as observation: its answer is not known. */
export type TraceCall = (finished: FinishedCall, observation: AnswerFigures | null, handover: Handover) => void;

const SPAN_BYTES = 2048;
/** For the bodies that wait for the thread: as much as waits at most. Of memory only what is used is taken. */
const ROOM_BYTES = 64 * 1024 * 1024;

export function createCallTracing({ tracing, content, redaction }: CallTracingParts): TraceCall {
  const { redactText } = createRedactor(redaction);
  const settingsOf = createKnownSettings(redactText, content.hide);
  const repeated = createRepeatedAttributes();
  const writtenHere: CallSpanRules = { memory: repeated, content: tracing.content, redact: redactText };
  const writtenThere: CallSpanRules = { ...writtenHere, memory: null };
  const settings = writeSettings({ content, redaction });
  let room: SharedRoom | null = null;
  const pricesOf = createPriceList(content.prices);
  const describe = (root: SpanRecord, finished: FinishedCall, observation: AnswerFigures, handover: Handover): void => {
    const facts = modelFacts(finished, handover);
    const said = settingsOf(finished);
    // No part of it is spread: what is begun with another's names grows name by name.
    sayModelCall(root, {
      requestBytes: facts.requestBytes,
      durationMs: facts.durationMs,
      modelAsked: facts.modelAsked,
      modelSent: facts.modelSent,
      provider: facts.provider,
      headers: facts.headers,
      sessionId: facts.sessionId,
      repeated,
      counts: countsOf(finished),
      cost: costOf(observation, pricesOf(facts.modelSent)),
      hide: content.hide,
      request: said === null ? skimmed(finished) : null,
      said,
      observation: withoutText(observation),
      content: false,
      redact: redactText,
    });
  };

  return (finished, observation, handover) => {
    if (!tracing.enabled) return;
    const { request, answer, trace } = finished;
    if (!tracing.content || !trace.sampled || observation === null || request === null || answer === null) {
      const spans = toCallSpans(finished, observation, handover, writtenHere);
      if (observation !== null && trace.sampled) describe(spans[0], finished, observation, handover);
      tracing.emit(spans);
      return;
    }
    const spans = toCallSpans(finished, observation, handover, writtenThere);
    const body = planBody({ request, answer });
    room ??= createSharedRoom(ROOM_BYTES);
    const { bytes: laidOut, transferred, release } = room.take(body.size);
    body.writeTo(laidOut);
    const places = finished.requestSpans && placesOf(finished.requestSpans);
    const input: CallSpansInput = { spans, facts: modelFacts(finished, handover), laidOut, places, settings };
    const bytes = laidOut.length + spans.length * SPAN_BYTES;
    tracing.emitLater({ maker: CALL_SPANS, input, transferred, spans: spans.length, bytes, release });
  };
}

function skimmed({ request, requestSpans }: FinishedCall): MessagesRequest | null {
  if (request === null) return null;
  return skimRequest(request, { spans: requestSpans, users: 'none' });
}

/** As they were counted when the request came. */
function countsOf({ requestSpans }: FinishedCall): NonNullable<LlmAttributesInput['counts']> {
  return { messages: requestSpans?.get('messages')?.outline?.items, tools: requestSpans?.get('tools')?.outline?.items };
}

/** As spans without content are described: the texts they do not show were not read. */
function withoutText({
  message,
  model,
  stopReason,
  usage,
  toolCalls,
  timing,
  requestId,
}: AnswerFigures): ModelObservation {
  const named = message && { id: message.id, content: [] };
  return { message: named, model, stopReason, usage, toolCalls, text: '', timing, requestId };
}
