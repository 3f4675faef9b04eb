// Google's Gemini API (https://ai.google.dev/api/generate-content); Vertex takes the same bodies under its own addresses.

import { readGeminiError } from './gemini/error.ts';
import { learnGemini } from './gemini/learn.ts';
import { OPENAPI_SCHEMA } from './gemini/models.ts';
import { targetTraits, toUpstreamRequest } from './gemini/request.ts';
import { createGeminiReader } from './gemini/stream.ts';
import { TYPE } from './gemini/thought-signature.ts';
import { tokenCount } from './gemini/token-count.ts';
import type { Capability, Provider } from './provider.ts';

const CAPABILITIES: readonly Capability[] = [
  { feature: 'text', support: 'carried', how: 'contents; the system prompt as systemInstruction' },
  { feature: 'system-messages', support: 'approximated', how: "a reminder in the user's turn, in place" },
  {
    feature: 'tools',
    support: 'carried',
    how: 'parametersJsonSchema; before 2.5 and with profile openapi-schema the OpenAPI subset',
  },
  { feature: 'parallel-tools', support: 'carried', how: 'all calls are delivered; they cannot be switched off' },
  {
    feature: 'images',
    support: 'carried',
    how: 'inline and by URL; in tool results inside the response from Gemini 3 on, else after it',
  },
  { feature: 'pdf-input', support: 'carried', how: 'inline and by URL; no file ids' },
  {
    feature: 'thinking',
    support: 'carried',
    how: "thoughts; each call's signature travels in ours, for the same model",
  },
  { feature: 'thinking-budget', support: 'carried', how: 'as tokens up to 2.5, as a level from 3 on' },
  {
    feature: 'structured-output',
    support: 'carried',
    how: 'responseJsonSchema; beside tools before Gemini 3 as an instruction',
  },
  { feature: 'stop-sequences', support: 'carried', how: 'five upstream, the rest cut by the gateway' },
  { feature: 'sampling', support: 'carried', how: 'temperature, topP, topK' },
  {
    feature: 'web-search',
    support: 'approximated',
    how: 'googleSearch; domains are left out; before Gemini 3 without functions, or beside them by the gateway (web_search.mode)',
  },
  { feature: 'web-fetch', support: 'approximated', how: 'left out, as is code execution' },
  { feature: 'mcp-servers', support: 'refused', how: '400 naming the field' },
];

export const gemini: Provider = {
  type: TYPE,
  framing: 'sse',
  keyHeader: 'x-goog-api-key',
  profiles: [OPENAPI_SCHEMA],
  capabilities: CAPABILITIES,
  searches: (input) => (targetTraits(input).mixesTools ? 'beside-tools' : 'alone'),
  toUpstreamRequest,
  createReader: createGeminiReader,
  readError: readGeminiError,
  tokenCount,
  learn: learnGemini,
};
