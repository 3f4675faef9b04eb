// Messages, as servers other than Anthropic's take it: https://docs.claude.com/en/api/messages. What a client did wrong is
// theirs to refuse; what only Anthropic knows must not be there.
import { count, either, filled, listOf, type Schema } from './shapes.ts';

const block: Schema = {
  type: 'object',
  required: ['type'],
  properties: { type: filled },
  anyOf: [{ not: { properties: { type: { const: 'text' } } } }, { properties: { text: filled } }],
};

const FOREIGN = ['context_management', 'output_config', 'container', 'mcp_servers', 'thread', 'safeguards', 'betas'];

export const messagesLimits: Schema = {
  type: 'object',
  required: ['model', 'messages', 'stream'],
  properties: {
    model: filled,
    messages: listOf({
      type: 'object',
      required: ['role', 'content'],
      properties: { role: { enum: ['user', 'assistant', 'system'] }, content: either(filled, listOf(block)) },
    }),
    system: either(filled, listOf({ type: 'object', required: ['text'], properties: { text: filled } })),
    max_tokens: count,
    tools: listOf({ type: 'object' }),
    stream: { const: true },
  },
  allOf: FOREIGN.map((name) => ({ not: { required: [name] } })),
};
