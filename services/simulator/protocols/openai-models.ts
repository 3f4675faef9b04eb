// OpenAI's list of models. `/v1/models` is Anthropic's path too: a request that names an Anthropic version, or has no
// bearer key, is left to that protocol.
import { type Answer, type AnswerContext, jsonAnswer } from '../answer.ts';
import type { SeenRequest } from '../seen.ts';
import { openaiErrorBody, openaiHeaders } from './openai-errors.ts';

const PATH = /\/models(?:\/([^/]+))?$/;
const NAMES = ['gpt-5.6', 'gpt-5.6-mini', 'gpt-4.1'];

export function answerModels(request: SeenRequest, context: AnswerContext): Answer | undefined {
  const found = PATH.exec(request.path);
  const { headers } = request;
  const hasKey = headers.authorization !== undefined || headers['api-key'] !== undefined;
  if (request.method !== 'GET' || !found || !hasKey || headers['anthropic-version'] !== undefined) return undefined;
  if (request.path.startsWith('/v1beta/')) return undefined;
  const names = context.model === undefined || NAMES.includes(context.model) ? NAMES : [context.model, ...NAMES];
  const data = names.map((id) => ({ id, object: 'model', created: 1_767_225_600, owned_by: 'simulator' }));
  const [, id] = found;
  const requestId = context.random.id('req_');
  if (id === undefined) {
    return jsonAnswer(200, JSON.stringify({ object: 'list', data }), openaiHeaders(requestId, 200));
  }
  const model = data.find((candidate) => encodeURIComponent(candidate.id) === id || candidate.id === id);
  if (model) return jsonAnswer(200, JSON.stringify(model), openaiHeaders(requestId, 200));
  const message = `The model '${id}' does not exist`;
  return jsonAnswer(404, openaiErrorBody(404, { message }), openaiHeaders(requestId, 404));
}
