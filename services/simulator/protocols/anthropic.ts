// Anthropic Messages, written from the protocol's description alone: scene and request in, answer out.
import type { Message, Usage } from '#shared/wire/anthropic.ts';
import { type Answer, type AnswerContext, jsonAnswer, type Protocol } from '../answer.ts';
import type { DialectQuirks } from '../quirks.ts';
import type { Random } from '../random.ts';
import { readAsk } from '../read-ask.ts';
import type { ErrorKind, Scene, SceneBlock, SceneError } from '../script.ts';
import type { SeenRequest } from '../seen.ts';
import { changeUsage, dialectErrorBody, dialectRefusal, inDialect } from './anthropic-dialect.ts';
import { toEvents, writeEvent } from './anthropic-events.ts';

const MESSAGES_PATH = '/v1/messages';
const COUNT_TOKENS_PATH = '/v1/messages/count_tokens';
const MODELS_PATH = '/v1/models';
const BYTES_PER_TOKEN = 4;

const ERROR_TYPES: Record<number, string> = {
  400: 'invalid_request_error',
  401: 'authentication_error',
  402: 'billing_error',
  403: 'permission_error',
  404: 'not_found_error',
  409: 'conflict_error',
  413: 'request_too_large',
  429: 'rate_limit_error',
  504: 'timeout_error',
  529: 'overloaded_error',
};

export const anthropic: Protocol = {
  name: 'anthropic',
  claims: (method, path) => method === 'POST' && path === MESSAGES_PATH,
  readAsk,
  answer: answerMessages,
  answerOther,
  errorBody,
};

function answerMessages(scene: Scene, request: SeenRequest, context: AnswerContext): Answer {
  const requestId = context.random.id('req_');
  const headers = { ...accountHeaders(requestId), ...scene.headers };
  const status = scene.status ?? 200;
  if (scene.body !== undefined) return jsonAnswer(status, scene.body, headers);
  const quirks = scene.quirks?.anthropic ?? {};
  const refuse = (code: number, error: SceneError): Answer =>
    jsonAnswer(code, errorBody(code, error, requestId, quirks), headers);
  if (status !== 200) return refuse(status, scene.error ?? {});
  const ask = readAsk(request);
  if (ask === undefined) {
    return refuse(400, { message: 'body: Input should be an object with model, max_tokens and messages' });
  }
  const refusal = dialectRefusal(request, quirks);
  if (refusal !== undefined) return refuse(400, { message: refusal });
  const { message, rawInputs } = toMessage(scene, request, context);
  const wantsJson = scene.fault?.kind === 'garbage' && scene.fault.what === 'json-instead-of-stream';
  if (!ask.stream || wantsJson) return answerJson(scene, message, requestId, headers);
  return answerStream(scene, message, rawInputs, context.random, requestId, headers);
}

function answerJson(scene: Scene, message: Message, requestId: string, headers: Record<string, string>): Answer {
  if (scene.fault?.kind !== 'error-event') {
    const { usage, ...rest } = message;
    const told = changeUsage(usage, scene.quirks?.anthropic ?? {});
    return jsonAnswer(200, JSON.stringify({ ...rest, usage: told }), headers);
  }
  const error = scene.fault.error ?? {};
  const status = statusOf(error.type ?? 'overloaded_error');
  return jsonAnswer(status, errorBody(status, error, requestId), headers);
}

function answerStream(
  scene: Scene,
  message: Message,
  rawInputs: ReadonlyMap<number, string>,
  random: Random,
  requestId: string,
  headers: Record<string, string>,
): Answer {
  const newline = scene.lineEnd === 'crlf' ? '\r\n' : '\n';
  const quirks = scene.quirks?.anthropic ?? {};
  const events = inDialect(toEvents(scene, message, rawInputs), quirks, random);
  const parts = events.map((event) => writeEvent(event, newline, quirks.eventNames));
  if (scene.fault?.kind === 'error-event') {
    const { after } = scene.fault;
    const body = errorBody(statusOf('overloaded_error'), scene.fault.error ?? {}, requestId, quirks);
    parts.splice(after, parts.length, writeEvent({ event: 'error', data: body }, newline));
  }
  return {
    status: 200,
    headers: { 'content-type': 'text/event-stream; charset=utf-8', 'cache-control': 'no-cache', ...headers },
    parts,
    isStream: true,
    ping: writeEvent({ event: 'ping', data: '{"type":"ping"}' }, newline),
  };
}

function toMessage(
  scene: Scene,
  request: SeenRequest,
  context: AnswerContext,
): { message: Message; rawInputs: Map<number, string> } {
  const ask = readAsk(request);
  const rawInputs = new Map<number, string>();
  const content = (scene.content ?? []).map((block, index) => {
    const { rawInput, ...rest } = withId(block, context.random);
    if (rawInput !== undefined) rawInputs.set(index, rawInput);
    return rest as SceneBlock;
  });
  const callsTool = content.some((block) => block.type === 'tool_use');
  const safeguards = scene.answersSafeguards && ask?.hasSafeguards ? { safeguard_results: unflagged(content) } : {};
  const message: Message = {
    model: scene.model ?? context.model ?? ask?.model ?? 'simulated',
    id: context.random.id('msg_'),
    type: 'message',
    role: 'assistant',
    content,
    stop_reason: scene.stopReason ?? (callsTool ? 'tool_use' : 'end_turn'),
    stop_sequence: scene.stopSequence ?? null,
    usage: { ...estimateUsage(request, content), ...scene.usage },
    ...scene.messageFields,
    ...scene.deltaFields,
    ...safeguards,
  };
  return { message, rawInputs };
}

function withId(block: SceneBlock, random: Random): SceneBlock {
  const prefix = ID_PREFIXES[block.type];
  if (block.id !== undefined || prefix === undefined) return block;
  const { type, ...rest } = block;
  return { type, id: random.id(prefix), ...rest };
}

const ID_PREFIXES: Record<string, string> = {
  tool_use: 'toolu_',
  server_tool_use: 'srvtoolu_',
  mcp_tool_use: 'mcptoolu_',
};

function unflagged(content: SceneBlock[]): unknown {
  const calls = content.filter((block) => block.type === 'tool_use');
  const verdicts = calls.map((call) => [String(call.id), { type: 'evaluated', outcome: 'not_flagged' }]);
  return [{ type: 'dangerous_tool_use', status: { type: 'available', tool_uses: Object.fromEntries(verdicts) } }];
}

/** A prompt with cache marks is written to the cache on the first turn and mostly read from it on later ones. */
function estimateUsage(request: SeenRequest, content: SceneBlock[]): Usage {
  const ask = readAsk(request);
  const total = Math.max(1, Math.ceil(request.raw.length / BYTES_PER_TOKEN));
  const cached = ask?.marksCache ? Math.floor(total * 0.9) : 0;
  const isLaterTurn = ask?.isLaterTurn ?? false;
  return {
    input_tokens: total - cached,
    cache_creation_input_tokens: isLaterTurn ? 0 : cached,
    cache_read_input_tokens: isLaterTurn ? cached : 0,
    output_tokens: Math.max(1, Math.ceil(Buffer.byteLength(JSON.stringify(content)) / BYTES_PER_TOKEN)),
    service_tier: 'standard',
  };
}

function answerOther(request: SeenRequest, context: AnswerContext): Answer | undefined {
  const requestId = context.random.id('req_');
  const headers = accountHeaders(requestId);
  if (request.method === 'POST' && request.path === COUNT_TOKENS_PATH) {
    const tokens = Math.max(1, Math.ceil(request.raw.length / BYTES_PER_TOKEN));
    return jsonAnswer(200, JSON.stringify({ input_tokens: tokens }), headers);
  }
  if (request.method !== 'GET') return undefined;
  const models = modelList(context.model);
  if (request.path === MODELS_PATH) {
    const body = { data: models, has_more: false, first_id: models[0]?.id, last_id: models.at(-1)?.id };
    return jsonAnswer(200, JSON.stringify(body), headers);
  }
  if (!request.path.startsWith(`${MODELS_PATH}/`)) return undefined;
  const id = request.path.slice(MODELS_PATH.length + 1);
  const model = models.find((candidate) => candidate.id === id || encodeURIComponent(candidate.id) === id);
  if (model) return jsonAnswer(200, JSON.stringify(model), headers);
  return jsonAnswer(404, errorBody(404, { message: `model: ${id}` }, requestId), headers);
}

function modelList(
  own: string | undefined,
): Array<{ type: string; id: string; display_name: string; created_at: string }> {
  const names = ['claude-opus-5-5', 'claude-sonnet-5-5', 'claude-haiku-5-5'];
  const all = own === undefined || names.includes(own) ? names : [own, ...names];
  return all.map((id) => ({ type: 'model', id, display_name: `Simulated ${id}`, created_at: '2026-01-01T00:00:00Z' }));
}

const OF_KIND: Partial<Record<ErrorKind, { type?: string; message: string }>> = {
  'context-overflow': { message: 'prompt is too long: 208310 tokens > 200000 maximum' },
  credentials: { message: 'invalid x-api-key' },
  'model-not-found': { message: 'model: no-such-model' },
  quota: { message: 'Your credit balance is too low to access the Anthropic API.' },
  'content-policy': { message: 'Output blocked by content filtering policy' },
  overloaded: { type: 'overloaded_error', message: 'Overloaded' },
};

function errorBody(status: number, error: SceneError, requestId: string, quirks: DialectQuirks = {}): string {
  const usual = error.kind === undefined ? undefined : OF_KIND[error.kind];
  const ofStatus = ERROR_TYPES[status] ?? (status < 500 ? 'invalid_request_error' : 'api_error');
  const type = error.type ?? usual?.type ?? ofStatus;
  const plain = type === 'overloaded_error' ? 'Overloaded' : `simulated ${type}`;
  const message = error.message ?? usual?.message ?? plain;
  const foreign = dialectErrorBody(status, { type, message }, quirks);
  if (foreign !== undefined) return foreign;
  const details = error.details === undefined ? {} : { details: error.details };
  return JSON.stringify({ type: 'error', error: { type, message, ...details }, request_id: requestId });
}

function statusOf(type: string): number {
  const entry = Object.entries(ERROR_TYPES).find(([, name]) => name === type);
  return entry === undefined ? 500 : Number(entry[0]);
}

function accountHeaders(requestId: string): Record<string, string> {
  return {
    'request-id': requestId,
    'anthropic-organization-id': '00000000-0000-4000-8000-000000000000',
    'anthropic-ratelimit-requests-limit': '4000',
    'anthropic-ratelimit-requests-remaining': '3999',
    'anthropic-ratelimit-requests-reset': '2030-01-01T00:00:00Z',
  };
}
