// Google's list of models. `/v1/models` is the path of other APIs too; Google's clients are known by their key there.
import { type Answer, type AnswerContext, jsonAnswer } from '../answer.ts';
import type { Fields } from '../read-ask.ts';
import type { SeenRequest } from '../seen.ts';
import { geminiErrorBody } from './gemini-errors.ts';

const PATH = /^\/(v1|v1beta)\/models(?:\/([^/:]+))?$/;
const NAMES = ['gemini-3-pro-preview', 'gemini-2.5-pro', 'gemini-2.5-flash'];

export function answerGeminiModels(request: SeenRequest, context: AnswerContext): Answer | undefined {
  const found = PATH.exec(request.path);
  if (request.method !== 'GET' || !found) return undefined;
  const [, version, id] = found;
  if (version === 'v1' && request.headers['x-goog-api-key'] === undefined) return undefined;
  const names = context.model === undefined || NAMES.includes(context.model) ? NAMES : [context.model, ...NAMES];
  if (id === undefined) return jsonAnswer(200, JSON.stringify({ models: names.map(describe) }));
  const name = decodeURIComponent(id);
  if (names.includes(name)) return jsonAnswer(200, JSON.stringify(describe(name)));
  const message = `models/${name} is not found for API version v1beta.`;
  return jsonAnswer(404, geminiErrorBody(404, { message }));
}

function describe(name: string): Fields {
  return {
    name: `models/${name}`,
    version: '001',
    displayName: `Simulated ${name}`,
    inputTokenLimit: 1_048_576,
    outputTokenLimit: 65_536,
    supportedGenerationMethods: ['generateContent', 'countTokens'],
    temperature: 1,
    topP: 0.95,
    topK: 64,
    thinking: true,
  };
}
