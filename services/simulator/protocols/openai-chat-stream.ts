// A chat completion told as server-sent chunks: who carries the role, the finish reason and the usage, and how it ends.
import type { Answer } from '../answer.ts';
import type { ChatQuirks } from '../quirks.ts';
import type { Random } from '../random.ts';
import { type Fields, isFields } from '../read-ask.ts';
import type { Scene, SceneError } from '../script.ts';
import type { SeenRequest } from '../seen.ts';
import { type ChatAnswer, stopReasonOf, toUsage } from './openai-chat-answer.ts';
import { toDeltas } from './openai-chat-deltas.ts';
import { openaiError, openaiErrorBody } from './openai-errors.ts';

const COMMENTS = { openrouter: ': OPENROUTER PROCESSING', 'keep-alive': ': keep-alive' } as const;
const UNPARSABLE = 'data: {"id":"chatcmpl-1","object":"chat.completion.chunk","choices":[{"ind\n\n';

export function writeChatStream(
  answer: ChatAnswer,
  scene: Scene,
  request: SeenRequest,
  random: Random,
  headers: Record<string, string>,
): Answer {
  const { quirks } = answer;
  const newline = scene.lineEnd === 'crlf' ? '\r\n' : '\n';
  const write = (line: string): string => `${line}${newline}${newline}`;
  const field = quirks.noSpace ? 'data:' : 'data: ';
  const frames = chunksOf(answer, scene, request, random).map((chunk) => write(field + JSON.stringify(chunk)));
  if (quirks.done !== false) frames.push(write(`${field}[DONE]`));
  withComments(frames, quirks, write);
  for (const extra of [...(scene.extraEvents ?? [])].sort((a, b) => a.at - b.at)) {
    const frame =
      'raw' in extra ? extra.raw : write(`event: ${extra.event}${newline}${field}${JSON.stringify(extra.data)}`);
    frames.splice(extra.at, 0, frame);
  }
  if (scene.fault?.kind === 'error-event') {
    const error = streamError(answer, scene.fault.error ?? {}, newline, field);
    frames.splice(scene.fault.after, frames.length, write(error));
  }
  if (quirks.noFinalNewline) frames.push((frames.pop() ?? '').trimEnd());
  return {
    status: 200,
    headers: { 'content-type': 'text/event-stream; charset=utf-8', 'cache-control': 'no-cache', ...headers },
    parts: frames.map((frame) => Buffer.from(frame)),
    isStream: true,
    ping: Buffer.from(write(COMMENTS[quirks.comments ?? 'keep-alive'])),
    unparsable: UNPARSABLE,
  };
}

/** Before the first chunk and in the middle, as routers do while they wait. */
function withComments(frames: string[], quirks: ChatQuirks, write: (line: string) => string): void {
  if (quirks.comments === undefined) return;
  const comment = write(COMMENTS[quirks.comments]);
  frames.splice(Math.floor(frames.length / 2), 0, comment);
  frames.splice(0, 0, comment, comment);
}

function streamError(answer: ChatAnswer, error: SceneError, newline: string, field: string): string {
  switch (answer.quirks.streamError) {
    case 'event':
      return `event: error${newline}${field}${openaiErrorBody(500, error)}`;
    case 'openrouter': {
      const { message } = openaiError(500, error);
      const choices = [{ index: 0, delta: { role: 'assistant', content: '' }, finish_reason: 'error' }];
      const chunk = { ...envelope(answer), provider: 'Simulated', choices, error: { code: 502, message } };
      return field + JSON.stringify(chunk);
    }
    default:
      return field + openaiErrorBody(500, error);
  }
}

function chunksOf(answer: ChatAnswer, scene: Scene, request: SeenRequest, random: Random): Fields[] {
  const { quirks } = answer;
  const { deltaChars } = scene;
  const deltas = toDeltas(answer.parts, { quirks, isRefusal: answer.isRefusal, deltaChars });
  const role = roleDelta(answer);
  const [first = {}, ...rest] = deltas;
  const told = quirks.firstChunk === 'with-delta' ? [{ ...role, ...first }, ...rest] : [role, ...deltas];
  const choices: Fields[] = told.map((delta) => choice(delta, null));
  if (answer.finishReason !== null) {
    const last = quirks.finishWithLast ? choices.pop() : undefined;
    const delta = isFields(last?.delta) ? last.delta : {};
    choices.push({ ...choice(delta, answer.finishReason), ...stopReasonOf(answer) });
  }
  const chunks = choices.map((each): Fields => ({ ...envelope(answer), choices: [each] }));
  if (quirks.secondChoice) {
    const other = { ...choice({ role: 'assistant', content: 'Another answer.' }, null), index: 1 };
    chunks.splice(1, 0, { ...envelope(answer), choices: [other] });
  }
  const withUsage = addUsage(chunks, answer, asksUsage(request));
  if (hidesSizes(request)) for (const chunk of withUsage) chunk.obfuscation = random.id('', random.integer(2, 14));
  return answer.isAzure ? [azureOpening(), ...withUsage] : withUsage;
}

function roleDelta({ parts, isRefusal, quirks }: ChatAnswer): Fields {
  const speaks = parts.some((part) => part.kind !== 'call');
  if (quirks.firstChunk === 'with-delta') return { role: 'assistant' };
  return { role: 'assistant', content: speaks && !isRefusal ? '' : null, refusal: null };
}

function choice(delta: Fields, finishReason: string | null): Fields {
  return { index: 0, delta, logprobs: null, finish_reason: finishReason };
}

function envelope({ id, created, model, fingerprint }: ChatAnswer): Fields {
  const object = 'chat.completion.chunk';
  return { id, object, created, model, service_tier: 'default', system_fingerprint: fingerprint };
}

/** Azure's content filter speaks first, before there is an id or a model. */
function azureOpening(): Fields {
  const safe = { filtered: false, severity: 'safe' };
  const results = { hate: safe, self_harm: safe, sexual: safe, violence: safe };
  const filters = [{ prompt_index: 0, content_filter_results: results }];
  return { choices: [], created: 0, id: '', model: '', object: '', prompt_filter_results: filters };
}

function streamOptions(request: SeenRequest): Fields {
  const options = isFields(request.body) ? request.body.stream_options : undefined;
  return isFields(options) ? options : {};
}

function asksUsage(request: SeenRequest): boolean {
  return streamOptions(request).include_usage === true;
}

/** OpenAI pads its chunks unless told not to. */
function hidesSizes(request: SeenRequest): boolean {
  return streamOptions(request).include_obfuscation !== false;
}

/** The chunks with the usage where this server puts it. */
function addUsage(chunks: Fields[], answer: ChatAnswer, asked: boolean): Fields[] {
  const usage = toUsage(answer);
  const own: Fields = { ...envelope(answer), choices: [], usage };
  const last = chunks.at(-1);
  switch (answer.quirks.usage) {
    case 'never':
      return chunks;
    case 'null':
      return chunks.map((chunk) => ({ ...chunk, usage: null }));
    case 'every-chunk': {
      const share = (at: number): number => Math.ceil((answer.counts.output * at) / chunks.length);
      return [...chunks.map((chunk, at) => ({ ...chunk, usage: toUsage(answer, share(at)) })), own];
    }
    case 'x_groq':
      return [...chunks.slice(0, -1), { ...last, usage, x_groq: { id: 'req_simulated', usage } }];
    case 'twice':
      return [...chunks.slice(0, -1), { ...last, usage }, own];
    case 'in-finish':
    case 'deepseek':
      return [...chunks.slice(0, -1), { ...last, usage }];
    default:
      return asked ? [...chunks.map((chunk) => ({ ...chunk, usage: null })), own] : chunks;
  }
}
