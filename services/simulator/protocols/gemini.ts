// The Gemini API, of Google's developer service and of Vertex, from its published description alone.
import { type Answer, type AnswerContext, jsonAnswer, type Protocol } from '../answer.ts';
import { type Counts, countTokens, promptTokens } from '../counts.ts';
import type { GeminiQuirks } from '../quirks.ts';
import { type Ask, type Fields, isFields } from '../read-ask.ts';
import { playOn, readParts, type ScenePart } from '../scene-parts.ts';
import type { Scene } from '../script.ts';
import type { SeenRequest } from '../seen.ts';
import { either, GENERATE_PATH, readGeminiAsk } from './gemini-ask.ts';
import { findGeminiError } from './gemini-check.ts';
import { groundingOf, toPartLists } from './gemini-chunks.ts';
import { geminiError, geminiErrorBody } from './gemini-errors.ts';
import { answerGeminiModels } from './gemini-models.ts';

const COUNT_PATH = /\/models\/([^/:]+):countTokens$/;
const SERVER_HEADERS = {
  server: 'scaffolding on HTTPServer2',
  vary: 'Origin, X-Origin, Referer',
  'x-xss-protection': '0',
};

export const gemini: Protocol = {
  name: 'gemini',
  claims: (method, path) => method === 'POST' && GENERATE_PATH.test(path),
  readAsk: readGeminiAsk,
  answer: answerGemini,
  answerOther,
  errorBody: (status, error) => geminiErrorBody(status, error),
};

function answerOther(request: SeenRequest, context: AnswerContext): Answer | undefined {
  if (request.method === 'POST' && COUNT_PATH.test(request.path)) {
    const total = promptTokens(request);
    return jsonAnswer(
      200,
      JSON.stringify({ totalTokens: total, promptTokensDetails: textDetails(total) }),
      SERVER_HEADERS,
    );
  }
  return answerGeminiModels(request, context);
}

function answerGemini(scene: Scene, request: SeenRequest, context: AnswerContext): Answer {
  const quirks = scene.quirks?.gemini ?? {};
  const status = scene.status ?? 200;
  const headers = { ...SERVER_HEADERS, ...scene.headers };
  if (scene.body !== undefined) return jsonAnswer(status, scene.body, headers);
  const isArray = !request.url.includes('alt=sse') || quirks.arrayAnyway === true;
  const streams = GENERATE_PATH.exec(request.path)?.[2] === 'streamGenerateContent';
  const asList = quirks.errorList === true || (streams && isArray);
  const refuse = (code: number, error: Scene['error']): Answer =>
    jsonAnswer(code, geminiErrorBody(code, error ?? {}, asList), headers);
  if (status !== 200) return refuse(status, scene.error);
  const ask = readGeminiAsk(request);
  if (ask === undefined)
    return refuse(400, { message: '* GenerateContentRequest.contents: contents is not specified' });
  const complaint = findGeminiError(request, ask.model);
  if (complaint !== undefined) return refuse(400, { message: complaint });
  const chunks = toChunks(playOn(scene, ask.stopSequences), request, ask, context);
  const wantsJson = scene.fault?.kind === 'garbage' && scene.fault.what === 'json-instead-of-stream';
  if (streams && !wantsJson) return writeStream(chunks, scene, isArray, headers);
  if (scene.fault?.kind === 'error-event') return refuse(503, { kind: 'overloaded', ...scene.fault.error });
  return jsonAnswer(200, `${JSON.stringify(mergeChunks(chunks), null, 2)}\n`, headers);
}

function toChunks(scene: Scene, request: SeenRequest, ask: Ask, context: AnswerContext): Fields[] {
  const { random } = context;
  const quirks = scene.quirks?.gemini ?? {};
  const parts = readParts(scene, () => random.id('', 8), random);
  const counts = countTokens(scene, parts, request, ask.isLaterTurn);
  const envelope = {
    modelVersion: scene.model ?? context.model ?? ask.model,
    responseId: random.id('', 23),
  };
  if (quirks.blockReason !== undefined) {
    const usageMetadata = { promptTokenCount: counts.prompt, totalTokenCount: counts.prompt };
    return [{ promptFeedback: { blockReason: quirks.blockReason }, usageMetadata, ...envelope }];
  }
  const candidates = toCandidates(scene, parts, request);
  return candidates.map((candidate, at): Fields => {
    const usage = usageAt(counts, at, candidates.length, quirks);
    return { candidates: [candidate], ...(usage === undefined ? {} : { usageMetadata: usage }), ...envelope };
  });
}

function toCandidates(scene: Scene, parts: ScenePart[], request: SeenRequest): Fields[] {
  const quirks = scene.quirks?.gemini ?? {};
  const lists = toPartLists(parts, {
    quirks,
    deltaChars: scene.deltaChars,
    ...asksOf(request),
  });
  const candidates = lists.map((list): Fields => ({ content: { parts: list, role: 'model' }, index: 0 }));
  if (quirks.finish === 'empty-text' || (candidates.length === 0 && quirks.finish !== 'no-content')) {
    candidates.push({ content: { parts: [{ text: '' }], role: 'model' }, index: 0 });
  }
  if (quirks.finish === 'no-content') candidates.push({ index: 0 });
  finish(candidates, scene, quirks);
  const grounding = groundingOf(parts);
  if (grounding === undefined) return candidates;
  return candidates.map((candidate, at) => {
    if (at === candidates.length - 1) return { ...candidate, groundingMetadata: grounding };
    return quirks.groundingInEvery
      ? { ...candidate, groundingMetadata: { ...grounding, groundingSupports: [] } }
      : candidate;
  });
}

/** What of the request's settings shows in the answer. */
function asksOf(request: SeenRequest): { showsThoughts: boolean; streamsArguments: boolean } {
  const body = isFields(request.body) ? request.body : {};
  const generation = either(body, 'generationConfig', 'generation_config');
  const thinking = isFields(generation) ? either(generation, 'thinkingConfig', 'thinking_config') : undefined;
  const tools = either(body, 'toolConfig', 'tool_config');
  const calling = isFields(tools) ? either(tools, 'functionCallingConfig', 'function_calling_config') : undefined;
  return {
    showsThoughts: isFields(thinking) && either(thinking, 'includeThoughts', 'include_thoughts') === true,
    streamsArguments:
      isFields(calling) && either(calling, 'streamFunctionCallArguments', 'stream_function_call_arguments') === true,
  };
}

/** The reason goes into the last candidate. */
function finish(candidates: Fields[], scene: Scene, quirks: GeminiQuirks): void {
  const last = candidates.at(-1);
  if (last === undefined || quirks.finish === 'never') return;
  const reason = quirks.finishReason ?? finishReasonOf(scene.stopReason);
  const malformed = reason === 'MALFORMED_FUNCTION_CALL';
  candidates[candidates.length - 1] = {
    ...last,
    finishReason: reason,
    ...(malformed ? { finishMessage: 'Malformed function call: print(default_api.Read(' } : {}),
  };
}

function finishReasonOf(stopReason: string | undefined): string {
  switch (stopReason) {
    case 'max_tokens':
    case 'model_context_window_exceeded':
      return 'MAX_TOKENS';
    case 'refusal':
      return 'SAFETY';
    default:
      return 'STOP';
  }
}

function usageAt(counts: Counts, at: number, length: number, quirks: GeminiQuirks): Fields | undefined {
  const isLast = at === length - 1;
  if (quirks.usage === 'never' || (quirks.usage === 'last' && !isLast)) return undefined;
  const { prompt, cached, output, reasoning } = counts;
  const candidates = Math.ceil(((output - reasoning) * (at + 1)) / length);
  const vanishes = quirks.usage === 'vanishing' && at > 0;
  return {
    promptTokenCount: prompt,
    candidatesTokenCount: candidates,
    totalTokenCount: prompt + candidates + reasoning,
    ...(cached > 0 && !vanishes ? { cachedContentTokenCount: cached } : {}),
    promptTokensDetails: textDetails(prompt),
    ...(reasoning > 0 && !vanishes ? { thoughtsTokenCount: reasoning } : {}),
  };
}

function textDetails(tokenCount: number): Fields[] {
  return [{ modality: 'TEXT', tokenCount }];
}

function writeStream(chunks: Fields[], scene: Scene, isArray: boolean, headers: Record<string, string>): Answer {
  const newline = scene.lineEnd === 'lf' ? '\n' : '\r\n';
  const all = [...chunks];
  if (scene.fault?.kind === 'error-event') {
    all.splice(scene.fault.after, all.length, { error: geminiError(200, scene.fault.error ?? {}) });
  }
  const frames = all.map((chunk, at) => {
    if (!isArray) return `data: ${JSON.stringify(chunk)}${newline}${newline}`;
    return `${at === 0 ? '[' : `,${newline}`}${JSON.stringify(chunk, null, 2)}${at === all.length - 1 ? ']' : ''}`;
  });
  for (const extra of [...(scene.extraEvents ?? [])].sort((a, b) => a.at - b.at)) {
    const frame = 'raw' in extra ? extra.raw : `data: ${JSON.stringify(extra.data)}${newline}${newline}`;
    frames.splice(extra.at, 0, frame);
  }
  const type = isArray ? 'application/json; charset=UTF-8' : 'text/event-stream';
  return {
    status: 200,
    headers: { 'content-type': type, 'content-disposition': 'attachment', ...headers },
    parts: frames.map((frame) => Buffer.from(frame)),
    isStream: true,
    unparsable: 'data: {"candidates": [{"content": {"par\r\n\r\n',
  };
}

/** The one answer that the chunks tell: neighbouring texts of one kind are one part. */
function mergeChunks(chunks: Fields[]): Fields {
  const last = chunks.at(-1) ?? {};
  const candidates = chunks
    .flatMap((chunk) => (Array.isArray(chunk.candidates) ? chunk.candidates : []))
    .filter(isFields);
  const final = candidates.at(-1);
  if (final === undefined) return last;
  const parts = candidates.flatMap((candidate) => (isFields(candidate.content) ? listParts(candidate.content) : []));
  const merged: Fields[] = [];
  for (const part of parts) {
    const before = merged.at(-1);
    const continues =
      typeof part.text === 'string' && typeof before?.text === 'string' && part.thought === before.thought;
    if (continues && before !== undefined) Object.assign(before, part, { text: `${before.text}${part.text}` });
    else merged.push({ ...part });
  }
  const content = merged.length === 0 ? {} : { content: { parts: merged, role: 'model' } };
  return { ...last, candidates: [{ ...final, ...content }] };
}

function listParts(content: Fields): Fields[] {
  return Array.isArray(content.parts) ? content.parts.filter(isFields) : [];
}
