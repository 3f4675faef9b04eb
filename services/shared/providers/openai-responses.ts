// OpenAI's Responses API (https://platform.openai.com/docs/api-reference/responses), used without its memory.

import { TYPE } from './openai-responses/reasoning-state.ts';
import { toUpstreamRequest } from './openai-responses/request.ts';
import { createResponsesReader } from './openai-responses/stream.ts';
import { tokenCount } from './openai-responses/token-count.ts';
import type { Capability, Provider } from './provider.ts';
import { readHttpError } from './read-error.ts';
import { learnRefusedFields } from './refused-fields.ts';

const CAPABILITIES: readonly Capability[] = [
  { feature: 'text', support: 'carried', how: 'messages; the system prompt as instructions' },
  {
    feature: 'system-messages',
    support: 'carried',
    how: 'developer messages in place; the last one as a reminder of the user',
  },
  {
    feature: 'tools',
    support: 'carried',
    how: 'functions, never strict; at most 128; long names are shortened both ways',
  },
  { feature: 'parallel-tools', support: 'carried', how: 'parallel_tool_calls' },
  { feature: 'images', support: 'carried', how: 'base64 and URL, in tool results too; no file ids' },
  { feature: 'pdf-input', support: 'carried', how: 'base64 and URL; no file ids' },
  {
    feature: 'thinking',
    support: 'carried',
    how: 'summaries; encrypted reasoning travels in the signature, for the same model',
  },
  { feature: 'thinking-budget', support: 'approximated', how: 'as an effort the model knows' },
  { feature: 'structured-output', support: 'carried', how: 'text.format; strict where the schema allows it' },
  { feature: 'stop-sequences', support: 'approximated', how: 'the gateway cuts the text' },
  { feature: 'sampling', support: 'approximated', how: 'dropped while the model reasons; top_k always' },
  { feature: 'web-search', support: 'carried', how: 'the hosted tool; blocked domains are left out' },
  { feature: 'web-fetch', support: 'approximated', how: 'left out, as is code execution' },
  { feature: 'mcp-servers', support: 'refused', how: '400 naming the field' },
];

/** What is said, what may be called, in which form to answer, and that nothing of it is kept. */
const ESSENTIAL =
  /^(?:model|input|instructions|stream|store|tools|text)$|^text\.format|^input\.\*(?:\.(?:call_id|output|arguments|summary|encrypted_content|content\b.*))?$|^tools\.\*(?:\.parameters\b.*)?$/;

export const openaiResponses: Provider = {
  type: TYPE,
  framing: 'sse',
  keyHeader: 'authorization',
  capabilities: CAPABILITIES,
  searches: () => 'beside-tools',
  toUpstreamRequest,
  createReader: createResponsesReader,
  readError: readHttpError,
  tokenCount,
  learn: (error) => learnRefusedFields(error, (place) => ESSENTIAL.test(place)),
};
