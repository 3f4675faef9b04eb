// Responses: https://platform.openai.com/docs/api-reference/responses/create.
import { either, filled, listOf, object, objectSchema, only, type Schema, text } from './shapes.ts';

const functionName: Schema = { type: 'string', pattern: '^[a-zA-Z0-9_-]{1,128}$' };
const callId: Schema = { type: 'string', minLength: 1, maxLength: 64 };

const input = either(
  object({ type: only('input_text'), text: filled }),
  object({ type: only('input_image'), image_url: { type: 'string', pattern: '^(?:https?|data):' }, 'detail?': text }),
  object({
    type: only('input_file'),
    filename: filled,
    file_data: { type: 'string', pattern: '^data:[^;]+;base64,.' },
  }),
  object({ type: only('input_file'), file_url: { type: 'string', pattern: '^https?:' } }),
);
const output = either(text, listOf(either(object({ type: only('input_text'), text }), input)));

const item = either(
  object({ type: only('message'), role: only('user', 'developer'), content: either(filled, listOf(input)) }),
  object({ type: only('message'), role: only('assistant'), content: filled }),
  object({ type: only('function_call'), call_id: callId, name: functionName, arguments: filled }),
  object({ type: only('function_call_output'), call_id: callId, output }),
  object({
    type: only('reasoning'),
    'id?': filled,
    summary: { type: 'array', items: object({ type: only('summary_text'), text }) },
    encrypted_content: filled,
  }),
);

const tool = either(
  object({
    type: only('function'),
    name: functionName,
    'description?': filled,
    parameters: objectSchema,
    strict: only(false),
  }),
  object({
    type: only('web_search'),
    'filters?': object({ allowed_domains: listOf(filled) }),
    'user_location?': { type: 'object' },
  }),
);

export const responsesLimits: Schema = object(
  {
    model: filled,
    'instructions?': filled,
    input: listOf(item),
    'tools?': listOf(tool, { maxItems: 129 }),
    'tool_choice?': either(
      only('auto', 'none', 'required'),
      object({ type: only('function'), name: functionName }),
      object({
        type: only('allowed_tools'),
        mode: only('required'),
        tools: listOf(object({ type: only('web_search') })),
      }),
    ),
    'parallel_tool_calls?': only(false),
    'max_output_tokens?': { type: 'integer', minimum: 16 },
    'reasoning?': object({
      'effort?': only('none', 'minimal', 'low', 'medium', 'high', 'xhigh', 'max'),
      'summary?': only('auto'),
    }),
    'include?': listOf(only('reasoning.encrypted_content', 'web_search_call.action.sources'), { uniqueItems: true }),
    'text?': object({
      format: object({
        type: only('json_schema'),
        name: { type: 'string', pattern: '^[a-zA-Z0-9_-]{1,64}$' },
        schema: { type: 'object' },
        'strict?': { type: 'boolean' },
      }),
    }),
    'temperature?': { type: 'number' },
    'top_p?': { type: 'number' },
    'prompt_cache_key?': { type: 'string', minLength: 1, maxLength: 64 },
    'safety_identifier?': { type: 'string', minLength: 1, maxLength: 64 },
    'service_tier?': only('auto', 'default'),
    store: only(false),
    stream: only(true),
  },
  { dependentRequired: { tool_choice: ['tools'], parallel_tool_calls: ['tools'] } },
);
