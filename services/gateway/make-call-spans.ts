// In the thread that exports: the text of a call is read, redacted and put on its root span.
import { readLaidOut } from '#shared/exchange/exchange.ts';
import { observe, parseRequest } from '#shared/exchange/read-exchange.ts';
import { createRedactor, type RedactorOptions } from '#shared/redact/redact.ts';
import { llmAttributes } from '#shared/telemetry/llm-attributes.ts';
import type { MakeSpans, SpanRecord } from '#shared/telemetry/tracing.ts';
import { type ModelFacts, withModelCall } from './call-spans.ts';

export interface CallSpansInput {
  /** Complete but for what is said of the model call; the root first. */
  spans: SpanRecord[];
  facts: ModelFacts;
  /** Request and answer, from `layOutBody`. */
  laidOut: Uint8Array<ArrayBuffer>;
  maxContentBytes: number;
  redaction: RedactorOptions;
}

/** As what `makeCallSpans` is known. */
export const CALL_SPANS = 'call';

export const makeCallSpans: MakeSpans = async (given) => {
  const input = given as CallSpansInput;
  const [root, ...others] = input.spans;
  if (root === undefined) return [];
  const { request, answer } = readLaidOut(input.laidOut);
  const llm = llmAttributes({
    ...input.facts,
    request: parseRequest(request),
    observation: await observe(answer),
    content: true,
    maxContentBytes: input.maxContentBytes,
    redact: createRedactor(input.redaction).redactText,
  });
  return [withModelCall(root, llm), ...others];
};
