// Ollama's own chat API: JSON lines, tool calls whole, counts and durations in the last line.
import { type Answer, type AnswerContext, jsonAnswer, type Protocol } from '../answer.ts';
import { type Counts, countTokens } from '../counts.ts';
import { DEFAULT_DELTA_CHARS, pieces } from '../pieces.ts';
import type { OllamaQuirks } from '../quirks.ts';
import { type Ask, type Fields, isFields } from '../read-ask.ts';
import { type CallPart, playOn, readParts, type ScenePart } from '../scene-parts.ts';
import type { ErrorKind, Scene, SceneError } from '../script.ts';
import type { SeenRequest } from '../seen.ts';
import { findOllamaError, optionsOf, readOllamaAsk } from './ollama-ask.ts';
import { answerOllamaModels } from './ollama-models.ts';

const PATH = '/api/chat';
const DEFAULT_CONTEXT = 4_096;

export const ollama: Protocol = {
  name: 'ollama',
  claims: (method, path) => method === 'POST' && path === PATH,
  readAsk: readOllamaAsk,
  answer: answerChat,
  answerOther: answerOllamaModels,
  errorBody: ollamaErrorBody,
};

const MESSAGES: Record<ErrorKind, string> = {
  'context-overflow': 'the input length exceeds the context length',
  credentials: 'unauthorized',
  'model-not-found': "model 'no-such-model' not found",
  quota: "you've reached your weekly usage limit, please upgrade to continue",
  'rate-limit': 'too many concurrent requests',
  overloaded: 'server busy, please try again. maximum pending requests exceeded',
  'content-policy': 'request was blocked',
};

const KIND_OF_STATUS: Record<number, ErrorKind> = {
  401: 'credentials',
  402: 'quota',
  404: 'model-not-found',
  429: 'rate-limit',
  503: 'overloaded',
  529: 'overloaded',
};

function ollamaErrorBody(status: number, error: SceneError): string {
  const kind = error.kind ?? KIND_OF_STATUS[status];
  const usual = status < 500 ? 'invalid request' : 'llama runner process has terminated: exit status 2';
  return JSON.stringify({ error: error.message ?? (kind === undefined ? usual : MESSAGES[kind]), ...error.details });
}

function answerChat(scene: Scene, request: SeenRequest, context: AnswerContext): Answer {
  const quirks = scene.quirks?.ollama ?? {};
  const status = scene.status ?? 200;
  const { headers = {} } = scene;
  if (scene.body !== undefined) return jsonAnswer(status, scene.body, headers);
  const refuse = (code: number, error: SceneError): Answer =>
    jsonAnswer(code, ollamaErrorBody(code, error), { 'content-type': 'application/json; charset=utf-8', ...headers });
  if (status !== 200) return refuse(status, scene.error ?? {});
  const ask = readOllamaAsk(request);
  if (ask === undefined) return refuse(400, { message: 'model is required' });
  const complaint = findOllamaError(request.body);
  if (complaint !== undefined) return refuse(400, { message: complaint });
  const lines = toLines(playOn(scene, ask.stopSequences), request, ask, context);
  const wantsJson = scene.fault?.kind === 'garbage' && scene.fault.what === 'json-instead-of-stream';
  if ((ask.stream || quirks.streamAnyway === true) && !wantsJson) return writeLines(lines, scene, headers);
  if (scene.fault?.kind === 'error-event') return refuse(500, scene.fault.error ?? {});
  return jsonAnswer(200, JSON.stringify(foldLines(lines)), {
    'content-type': 'application/json; charset=utf-8',
    ...headers,
  });
}

function toLines(scene: Scene, request: SeenRequest, ask: Ask, context: AnswerContext): Fields[] {
  const { random } = context;
  const quirks = scene.quirks?.ollama ?? {};
  const parts = readParts(scene, () => random.id('call_', 8), random);
  const size = Math.max(1, scene.deltaChars ?? DEFAULT_DELTA_CHARS);
  const thinks = !isFields(request.body) || request.body.think !== false;
  const messages = [...parts.flatMap((part) => spoken(part, quirks, thinks, size)), ...callMessages(parts, quirks)];
  const model = scene.model ?? context.model ?? ask.model;
  // Each line a little later than the one before it, from a clock that is the same in every run.
  const line = (message: Fields, at: number, rest: Fields): Fields => ({
    model,
    created_at: new Date(Date.UTC(2026, 0, 1, 0, 0, request.seq, at)).toISOString(),
    message: { role: 'assistant', content: '', ...message },
    ...rest,
  });
  const last = quirks.doneWithLast ? (messages.pop() ?? {}) : {};
  const lines = messages.map((message, at) => line(message, at, { done: false }));
  if (quirks.done === false) return lines;
  const counts = countTokens(scene, parts, request, ask.isLaterTurn);
  return [...lines, line(last, messages.length, ending(scene, counts, request, quirks))];
}

function spoken(part: ScenePart, quirks: OllamaQuirks, thinks: boolean, size: number): Fields[] {
  if (part.kind === 'text') return pieces(part.text, size).map((content) => ({ content }));
  if (part.kind !== 'thinking' || !thinks) return [];
  if (quirks.thinkTags) return ['<think>', ...pieces(part.text, size), '</think>\n\n'].map((content) => ({ content }));
  return pieces(part.text, size).map((thinking) => ({ thinking }));
}

/** A call whose arguments are not whole is no call to Ollama: it never tells it. */
function callMessages(parts: ScenePart[], quirks: OllamaQuirks): Fields[] {
  const calls = parts.filter((part) => part.kind === 'call').flatMap((call, index) => toCall(call, index, quirks));
  if (calls.length === 0) return [];
  return quirks.callsTogether ? [{ tool_calls: calls }] : calls.map((call) => ({ tool_calls: [call] }));
}

function toCall(call: CallPart, index: number, quirks: OllamaQuirks): Fields[] {
  let input: unknown;
  try {
    input = JSON.parse(call.json);
  } catch {
    // Broken on purpose by the scene.
    return [];
  }
  const id = quirks.callIds === false ? {} : { id: call.id };
  return [{ ...id, function: { index, name: call.name, arguments: input } }];
}

function ending(scene: Scene, counts: Counts, request: SeenRequest, quirks: OllamaQuirks): Fields {
  const reason = quirks.doneReason === undefined ? doneReasonOf(scene.stopReason) : quirks.doneReason;
  const told = { ...(reason === null ? {} : { done_reason: reason }), done: true };
  if (quirks.counts === 'never') return told;
  const { num_ctx: asked } = optionsOf(request.body);
  const context = typeof asked === 'number' ? asked : DEFAULT_CONTEXT;
  return {
    ...told,
    total_duration: 1_180_000_000 + counts.output * 9_000_000,
    load_duration: 61_000_000,
    prompt_eval_count: quirks.truncates ? Math.min(counts.prompt, context - 1) : counts.prompt,
    prompt_eval_duration: 240_000_000,
    eval_count: counts.output,
    eval_duration: counts.output * 9_000_000,
  };
}

function doneReasonOf(stopReason: string | undefined): string {
  return stopReason === 'max_tokens' || stopReason === 'model_context_window_exceeded' ? 'length' : 'stop';
}

function writeLines(lines: Fields[], scene: Scene, headers: Record<string, string>): Answer {
  const newline = scene.lineEnd === 'crlf' ? '\r\n' : '\n';
  const frames = lines.map((line) => JSON.stringify(line) + newline);
  for (const extra of [...(scene.extraEvents ?? [])].sort((a, b) => a.at - b.at)) {
    frames.splice(extra.at, 0, 'raw' in extra ? extra.raw : JSON.stringify(extra.data) + newline);
  }
  if (scene.fault?.kind === 'error-event') {
    const { after, error = {} } = scene.fault;
    const kind: Partial<SceneError> = error.type === 'overloaded_error' ? { kind: 'overloaded' } : {};
    frames.splice(after, frames.length, ollamaErrorBody(500, { ...kind, ...error }) + newline);
  }
  if (scene.quirks?.ollama?.noFinalNewline) frames.push((frames.pop() ?? '').trimEnd());
  return {
    status: 200,
    headers: { 'content-type': 'application/x-ndjson', ...headers },
    parts: frames.map((frame) => Buffer.from(frame)),
    isStream: true,
    unparsable: '{"model":"simulated","message":{"role":"assis\n',
  };
}

/** The one answer that the lines tell. */
function foldLines(lines: Fields[]): Fields {
  const messages = lines.map((line) => (isFields(line.message) ? line.message : {}));
  const joined = (name: string): string => messages.map((message) => String(message[name] ?? '')).join('');
  const thinking = joined('thinking');
  const calls = messages.flatMap((message) => (Array.isArray(message.tool_calls) ? message.tool_calls : []));
  return {
    ...lines.at(-1),
    message: {
      role: 'assistant',
      content: joined('content'),
      ...(thinking === '' ? {} : { thinking }),
      ...(calls.length === 0 ? {} : { tool_calls: calls }),
    },
  };
}
