// A provider of Chat Completions: the same for all servers that speak it, but for where it is found and what they take.
import { keepMade, madeOnce } from '#shared/made-once.ts';
import type { Capability, ConversionInput, Provider } from '../provider.ts';
import { readHttpError } from '../read-error.ts';
import { learnRefusedFields } from '../refused-fields.ts';
import type { KeyHeader } from '../target.ts';
import { toChatMemory } from './chat-memory.ts';
import { learnTraits } from './learn.ts';
import { type ChatEndpoint, toChatRequest } from './request.ts';
import { ChatReader } from './stream.ts';

/** Clients name models as they like, and names are kept with what was found for them. */
const LONGEST_KEPT_MODEL = 200;

export interface ChatProviderOptions {
  type: string;
  keyHeader?: KeyHeader;
  /** Where a target is asked, by which name of the model, and what it takes. */
  toEndpoint(input: ConversionInput): ChatEndpoint;
  /** Rows that differ from those of every Chat Completions server. */
  capabilities?: readonly Capability[];
}

export function createChatProvider({ type, keyHeader, toEndpoint, capabilities = [] }: ChatProviderOptions): Provider {
  const own = new Set(capabilities.map(({ feature }) => feature));
  const endpointOf = (input: ConversionInput): ChatEndpoint => {
    const { target, model, learned } = input;
    const find = (): ChatEndpoint => keepMade(toEndpoint(input));
    const endpoint = model.length > LONGEST_KEPT_MODEL ? find() : madeOnce(target, `${type} ${model}`, find);
    if (learned === undefined || Object.keys(learned).length === 0) return endpoint;
    return madeOnce(endpoint, learned, () => ({ ...endpoint, traits: { ...endpoint.traits, ...learned } }));
  };
  return {
    type,
    framing: 'sse',
    ...(keyHeader ? { keyHeader } : {}),
    capabilities: [...capabilities, ...CAPABILITIES.filter(({ feature }) => !own.has(feature))],
    searches: (input) => {
      const { webSearch } = endpointOf(input).traits;
      return webSearch === 'none' ? 'never' : 'beside-tools';
    },
    toUpstreamRequest: (request, input) => toChatRequest(request, input, endpointOf(input)),
    createReader: (writer, memory) => new ChatReader(writer, toChatMemory(memory)),
    readError: readHttpError,
    learn: (error) => learnTraits(error) ?? learnRefusedFields(error, (place) => ESSENTIAL.test(place)),
  };
}

/** What is said, what may be called, how much to answer and in which form. */
const ESSENTIAL =
  /^(?:model|messages|stream|tools|response_format|max_tokens|max_completion_tokens)$|^response_format\.|^messages\.\*(?:\.(?:tool_calls|tool_call_id|content)\b.*)?$|^tools\.\*(?:\.function(?:\.(?:parameters|description)\b.*)?)?$/;

const CAPABILITIES: readonly Capability[] = [
  { feature: 'tools', support: 'carried', how: 'as functions; names over 64 characters are shortened and restored' },
  { feature: 'parallel-tools', support: 'carried', how: 'one block after the other, in the order of the calls' },
  {
    feature: 'tool-choice',
    support: 'approximated',
    how: 'asked for in words where the server cannot be made to call',
  },
  { feature: 'deferred-tools', support: 'carried', how: 'sent once the conversation has named them' },
  {
    feature: 'server-tools',
    support: 'approximated',
    how: 'web search where the server has one, else by the gateway (web_search.mode); others are left out and noted',
  },
  {
    feature: 'system-messages',
    support: 'carried',
    how: 'in place; as the last message, or where only the first may be one, as a user reminder',
  },
  {
    feature: 'images',
    support: 'carried',
    how: 'also of tool results, behind them; for a model without vision a text marker, or refused',
  },
  { feature: 'image-files', support: 'refused', how: 'a source of type file is known to Anthropic alone' },
  {
    feature: 'pdf-input',
    support: 'carried',
    how: 'as a file part where the server takes one, else refused; by URL refused',
  },
  { feature: 'text-documents', support: 'approximated', how: 'as text with its title; without citations' },
  { feature: 'thinking', support: 'approximated', how: 'budgets become the nearest effort the model knows' },
  { feature: 'thinking-replay', support: 'carried', how: 'to servers that ask for it; others never see it' },
  { feature: 'cache-control', support: 'approximated', how: 'marks are left out: these servers cache by themselves' },
  {
    feature: 'stop-sequences',
    support: 'carried',
    how: 'four at most; where the server takes none, the gateway stops',
  },
  { feature: 'top-k', support: 'approximated', how: 'sent where the server knows it' },
  {
    feature: 'json-schema',
    support: 'approximated',
    how: 'as response_format; in words where the server only knows JSON',
  },
  { feature: 'mcp-servers', support: 'refused', how: 'no server of this protocol calls them' },
  { feature: 'token-counts', support: 'carried', how: 'estimated at the start, as reported at the end' },
];
