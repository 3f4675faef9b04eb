// A Messages request → a request of Chat Completions, always for a stream, as the server in question takes it.
import { createHash } from 'node:crypto';
import type { MessagesRequest } from '#shared/wire/anthropic.ts';
import { inReminder, systemBlocks } from '../content.ts';
import { readThinkingWish } from '../effort.ts';
import { type Fields, fieldsOf, invalid, listOf, textOf } from '../fields.ts';
import { outputLimit } from '../output-limit.ts';
import type { ConversionInput, ConvertedRequest } from '../provider.ts';
import { omitRefused } from '../refused-fields.ts';
import { readTools, type ToolDefinitions } from '../tool-definitions.ts';
import { createToolNames } from '../tool-names.ts';
import { type Turn, toTurns } from '../tool-results.ts';
import { withoutImages } from '../without-images.ts';
import { writeBody } from '../write-json.ts';
import { toAnswerFormat } from './answer-format.ts';
import type { ChatMemory } from './chat-memory.ts';
import { toMessages } from './messages.ts';
import { samplingFields, stopSequences } from './sampling.ts';
import { thinkingFields } from './thinking.ts';
import { pickyTools } from './tool-arguments.ts';
import { toolFields } from './tool-fields.ts';
import type { ChatTraits } from './traits.ts';

export interface ChatEndpoint {
  /** Relative to the base URL. */
  path: string;
  model: string;
  traits: ChatTraits;
}

export function toChatRequest(
  asked: MessagesRequest,
  input: ConversionInput,
  endpoint: ChatEndpoint,
): ConvertedRequest {
  if (listOf(asked.mcp_servers).length > 0) throw invalid('mcp_servers: this provider cannot reach MCP servers');
  const { traits } = endpoint;
  const notes: string[] = [];
  const seesImages = input.target.seesImages ?? traits.hasVision;
  const request = seesImages ? asked : withoutImages(asked, input.target.vision, notes);
  const turns = toTurns(request.messages, notes);
  const tools = readTools(request.tools, request.messages, notes);
  const names = createToolNames(tools.functions, traits.toolNames);
  const options = { traits, toToolName: names.toUpstream };
  const chosen = toolFields(request, tools, { traits, names, turns, notes });
  const format = toAnswerFormat(request, traits, notes);
  const said = [...turns, ...nudgeTurns([chosen.nudge, format.nudge])];
  const messages = [...systemMessages(request, traits), ...toMessages(said, options)];
  const body = {
    model: endpoint.model,
    messages,
    ...chosen.fields,
    ...limitFields(request, input, traits, notes),
    ...thinkingFields(request, traits, tools.functions.length > 0, notes),
    ...samplingFields(request, traits, notes),
    ...format.fields,
    ...identityFields(request, input, traits),
    stream: true,
    ...(traits.asksForUsage ? { stream_options: { include_usage: true } } : {}),
    ...(traits.webSearch === 'plugin' ? { usage: { include: true } } : {}),
  };
  const taken = omitRefused(body, input.learned, notes);
  return {
    path: endpoint.path,
    headers: ['content-type', 'application/json', 'accept', 'text/event-stream'],
    body: Buffer.from(writeBody(taken)),
    notes,
    memory: toMemory(request, input, traits, { tools, toolNames: names.renamed }),
  };
}

function systemMessages(request: MessagesRequest, traits: ChatTraits): Fields[] {
  const blocks = systemBlocks(request.system);
  if (blocks.length === 0) return [];
  const isMarked = traits.keepsCacheMarks && blocks.some((block) => block.cache_control !== undefined);
  const isList = isMarked || (traits.texts === 'parts' && blocks.length > 1);
  const parts = blocks.map(({ text, cache_control }) => ({
    type: 'text',
    text,
    ...(traits.keepsCacheMarks && cache_control ? { cache_control } : {}),
  }));
  const content = isList ? parts : blocks.map(({ text }) => text).join('\n\n');
  return [{ role: traits.systemRole, content }];
}

/** What the server cannot be made to do is asked of the model, where it disturbs no prefix. */
function nudgeTurns(nudges: ReadonlyArray<string | null>): Turn[] {
  const text = nudges.filter((nudge) => nudge !== null).join('\n');
  if (text === '') return [];
  return [
    {
      role: 'user',
      at: 'messages',
      content: [{ block: { type: 'text', text: inReminder(text) }, at: 'messages' }],
      results: [],
    },
  ];
}

function limitFields(request: MessagesRequest, input: ConversionInput, traits: ChatTraits, notes: string[]): Fields {
  const { target, inputTokens } = input;
  const most = Math.min(target.maxOutput ?? Number.POSITIVE_INFINITY, traits.maxOutput ?? Number.POSITIVE_INFINITY);
  const maxOutput = Number.isFinite(most) ? most : null;
  const room = { target: { contextWindow: target.contextWindow, maxOutput }, inputTokens };
  const limit = outputLimit(request.max_tokens, room, notes);
  return limit === null ? {} : { [traits.maxTokensField]: limit };
}

/** Who asks is told only as a hash, and only to servers that know the fields. */
function identityFields(request: MessagesRequest, { sessionKey }: ConversionInput, traits: ChatTraits): Fields {
  const user = textOf(fieldsOf(request.metadata).user_id);
  const tier = request.service_tier === 'standard_only' ? 'default' : request.service_tier === 'auto' ? 'auto' : null;
  return {
    ...(traits.takesCacheKey && sessionKey !== null ? { prompt_cache_key: sessionKey.slice(0, 64) } : {}),
    ...(traits.takesUserHash && user !== '' ? { safety_identifier: hashUser(user) } : {}),
    ...(traits.takesServiceTier && tier !== null ? { service_tier: tier } : {}),
  };
}

/** The session, which changes, is no part of who asks. */
function hashUser(user: string): string {
  const lasting = user.replace(/_session_.*$/, '').replace(/"session_id"\s*:\s*"[^"]*"/, '');
  return createHash('sha256').update(lasting).digest('hex');
}

interface ToolMemory {
  tools: ToolDefinitions;
  toolNames: ReadonlyMap<string, string>;
}

function toMemory(
  request: MessagesRequest,
  input: ConversionInput,
  traits: ChatTraits,
  memory: ToolMemory,
): ChatMemory {
  const { mode } = readThinkingWish(request);
  const isWanted = mode === 'enabled' || mode === 'adaptive' || traits.reasoningReplay !== 'none';
  return {
    model: input.model,
    modelAsked: input.modelAsked,
    toolNames: memory.toolNames,
    stopSequences: traits.maxStops > 0 ? [] : stopSequences(request),
    inputTokens: input.inputTokens,
    thinking: isWanted ? 'shown' : 'none',
    traits,
    pickyTools: pickyTools(traits.dropsEmptyArguments ? memory.tools.functions : []),
    wantsSearch: memory.tools.webSearch !== null,
  };
}
