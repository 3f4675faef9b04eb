// Ollama by its own protocol, where the window of a model can be set. It needs no key.

import { learnOllama } from './ollama/learn.ts';
import { toOllamaRequest } from './ollama/request.ts';
import { createOllamaReader } from './ollama/stream.ts';
import type { Provider } from './provider.ts';
import { readHttpError } from './read-error.ts';

export const ollama: Provider = {
  type: 'ollama',
  framing: 'ndjson',
  capabilities: [
    { feature: 'tools', support: 'carried', how: 'as functions, under their own names' },
    { feature: 'parallel-tools', support: 'carried', how: 'one block after the other, in the order of the calls' },
    { feature: 'tool-choice', support: 'approximated', how: 'none sends no tools; a demand becomes auto' },
    { feature: 'deferred-tools', support: 'carried', how: 'sent once the conversation has named them' },
    {
      feature: 'server-tools',
      support: 'approximated',
      how: 'web search by the gateway (web_search.mode); others are left out and noted',
    },
    { feature: 'system-messages', support: 'carried', how: 'between the turns as user reminders' },
    { feature: 'images', support: 'carried', how: 'base64 alone, also of tool results; by URL refused' },
    { feature: 'pdf-input', support: 'refused', how: 'it takes text and images' },
    { feature: 'text-documents', support: 'approximated', how: 'as text with its title; without citations' },
    { feature: 'thinking', support: 'approximated', how: 'on or off; levels where the model knows them' },
    { feature: 'thinking-replay', support: 'carried', how: 'what came from Ollama itself' },
    { feature: 'stop-sequences', support: 'approximated', how: 'sent; which one matched is not told' },
    { feature: 'json-schema', support: 'carried', how: 'as format' },
    { feature: 'context-window', support: 'carried', how: 'num_ctx from context_window; a longer prompt is refused' },
    { feature: 'mcp-servers', support: 'refused', how: 'it calls none' },
    { feature: 'token-counts', support: 'carried', how: 'the estimate stands where the server counted less' },
  ],
  toUpstreamRequest: toOllamaRequest,
  createReader: createOllamaReader,
  readError: readHttpError,
  learn: learnOllama,
};
