// A Messages request → a Responses request that stores nothing: the whole conversation goes along, reasoning encrypted.
import type { MessagesRequest } from '#shared/wire/anthropic.ts';
import { addNote, systemBlocks } from '../content.ts';
import { chooseEffort, readThinkingWish } from '../effort.ts';
import { type Fields, fieldsOf, invalid, listOf, textOf, textsOf } from '../fields.ts';
import { hashUser } from '../hash-user.ts';
import { pickyTools } from '../openai-chat/tool-arguments.ts';
import { outputLimit } from '../output-limit.ts';
import type { ConversionInput, ConvertedRequest } from '../provider.ts';
import { omitRefused } from '../refused-fields.ts';
import type { Target } from '../target.ts';
import {
  readToolChoice,
  readTools,
  type ToolChoice,
  type ToolDefinitions,
  type WebSearch,
  wantsOneCallAtMost,
} from '../tool-definitions.ts';
import { createToolNames, type ToolNameRule, type ToolNames } from '../tool-names.ts';
import { toTurns } from '../tool-results.ts';
import { writeJson } from '../write-json.ts';
import { toInput } from './input.ts';
import { effortRangeOf } from './models.ts';
import type { ResponsesMemory } from './responses-memory.ts';
import { toTextFormat } from './text-format.ts';

const TOOL_NAMES: ToolNameRule = { max: 128, illegal: /[^a-zA-Z0-9_-]/g };
const MOST_TOOLS = 128;
const LEAST_OUTPUT = 16;

/** What a host takes beside the protocol; the first row that matches counts. */
const HOSTS: ReadonlyArray<{ vendor: string; host: RegExp; cacheKey: boolean; identity: boolean; tier: boolean }> = [
  { vendor: 'openai', host: /(^|\.)openai\.com$/, cacheKey: true, identity: true, tier: true },
  { vendor: 'azure', host: /\.azure\.com$/, cacheKey: true, identity: false, tier: false },
];

export function toUpstreamRequest(request: MessagesRequest, input: ConversionInput): ConvertedRequest {
  if (listOf(request.mcp_servers).length > 0) throw invalid('mcp_servers: this provider cannot reach MCP servers');
  const notes: string[] = [];
  const turns = toTurns(request.messages, notes);
  const tools = readTools(request.tools, request.messages, notes);
  if (tools.functions.length > MOST_TOOLS) {
    throw invalid(`tools: this provider takes at most ${MOST_TOOLS} tools, the request has ${tools.functions.length}`);
  }
  const names = createToolNames(tools.functions, TOOL_NAMES);
  const instructions = systemBlocks(request.system).map(({ text }) => text);
  const format = toTextFormat(fieldsOf(request.output_config).format ?? request.output_format);
  const maxTokens = outputLimit(request.max_tokens, input, notes, LEAST_OUTPUT);
  const body = {
    model: input.model,
    ...(instructions.length > 0 ? { instructions: instructions.join('\n\n') } : {}),
    input: toInput(turns, { model: input.model, toToolName: names.toUpstream }),
    ...toolFields(request, tools, names, notes),
    ...(maxTokens === null ? {} : { max_output_tokens: maxTokens }),
    ...thinkingFields(request, input.model, tools.webSearch !== null, notes),
    ...(format === null ? {} : { text: { format } }),
    ...hostFields(request, input),
    store: false,
    stream: true,
  };
  const taken = omitRefused(body, input.learned, notes);
  return {
    path: pathOf(input.target),
    headers: ['content-type', 'application/json', 'accept', 'text/event-stream'],
    body: Buffer.from(writeJson(taken)),
    notes,
    memory: toMemory(request, input, tools, names),
  };
}

/** A bare host means the API's own place. */
function pathOf({ baseUrl }: Target): string {
  return new URL(baseUrl).pathname === '/' ? '/v1/responses' : '/responses';
}

function toMemory(
  request: MessagesRequest,
  input: ConversionInput,
  tools: ToolDefinitions,
  names: ToolNames,
): ResponsesMemory {
  const wish = readThinkingWish(request);
  const isWanted = wish.mode === 'enabled' || wish.mode === 'adaptive';
  const { max_tokens: most } = request;
  return {
    model: input.model,
    modelAsked: input.modelAsked,
    toolNames: names.renamed,
    // The protocol has none of its own.
    stopSequences: textsOf(request.stop_sequences),
    inputTokens: input.inputTokens,
    thinking: !isWanted ? 'none' : wish.isHidden ? 'state' : 'shown',
    pickyTools: pickyTools(tools.functions),
    mostTokens: typeof most === 'number' && most < LEAST_OUTPUT ? Math.max(1, most) : null,
  };
}

/** Sampling is the model's own as soon as it reasons. */
function thinkingFields(request: MessagesRequest, model: string, searches: boolean, notes: string[]): Fields {
  const range = effortRangeOf(model);
  const wish = readThinkingWish(request);
  const effort = chooseEffort(wish, range);
  const isWanted = range.legal.length > 0 && (wish.mode === 'enabled' || wish.mode === 'adaptive');
  const reasoning = {
    ...(effort === null ? {} : { effort }),
    ...(isWanted && !wish.isHidden ? { summary: 'auto' } : {}),
  };
  const include = [
    ...(isWanted ? ['reasoning.encrypted_content'] : []),
    ...(searches ? ['web_search_call.action.sources'] : []),
  ];
  const reasons = range.legal.length > 0 && effort !== 'none' && (range.isOnByDefault || effort !== null);
  return {
    ...(Object.keys(reasoning).length > 0 ? { reasoning } : {}),
    ...(include.length > 0 ? { include } : {}),
    ...sampling(request, reasons, notes),
  };
}

function sampling(request: MessagesRequest, reasons: boolean, notes: string[]): Fields {
  const { temperature, top_p, top_k } = request;
  if (top_k !== undefined) addNote(notes, 'omitted:top_k');
  const given = {
    ...(typeof temperature === 'number' ? { temperature } : {}),
    ...(typeof top_p === 'number' ? { top_p } : {}),
  };
  if (!reasons) return given;
  if (temperature !== undefined && temperature !== 1) addNote(notes, 'omitted:temperature');
  if (top_p !== undefined && top_p !== 1) addNote(notes, 'omitted:top_p');
  return {};
}

function toolFields(request: MessagesRequest, tools: ToolDefinitions, names: ToolNames, notes: string[]): Fields {
  const list: Fields[] = tools.functions.map(({ name, description, schema }) => ({
    type: 'function',
    name: names.toUpstream(name),
    ...(description === '' ? {} : { description }),
    parameters: schema,
    // Said aloud: without it the API makes schemas strict where it can, and optional arguments come as null.
    strict: false,
  }));
  if (tools.webSearch) list.push(toWebSearch(tools.webSearch, notes));
  if (list.length === 0) return {};
  const choice = readToolChoice(request.tool_choice, tools);
  return {
    tools: list,
    ...(choice === null ? {} : { tool_choice: toChoice(choice, tools, names) }),
    ...(wantsOneCallAtMost(request.tool_choice) ? { parallel_tool_calls: false } : {}),
  };
}

function toChoice(choice: ToolChoice, tools: ToolDefinitions, names: ToolNames): unknown {
  switch (choice.kind) {
    case 'any':
      return 'required';
    case 'tool':
      return { type: 'function', name: names.toUpstream(choice.name) };
    case 'search':
      if (tools.functions.length === 0) return 'required';
      return { type: 'allowed_tools', mode: 'required', tools: [{ type: 'web_search' }] };
    default:
      return choice.kind;
  }
}

function toWebSearch({ allowedDomains, blockedDomains, location }: WebSearch, notes: string[]): Fields {
  if (blockedDomains.length > 0) addNote(notes, 'omitted:blocked_domains');
  return {
    type: 'web_search',
    ...(allowedDomains.length > 0 ? { filters: { allowed_domains: allowedDomains } } : {}),
    ...(location === null ? {} : { user_location: toLocation(location) }),
  };
}

function toLocation(location: Fields): Fields {
  const known = ['city', 'country', 'region', 'timezone'].filter((key) => typeof location[key] === 'string');
  return { type: 'approximate', ...Object.fromEntries(known.map((key) => [key, location[key]])) };
}

/** Who asks is told only as a hash, and only to hosts that know the field. */
function hostFields(request: MessagesRequest, { target, sessionKey }: ConversionInput): Fields {
  const hostname = new URL(target.baseUrl).hostname;
  const host = HOSTS.find(({ vendor, host: name }) => (target.vendor ? vendor === target.vendor : name.test(hostname)));
  if (!host) return {};
  const user = textOf(fieldsOf(request.metadata).user_id);
  const tier = request.service_tier === 'standard_only' ? 'default' : request.service_tier === 'auto' ? 'auto' : null;
  return {
    ...(host.cacheKey && sessionKey !== null ? { prompt_cache_key: sessionKey } : {}),
    ...(host.identity && user !== '' ? { safety_identifier: hashUser(user) } : {}),
    ...(host.tier && tier !== null ? { service_tier: tier } : {}),
  };
}
