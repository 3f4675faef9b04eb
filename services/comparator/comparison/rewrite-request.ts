// The primary's request → the secondary's. Every difference is a named rule of this table, and every rule that changed
// something is named on the pair. Sampling parameters that the client did not send are never added.
import { withoutBilling } from '#shared/providers/content.ts';
import type { ContentBlock, MessageParam, MessagesRequest } from '#shared/wire/anthropic.ts';

/** Raised when a rule changes what it does. */
export const REWRITES_VERSION = '1';

/** What of a target the rules look at. */
export interface RewriteTarget {
  /** Name to send; null = as the client sent it. */
  model: string | null;
  /** The target is Anthropic: its own request fields mean something there. */
  anthropicFeatures: boolean;
}

export interface RewrittenRequest {
  request: MessagesRequest;
  /** Names of the rules that changed something, in the order of the table. */
  applied: string[];
}

interface Rule {
  name: string;
  /** The changed request; the same object when there is nothing to change. */
  apply(request: MessagesRequest, target: RewriteTarget, original: MessagesRequest): MessagesRequest;
}

const SERVER_TOOL = /^(?:web_search|web_fetch|code_execution|computer)_/;
const SERVER_BLOCK =
  /^(?:server_tool_use|mcp_tool_use|mcp_tool_result|(?:web_search|web_fetch|\w*code_execution)_tool_result)$/;
/** Stands for an assistant turn of which a rule left nothing: turns must alternate and may not be empty. */
const EMPTY_TURN: ContentBlock = { type: 'text', text: '(no visible content)' };

const RULES: readonly Rule[] = [
  {
    name: 'model',
    apply: (request, { model }) => (model === null || model === request.model ? request : { ...request, model }),
  },
  { name: 'drop_billing_header', apply: (request) => withoutBilling(request) },
  { name: 'drop_thinking_history', apply: (request) => dropBlocks(request, isThinking) },
  {
    name: 'drop_thinking',
    apply: (request, target, original) =>
      !target.anthropicFeatures || lostThinkingOfOpenTurn(original) ? without(request, 'thinking') : request,
  },
  {
    name: 'drop_context_management',
    apply: (request, target) =>
      !target.anthropicFeatures || request.thinking === undefined ? without(request, 'context_management') : request,
  },
  {
    name: 'drop_output_config',
    apply: (request, target) => (target.anthropicFeatures ? request : without(request, 'output_config')),
  },
  { name: 'drop_server_tools', apply: dropServerTools },
  {
    name: 'drop_server_tool_history',
    apply: (request) => dropBlocks(request, (block) => SERVER_BLOCK.test(block.type)),
  },
  { name: 'drop_mcp_servers', apply: (request) => without(request, 'mcp_servers') },
  { name: 'drop_user_id', apply: dropUserId },
  { name: 'drop_safeguards', apply: (request) => without(request, 'safeguards') },
  { name: 'drop_thread', apply: (request) => without(request, 'thread') },
];

/** Pure; the request given stays as it is. */
export function rewriteRequest(request: MessagesRequest, target: RewriteTarget): RewrittenRequest {
  const applied: string[] = [];
  let rewritten = request;
  for (const rule of RULES) {
    const next = rule.apply(rewritten, target, request);
    if (next !== rewritten) applied.push(rule.name);
    rewritten = next;
  }
  return { request: rewritten, applied };
}

/** The primary used a tool that runs on its own servers: the secondary cannot have done the same. */
export function usesServerTool(content: readonly ContentBlock[]): boolean {
  return content.some((block) => block.type === 'server_tool_use' || block.type === 'mcp_tool_use');
}

function isThinking(block: ContentBlock): boolean {
  return block.type === 'thinking' || block.type === 'redacted_thinking';
}

function dropBlocks(request: MessagesRequest, drop: (block: ContentBlock) => boolean): MessagesRequest {
  if (!Array.isArray(request.messages)) return request;
  let changed = false;
  const messages = request.messages.map((message): MessageParam => {
    if (!Array.isArray(message?.content)) return message;
    const kept = message.content.filter((block) => !isBlock(block) || !drop(block));
    if (kept.length === message.content.length) return message;
    changed = true;
    return { ...message, content: kept.length === 0 ? [EMPTY_TURN] : kept };
  });
  return changed ? { ...request, messages } : request;
}

/**
 * With thinking on, Anthropic wants the turn that tool results answer to begin with its thinking, which a rule above
 * took away.
 */
function lostThinkingOfOpenTurn({ messages }: MessagesRequest): boolean {
  if (!Array.isArray(messages)) return false;
  const last = messages.findLast((message) => message?.role === 'assistant');
  return Array.isArray(last?.content) && last.content.some((block) => isBlock(block) && isThinking(block));
}

function dropServerTools(request: MessagesRequest): MessagesRequest {
  const { tools } = request;
  if (!Array.isArray(tools)) return request;
  const kept = tools.filter((tool) => !(typeof tool?.type === 'string' && SERVER_TOOL.test(tool.type)));
  if (kept.length === tools.length) return request;
  const choice = request.tool_choice as { name?: unknown } | undefined;
  const choiceIsGone =
    kept.length === 0 || (choice?.name !== undefined && !kept.some(({ name }) => name === choice.name));
  const changed = { ...request, tools: kept };
  const withTools = kept.length === 0 ? without(changed, 'tools') : changed;
  return choiceIsGone ? without(withTools, 'tool_choice') : withTools;
}

function dropUserId(request: MessagesRequest): MessagesRequest {
  if (request.metadata?.user_id === undefined) return request;
  const { user_id: _userId, ...metadata } = request.metadata;
  return Object.keys(metadata).length === 0 ? without(request, 'metadata') : { ...request, metadata };
}

function isBlock(block: unknown): block is ContentBlock {
  return typeof block === 'object' && block !== null && 'type' in block && typeof block.type === 'string';
}

function without(request: MessagesRequest, field: string): MessagesRequest {
  if (request[field] === undefined) return request;
  const { [field]: _dropped, ...rest } = request;
  return rest as MessagesRequest;
}
