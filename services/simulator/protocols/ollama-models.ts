// What Ollama tells about itself and its models.
import { type Answer, type AnswerContext, jsonAnswer } from '../answer.ts';
import { type Fields, isFields } from '../read-ask.ts';
import type { SeenRequest } from '../seen.ts';

const NAMES = ['qwen3-coder:30b', 'gpt-oss:20b'];
const DETAILS = {
  parent_model: '',
  format: 'gguf',
  family: 'qwen3moe',
  parameter_size: '30.5B',
  quantization_level: 'Q4_K_M',
};

export function answerOllamaModels(request: SeenRequest, context: AnswerContext): Answer | undefined {
  switch (`${request.method} ${request.path}`) {
    case 'GET /api/version':
      return jsonAnswer(200, JSON.stringify({ version: '0.14.0' }));
    case 'GET /api/tags': {
      const names = context.model === undefined || NAMES.includes(context.model) ? NAMES : [context.model, ...NAMES];
      return jsonAnswer(200, JSON.stringify({ models: names.map(listed) }));
    }
    case 'POST /api/show':
      return show(request);
    default:
      return undefined;
  }
}

function listed(name: string): Fields {
  const digest = 'simulated'.padEnd(64, '0');
  return { name, model: name, modified_at: '2026-01-01T00:00:00Z', size: 18_556_700_761, digest, details: DETAILS };
}

function show(request: SeenRequest): Answer {
  const { body } = request;
  const asked = isFields(body) ? (body.model ?? body.name) : undefined;
  if (typeof asked !== 'string') return jsonAnswer(400, JSON.stringify({ error: 'model is required' }));
  const told = {
    details: DETAILS,
    model_info: { 'general.architecture': 'qwen3moe', 'qwen3moe.context_length': 262_144 },
    capabilities: ['completion', 'tools', 'thinking', 'vision'],
    modified_at: '2026-01-01T00:00:00Z',
  };
  return jsonAnswer(200, JSON.stringify(told));
}
