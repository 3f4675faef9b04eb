// Chat Completions: https://platform.openai.com/docs/api-reference/chat/create, and what its other servers add.
import { anything, count, either, filled, listOf, object, objectSchema, only, type Schema, text } from './shapes.ts';

const functionName: Schema = { type: 'string', pattern: '^[a-zA-Z0-9_-]{1,64}$' };
const callId: Schema = { type: 'string', minLength: 1, maxLength: 40 };
const mark = { 'cache_control?': { type: 'object' } };

const textPart = object({ type: only('text'), text: filled, ...mark });
const resultPart = object({ type: only('text'), text, ...mark });
const imagePart = object({
  type: only('image_url'),
  image_url: object({ url: { type: 'string', pattern: '^(?:https?|data):' } }),
});
const filePart = object({
  type: only('file'),
  file: object({ filename: filled, file_data: { type: 'string', pattern: '^data:[^;]+;base64,.' } }),
});
const call = object({
  id: callId,
  type: only('function'),
  function: object({ name: functionName, arguments: filled }),
});

const message = either(
  object({ role: only('system', 'developer'), content: either(filled, listOf(textPart)) }),
  object({ role: only('user'), content: either(filled, listOf(either(textPart, imagePart, filePart))) }),
  object({
    role: only('assistant'),
    content: either(filled, { type: 'null' }),
    tool_calls: listOf(call),
    'reasoning_content?': text,
    'reasoning_details?': listOf({ type: 'object' }),
  }),
  object({ role: only('assistant'), content: filled, 'reasoning_details?': listOf({ type: 'object' }) }),
  object({ role: only('tool'), tool_call_id: callId, content: either(text, listOf(resultPart)) }),
);

const tool = object({
  type: only('function'),
  function: object({ name: functionName, 'description?': filled, parameters: objectSchema, 'strict?': only(true) }),
});

export const chatLimits: Schema = object(
  {
    model: filled,
    messages: listOf(message),
    'tools?': listOf(tool, { maxItems: 128 }),
    'tool_choice?': either(
      only('auto', 'none', 'required'),
      object({ type: only('function'), function: object({ name: functionName }) }),
    ),
    'parallel_tool_calls?': only(false),
    'max_tokens?': count,
    'max_completion_tokens?': count,
    'temperature?': { type: 'number' },
    'top_p?': { type: 'number' },
    'top_k?': { type: 'number' },
    'stop?': listOf(filled, { maxItems: 4 }),
    'reasoning_effort?': only('none', 'minimal', 'low', 'medium', 'high', 'xhigh', 'max'),
    'response_format?': either(
      object({ type: only('json_object') }),
      object({
        type: only('json_schema'),
        json_schema: object({ name: functionName, schema: { type: 'object' }, 'strict?': { type: 'boolean' } }),
      }),
    ),
    'prompt_cache_key?': { type: 'string', minLength: 1, maxLength: 64 },
    'safety_identifier?': { type: 'string', minLength: 1, maxLength: 64 },
    'service_tier?': only('auto', 'default'),
    stream: only(true),
    'stream_options?': object({ include_usage: only(true) }),
    // Of OpenRouter, vLLM, Qwen, GLM and their like.
    'reasoning?': { type: 'object' },
    'thinking?': object({ type: only('enabled', 'disabled') }),
    'enable_thinking?': { type: 'boolean' },
    'chat_template_kwargs?': { type: 'object' },
    'plugins?': listOf(anything),
    'web_search_options?': { type: 'object' },
    'search_domain_filter?': listOf({ type: 'string', minLength: 1 }),
    'usage?': object({ include: only(true) }),
  },
  {
    dependentRequired: { tool_choice: ['tools'], parallel_tool_calls: ['tools'] },
    not: { required: ['max_tokens', 'max_completion_tokens'] },
  },
);
