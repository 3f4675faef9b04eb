// Chat Completions, of OpenAI, Azure and the many servers that speak it, from the published description alone.
import { type Answer, type AnswerContext, jsonAnswer, type Protocol } from '../answer.ts';
import { countTokens } from '../counts.ts';
import type { ChatQuirks } from '../quirks.ts';
import { type Ask, type Fields, isFields } from '../read-ask.ts';
import { type CallPart, playOn, readParts, type ScenePart } from '../scene-parts.ts';
import type { Scene, SceneError } from '../script.ts';
import type { SeenRequest } from '../seen.ts';
import { type ChatAnswer, CREATED, finishReasonOf, stopReasonOf, toUsage } from './openai-chat-answer.ts';
import { readChatAsk } from './openai-chat-ask.ts';
import { findChatError, findUnsupported } from './openai-chat-check.ts';
import { encryptedDetail, textDetail, thinkingPart, toAnnotations, wholeFunction } from './openai-chat-deltas.ts';
import { writeChatStream } from './openai-chat-stream.ts';
import { openaiErrorBody, openaiHeaders } from './openai-errors.ts';
import { answerModels } from './openai-models.ts';

/** Not of a model that is asked as a search engine. */
const PATH = /^(?!\/search-engines\/).*\/chat\/completions$/;
const AZURE_DEPLOYMENT = /\/openai\/deployments\/[^/]+\//;

export const openaiChat: Protocol = {
  name: 'openai-chat',
  claims: (method, path) => method === 'POST' && PATH.test(path),
  readAsk: readChatAsk,
  answer: answerChat,
  answerOther: answerModels,
  errorBody: (status, error) => openaiErrorBody(status, error),
};

function answerChat(scene: Scene, request: SeenRequest, context: AnswerContext): Answer {
  const quirks = scene.quirks?.chat ?? {};
  const requestId = context.random.id('req_');
  const status = scene.status ?? 200;
  const headers = { ...openaiHeaders(requestId, status), ...scene.headers };
  if (scene.body !== undefined) return jsonAnswer(status, scene.body, headers);
  if (status !== 200) return answerError(status, scene.error ?? {}, quirks, headers);
  const ask = readChatAsk(request);
  const complaint = complain(ask, request, quirks);
  if (ask === undefined || complaint !== undefined) {
    return jsonAnswer(complaint?.status ?? 400, complaint?.body ?? '', headers);
  }
  const answer = prepare(scene, request, ask, context);
  const wantsJson = scene.fault?.kind === 'garbage' && scene.fault.what === 'json-instead-of-stream';
  const streams = (ask.stream || quirks.streamAnyway === true) && !wantsJson;
  if (streams) return writeChatStream(answer, scene, request, context.random, headers);
  if (scene.fault?.kind === 'error-event') return answerError(500, scene.fault.error ?? {}, quirks, headers);
  return jsonAnswer(200, JSON.stringify(wholeCompletion(answer)), headers);
}

function answerError(status: number, error: SceneError, quirks: ChatQuirks, headers: Record<string, string>): Answer {
  return jsonAnswer(quirks.errorStatus200 ? 200 : status, openaiErrorBody(status, error, quirks.errorBody), headers);
}

function complain(
  ask: Ask | undefined,
  request: SeenRequest,
  quirks: ChatQuirks,
): { status: number; body: string } | undefined {
  const isAzure = AZURE_DEPLOYMENT.test(request.path);
  if (isAzure && !request.url.includes('api-version=')) {
    return { status: 404, body: JSON.stringify({ error: { code: '404', message: 'Resource not found' } }) };
  }
  if (ask === undefined || (ask.model === '' && !isAzure)) {
    const message =
      ask === undefined ? "Missing required parameter: 'messages'." : 'you must provide a model parameter';
    return { status: 400, body: openaiErrorBody(400, { message }) };
  }
  const body = isFields(request.body) ? request.body : {};
  const error = findUnsupported(body, quirks.refuses) ?? findChatError(body);
  return error === undefined ? undefined : { status: 400, body: JSON.stringify({ error }) };
}

function prepare(asked: Scene, request: SeenRequest, ask: Ask, context: AnswerContext): ChatAnswer {
  const scene = playOn(asked, ask.stopSequences);
  const { random } = context;
  const quirks = scene.quirks?.chat ?? {};
  const parts = readParts(scene, () => random.id('call_'), random);
  return {
    id: random.id('chatcmpl-', 29),
    created: CREATED + request.seq,
    model: scene.model ?? context.model ?? ask.model,
    fingerprint: random.id('fp_', 10),
    parts,
    finishReason: quirks.finishReason === undefined ? finishReasonOf(scene, parts, quirks) : quirks.finishReason,
    stopSequence: scene.stopSequence,
    isRefusal: scene.stopReason === 'refusal',
    counts: countTokens(scene, parts, request, ask.isLaterTurn),
    quirks,
    isAzure: AZURE_DEPLOYMENT.test(request.path) || quirks.firstChunk === 'azure',
  };
}

function wholeCompletion(answer: ChatAnswer): Fields {
  const { id, created, model, fingerprint, quirks } = answer;
  const choice = {
    index: 0,
    message: wholeMessage(answer),
    logprobs: null,
    finish_reason: answer.finishReason,
    ...stopReasonOf(answer),
  };
  const second = { ...choice, index: 1, message: { role: 'assistant', content: 'Another answer.', refusal: null } };
  const usage = quirks.usage === 'never' ? {} : { usage: quirks.usage === 'null' ? null : toUsage(answer) };
  return {
    id,
    object: 'chat.completion',
    created,
    model,
    choices: quirks.secondChoice ? [choice, second] : [choice],
    ...usage,
    service_tier: 'default',
    system_fingerprint: fingerprint,
  };
}

function wholeMessage({ parts, isRefusal, quirks }: ChatAnswer): Fields {
  const texts = parts.filter((part) => part.kind === 'text');
  const spoken = texts.map((part) => part.text).join('');
  const refuses = isRefusal && quirks.refusal !== 'content_filter';
  const annotations = texts.flatMap((part) => toAnnotations(part.text, part.citations));
  const calls = parts.filter((part) => part.kind === 'call');
  const reasoning = wholeReasoning(parts, quirks);
  const content = quirks.contentParts && spoken !== '' ? [{ type: 'text', text: spoken }] : spoken;
  return {
    role: 'assistant',
    content: refuses || (spoken === '' && calls.length > 0) ? null : content,
    refusal: refuses ? spoken : null,
    annotations,
    ...withThinking(reasoning, content),
    ...wholeCalls(calls, quirks),
  };
}

function wholeCalls(calls: CallPart[], quirks: ChatQuirks): Fields {
  const [first] = calls;
  if (first === undefined) return {};
  if (quirks.legacyFunctionCall) return { function_call: { name: first.name, arguments: first.json } };
  return {
    tool_calls: calls.map((call) => ({
      ...(quirks.toolId === 'never' ? {} : { id: call.id }),
      type: 'function',
      function: wholeFunction(call, quirks),
    })),
  };
}

interface Reasoning {
  value: string;
  quirk: NonNullable<ChatQuirks['reasoning']>;
  details: Fields[];
}

function wholeReasoning(parts: ScenePart[], quirks: ChatQuirks): Reasoning {
  const details = parts.flatMap((part): Fields[] => {
    if (part.kind === 'redacted') return [encryptedDetail(part.data)];
    return part.kind === 'thinking' ? [{ ...textDetail(part.text), signature: part.signature }] : [];
  });
  const value = parts.map((part) => (part.kind === 'thinking' ? part.text : '')).join('');
  return { value, quirk: quirks.reasoning ?? 'reasoning_content', details };
}

/** What the reasoning adds to a message, or how it changes its content. */
function withThinking({ value, quirk, details }: Reasoning, content: unknown): Fields {
  if (value === '' && details.length === 0) return {};
  switch (quirk) {
    case 'reasoning_content':
      return { reasoning_content: value };
    case 'reasoning':
      return { reasoning: value };
    case 'reasoning_details':
      return { reasoning: value, reasoning_details: details };
    case 'parts': {
      const rest = typeof content === 'string' ? [{ type: 'text', text: content }] : content;
      return { content: [thinkingPart(value), ...(Array.isArray(rest) ? rest : [])] };
    }
    case 'think-tags':
      return { content: `<think>${value}</think>\n\n${typeof content === 'string' ? content : ''}` };
    case 'none':
      return {};
  }
}
