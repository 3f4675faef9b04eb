// The Responses API, from its published description alone.
import { type Answer, type AnswerContext, jsonAnswer, type Protocol } from '../answer.ts';
import { type Counts, countTokens, promptTokens } from '../counts.ts';
import type { ResponsesQuirks } from '../quirks.ts';
import { type Ask, type Fields, isFields, listOf } from '../read-ask.ts';
import { playOn, readParts } from '../scene-parts.ts';
import type { Scene } from '../script.ts';
import type { SeenRequest } from '../seen.ts';
import { CREATED } from './openai-chat-answer.ts';
import { openaiError, openaiErrorBody, openaiHeaders } from './openai-errors.ts';
import { findInputError, readResponsesAsk } from './openai-responses-ask.ts';
import { type OutputItem, toItems } from './openai-responses-items.ts';
import { type StreamedResponse, writeResponseStream } from './openai-responses-stream.ts';

const PATH = /\/responses$/;
const INPUT_TOKENS_PATH = /\/responses\/input_tokens$/;

export const openaiResponses: Protocol = {
  name: 'openai-responses',
  claims: (method, path) => method === 'POST' && PATH.test(path),
  readAsk: readResponsesAsk,
  answer: answerResponses,
  answerOther: answerInputTokens,
  errorBody: (status, error) => openaiErrorBody(status, error),
};

function answerInputTokens(request: SeenRequest, context: AnswerContext): Answer | undefined {
  if (request.method !== 'POST' || !INPUT_TOKENS_PATH.test(request.path)) return undefined;
  const body = { object: 'response.input_tokens', input_tokens: promptTokens(request) };
  return jsonAnswer(200, JSON.stringify(body), openaiHeaders(context.random.id('req_'), 200));
}

function answerResponses(scene: Scene, request: SeenRequest, context: AnswerContext): Answer {
  const quirks = scene.quirks?.responses ?? {};
  const status = scene.status ?? 200;
  const headers = { ...openaiHeaders(context.random.id('req_'), status), ...scene.headers };
  if (scene.body !== undefined) return jsonAnswer(status, scene.body, headers);
  if (status !== 200) return jsonAnswer(status, openaiErrorBody(status, scene.error ?? {}), headers);
  const ask = readResponsesAsk(request);
  if (ask === undefined) {
    const error = { message: "Missing required parameter: 'model'." };
    return jsonAnswer(400, openaiErrorBody(400, error), headers);
  }
  const complaint = findInputError(request);
  if (complaint !== undefined) return jsonAnswer(400, JSON.stringify({ error: complaint }), headers);
  const told = prepare(playOn(scene, ask.stopSequences), request, ask, context);
  const wantsJson = scene.fault?.kind === 'garbage' && scene.fault.what === 'json-instead-of-stream';
  if ((ask.stream || quirks.streamAnyway === true) && !wantsJson) {
    return writeResponseStream(told, scene, context.random, headers);
  }
  if (scene.fault?.kind === 'error-event') {
    return jsonAnswer(500, openaiErrorBody(500, scene.fault.error ?? {}), headers);
  }
  return jsonAnswer(200, JSON.stringify(told.ending?.response ?? told.opening), headers);
}

function prepare(scene: Scene, request: SeenRequest, ask: Ask, context: AnswerContext): StreamedResponse {
  const { random } = context;
  const quirks = scene.quirks?.responses ?? {};
  const body = isFields(request.body) ? request.body : {};
  const parts = readParts(scene, () => random.id('call_'), random);
  const id = random.id('resp_', 48);
  const items = toItems(parts, {
    quirks,
    random,
    deltaChars: scene.deltaChars,
    isRefusal: scene.stopReason === 'refusal',
    isCutOff: scene.stopReason === 'max_tokens',
    wantsEncrypted: listOf(body.include).includes('reasoning.encrypted_content'),
  });
  const model = scene.model ?? context.model ?? ask.model;
  const opening = openingOf(id, CREATED + request.seq, model, body);
  const counts = countTokens(scene, parts, request, ask.isLaterTurn);
  return { opening, items, ending: endingOf(scene, opening, items, counts, quirks) };
}

/** A response as it is before anything was generated; what the request set is repeated in it. */
function openingOf(id: string, createdAt: number, model: string, body: Fields): Fields {
  const asked = <Value>(name: string, usual: Value): unknown => body[name] ?? usual;
  return {
    id,
    object: 'response',
    created_at: createdAt,
    status: 'in_progress',
    background: false,
    error: null,
    incomplete_details: null,
    instructions: asked('instructions', null),
    max_output_tokens: asked('max_output_tokens', null),
    max_tool_calls: null,
    model,
    output: [],
    parallel_tool_calls: asked('parallel_tool_calls', true),
    previous_response_id: null,
    prompt_cache_key: asked('prompt_cache_key', null),
    reasoning: asked('reasoning', { effort: null, summary: null }),
    safety_identifier: asked('safety_identifier', null),
    service_tier: 'default',
    store: asked('store', true),
    temperature: asked('temperature', 1),
    text: asked('text', { format: { type: 'text' }, verbosity: 'medium' }),
    tool_choice: asked('tool_choice', 'auto'),
    tools: asked('tools', []),
    top_logprobs: 0,
    top_p: asked('top_p', 1),
    truncation: asked('truncation', 'disabled'),
    usage: null,
    user: null,
    metadata: asked('metadata', {}),
  };
}

function endingOf(
  scene: Scene,
  opening: Fields,
  items: OutputItem[],
  counts: Counts,
  quirks: ResponsesQuirks,
): StreamedResponse['ending'] {
  const output = quirks.finalOutput === 'empty' ? [] : items.map(({ item }) => item);
  const usage = quirks.usage === 'null' ? null : toUsage(counts);
  const { type, ...fields } = outcomeOf(scene, quirks);
  const response: Fields = { ...opening, ...fields, output, usage };
  if (quirks.finalOutput === 'absent') delete response.output;
  return quirks.ending === 'none' ? undefined : { type, response };
}

/** The last event's type and what it says about how the response went. */
function outcomeOf(scene: Scene, quirks: ResponsesQuirks): { type: string } & Fields {
  const incomplete = (reason: string): { type: string } & Fields => ({
    type: quirks.ending === 'completed-incomplete' ? 'response.completed' : 'response.incomplete',
    status: 'incomplete',
    incomplete_details: { reason },
  });
  if (quirks.ending === 'failed') {
    const { code, type, message } = openaiError(500, scene.error ?? {});
    return { type: 'response.failed', status: 'failed', error: { code: code ?? type, message } };
  }
  if (quirks.ending === 'cancelled') return { type: 'response.cancelled', status: 'cancelled' };
  if (quirks.ending === 'incomplete-other') return incomplete('max_time');
  const isCutOff = scene.stopReason === 'max_tokens' || scene.stopReason === 'model_context_window_exceeded';
  if (isCutOff || quirks.ending === 'completed-incomplete') return incomplete('max_output_tokens');
  if (scene.stopReason === 'refusal' && quirks.refusal === 'content_filter') return incomplete('content_filter');
  return { type: 'response.completed', status: 'completed' };
}

function toUsage({ prompt, cached, cacheWrite, output, reasoning }: Counts): Fields {
  return {
    input_tokens: prompt,
    input_tokens_details: { cached_tokens: cached, cache_write_tokens: cacheWrite },
    output_tokens: output,
    output_tokens_details: { reasoning_tokens: reasoning },
    total_tokens: prompt + output,
  };
}
