// A request that wants the web searched, for a provider that cannot: the search tool becomes a function, whose calls the
// gateway answers itself. Pure.
import { fieldsOf, isFields, listOf, numberOf, textOf } from '#shared/providers/fields.ts';
import type { OwnSearch } from '#shared/providers/provider.ts';
import { readWebSearch, type WebSearch } from '#shared/providers/tool-definitions.ts';
import type { ContentBlock, MessageParam, MessagesRequest } from '#shared/wire/anthropic.ts';
import type { SearchBackend, SearchPolicy } from './search-backend.ts';

export interface SearchPlan {
  /** The search tool as the client described it. */
  readonly tool: WebSearch;
  /** Null = nobody searches: each call is answered with an error. */
  readonly backend: SearchBackend | null;
  readonly remedy: string;
  readonly maxUses: number;
  /** Of the whole answer; null = the client gives no limit. */
  readonly maxTokens: number | null;
  /**
   * Nobody searches, and the request wants nothing else: it is answered without a model. What the search was to be about
   * then; null otherwise.
   */
  readonly refusedQuery: string | null;
  /** For `x-ccproxy-route`. */
  readonly note: string;
}

export interface PlannedSearch {
  plan: SearchPlan;
  /** As the model is asked. */
  request: MessagesRequest;
}

/** What is said in the end, when the model was told what its searches found. */
export interface SearchedTurn {
  /** The assistant's, with its calls. */
  content: ContentBlock[];
  results: ContentBlock[];
  /** What is left of the client's limit on output; null = it gave none. */
  maxTokens: number | null;
  /** No further search will be made. */
  isOver: boolean;
}

/** Null when no search is wanted, or the provider makes it. */
export function planSearch(request: MessagesRequest, own: OwnSearch, policy: SearchPolicy): PlannedSearch | null {
  const found = listOf(request.tools).findLast(isSearchTool);
  const { backend, remedy } = policy;
  // The client's other tools would go where the provider searched.
  const isBetterHere = own === 'alone' && backend !== null && !listOf(request.tools).every(isSearchTool);
  const isProviders = policy.usesProviders && own !== 'never' && !isBetterHere;
  if (found === undefined || isProviders) return null;
  const tool = readWebSearch(fieldsOf(found), 'tools');
  const isUnwanted = fieldsOf(request.tool_choice).type === 'none';
  const plan = {
    tool,
    backend,
    remedy,
    maxUses: Math.min(tool.maxUses ?? policy.maxUses, policy.maxUses),
    maxTokens: numberOf(request.max_tokens),
    refusedQuery: backend === null ? soughtIn(request) : null,
    note: `web_search:${backend?.name ?? 'unavailable'}`,
  };
  return { plan, request: isUnwanted ? withoutSearch(request) : offered(request, tool) };
}

/** What a request that wants nothing but a search is about; null = it wants something else. */
export function soughtIn(request: MessagesRequest): string | null {
  const found = listOf(request.tools).findLast(isSearchTool);
  if (found === undefined || fieldsOf(request.tool_choice).type === 'none') return null;
  return wantsOnlySearch(request, textOf(fieldsOf(found).name)) ? lastWords(request) : null;
}

/** The request with which the model is asked on. */
export function afterSearch(request: MessagesRequest, turn: SearchedTurn): MessagesRequest {
  const messages: MessageParam[] = [
    ...request.messages,
    { role: 'assistant', content: turn.content },
    { role: 'user', content: turn.results },
  ];
  const { disable_parallel_tool_use: isSingle, type } = fieldsOf(request.tool_choice);
  const isForced = type === 'any' || type === 'tool';
  const next: MessagesRequest = {
    ...request,
    messages,
    ...(turn.maxTokens === null ? {} : { max_tokens: turn.maxTokens }),
    // What was demanded has been done.
    ...(isForced
      ? { tool_choice: { type: 'auto', ...(isSingle === true ? { disable_parallel_tool_use: true } : {}) } }
      : {}),
  };
  return turn.isOver ? withoutSearch(next) : next;
}

function isSearchTool(tool: unknown): boolean {
  return textOf(fieldsOf(tool).type).startsWith('web_search');
}

function wantsOnlySearch(request: MessagesRequest, name: string): boolean {
  const { type, name: chosen } = fieldsOf(request.tool_choice);
  return (type === 'tool' && chosen === name) || listOf(request.tools).every(isSearchTool);
}

function withoutSearch(request: MessagesRequest): MessagesRequest {
  const tools = (request.tools ?? []).filter((tool) => !isSearchTool(tool));
  if (tools.length > 0) return { ...request, tools };
  const { tools: _tools, tool_choice: _choice, ...rest } = request;
  return rest as MessagesRequest;
}

const DESCRIPTION =
  'Searches the web. Gives back pages with their titles, addresses and excerpts. Use it for what is recent or may have changed.';

function offered(request: MessagesRequest, { name }: WebSearch): MessagesRequest {
  const properties = {
    query: { type: 'string', description: 'What to search for, as one would type it into a search.' },
  };
  const input_schema = { type: 'object', properties, required: ['query'], additionalProperties: false };
  const tools = (request.tools ?? []).map((tool) =>
    isSearchTool(tool) ? { name, description: DESCRIPTION, input_schema } : tool,
  );
  return { ...request, tools };
}

const LONGEST_QUERY = 400;

/** The last text of the last message. */
function lastWords({ messages }: MessagesRequest): string {
  const content = Array.isArray(messages) ? messages.at(-1)?.content : undefined;
  const blocks = Array.isArray(content) ? content.filter(isFields) : [];
  const words = typeof content === 'string' ? content : textOf(blocks.findLast(({ type }) => type === 'text')?.text);
  return words.trim().slice(0, LONGEST_QUERY).toWellFormed();
}
