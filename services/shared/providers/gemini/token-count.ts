// Gemini counts a whole request (https://ai.google.dev/api/tokens); Vertex counts its members one by one
// (https://cloud.google.com/vertex-ai/generative-ai/docs/model-reference/count-tokens).
import { fieldsOf, numberOf } from '../fields.ts';
import type { TokenCount } from '../provider.ts';

const PLACE = /^(.*\/)((?:models|tunedModels)\/[^/:]+):streamGenerateContent(?:\?.*)?$/;
const VERTEX = /\/(?:projects|publishers|endpoints)\//;
const COUNTED_BY_VERTEX = ['contents', 'systemInstruction', 'tools', 'generationConfig'];

export const tokenCount: TokenCount = {
  toQuestion: (path, body) => {
    const [, before = '', model = ''] = PLACE.exec(path) ?? [];
    if (model === '') return null;
    const counted = VERTEX.test(path)
      ? Object.fromEntries(Object.entries(body).filter(([name]) => COUNTED_BY_VERTEX.includes(name)))
      : { generateContentRequest: { model: decodeURIComponent(model), ...body } };
    return { path: `${before}${model}:countTokens`, body: counted };
  },
  readCount: (answer) => numberOf(fieldsOf(answer).totalTokens),
};
