// Ollama: https://docs.ollama.com/api/chat.
import { anything, either, filled, listOf, object, objectSchema, only, type Schema, text } from './shapes.ts';

const call = object({ 'id?': filled, function: object({ name: filled, arguments: { type: 'object' } }) });
const images = { 'images?': listOf(filled) };

const message = either(
  object({ role: only('system'), content: filled }),
  object({ role: only('user'), content: text, ...images }),
  object({ role: only('assistant'), content: text, 'thinking?': text, 'tool_calls?': listOf(call) }),
  object({ role: only('tool'), 'tool_name?': filled, 'tool_call_id?': filled, content: text, ...images }),
);

export const ollamaLimits: Schema = object({
  model: filled,
  messages: listOf(message),
  'tools?': listOf(
    object({
      type: only('function'),
      function: object({ name: filled, 'description?': text, parameters: objectSchema }),
    }),
  ),
  'think?': either({ type: 'boolean' }, only('low', 'medium', 'high', 'max')),
  'format?': anything,
  'options?': { type: 'object' },
  'truncate?': only(false),
  'shift?': only(false),
  stream: only(true),
});
