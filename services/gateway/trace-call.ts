// Hands the spans of a finished call to tracing: at once where nothing large has to be read for them, else as work for the
// thread that exports.
import { createPriceList } from '#shared/cost/price-list.ts';
import { layOutBody } from '#shared/exchange/exchange.ts';
import type { AnswerFigures } from '#shared/exchange/observation.ts';
import { createRedactor, type RedactorOptions } from '#shared/redact/redact.ts';
import { llmAttributes } from '#shared/telemetry/llm-attributes.ts';
import type { ModelObservation } from '#shared/telemetry/model-call.ts';
import type { Tracing } from '#shared/telemetry/tracing.ts';
import { modelFacts, toCallSpans } from './call-spans.ts';
import type { Handover } from './handover.ts';
import { CALL_SPANS, type CallSpansInput, type ContentSettings, costOf } from './make-call-spans.ts';
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

export function createCallTracing({ tracing, content, redaction }: CallTracingParts): TraceCall {
  const { redactText } = createRedactor(redaction);
  const pricesOf = createPriceList(content.prices);
  const describe = (finished: FinishedCall, observation: AnswerFigures) => {
    const facts = modelFacts(finished);
    return llmAttributes({
      ...facts,
      cost: costOf(observation, pricesOf(facts.modelSent)),
      hide: content.hide,
      request:
        finished.request === null
          ? null
          : (skimRequest(finished.request, { spans: finished.requestSpans, users: 'none', tools: false })?.request ??
            null),
      observation: withoutText(observation),
      content: false,
      redact: redactText,
    });
  };

  return (finished, observation, handover) => {
    if (!tracing.enabled) return;
    const { request, answer, trace } = finished;
    if (!tracing.content || !trace.sampled || observation === null || request === null || answer === null) {
      const llm = observation === null || !trace.sampled ? null : describe(finished, observation);
      tracing.emit(toCallSpans(finished, observation, handover, llm));
      return;
    }
    const spans = toCallSpans(finished, observation, handover, null);
    const laidOut = layOutBody({ request, answer });
    const input: CallSpansInput = { spans, facts: modelFacts(finished), laidOut, content, redaction };
    const bytes = laidOut.length + spans.length * SPAN_BYTES;
    tracing.emitLater({ maker: CALL_SPANS, input, transferred: [laidOut.buffer], spans: spans.length, bytes });
  };
}

/** As spans without content are described: the texts they do not show were not read. */
function withoutText(figures: AnswerFigures): ModelObservation {
  const { message } = figures;
  return { ...figures, message: message && { id: message.id, model: message.model, content: [] }, text: '' };
}
