// A client's Messages request → one that a server with deviations takes. What it does not know is left out, what it
// would misread is said otherwise, and each change has a note; the rest stays what and where the client put it.
import { GatewayError } from '#shared/errors.ts';
import type { MessagesRequest } from '#shared/wire/anthropic.ts';
import { addNote, systemBlocks, withoutBilling } from '../content.ts';
import { rememberRequest } from '../conversion-memory.ts';
import { budgetOfEffort, readThinkingWish } from '../effort.ts';
import { type Fields, fieldsOf, invalid, listOf, textOf } from '../fields.ts';
import { outputLimit } from '../output-limit.ts';
import type { ConversionInput, ConvertedRequest } from '../provider.ts';
import { omitRefused } from '../refused-fields.ts';
import { writeJson } from '../write-json.ts';
import { toMessages } from './messages.ts';
import type { Profile } from './profiles.ts';
import { toTools } from './tools.ts';

/** Fields that only Anthropic knows; each travels with a beta, and none of those is sent. */
const FOREIGN = [
  ...['context_management', 'output_config', 'betas', 'container', 'diagnostics', 'inference_geo', 'speed'],
  ...['service_tier', 'fallbacks', 'compaction', 'cache_control', 'mcp_servers'],
];

/** @throws GatewayError 400 that names what this server cannot be given */
export function toProfileRequest(request: MessagesRequest, input: ConversionInput, profile: Profile): ConvertedRequest {
  refuseUnheard(request);
  const notes: string[] = [];
  const messages = toMessages(request.messages, profile, notes);
  const { system: _1, metadata: _2, thinking: _3, tools: _4, tool_choice: _5, max_tokens, ...rest } = request;
  for (const name of FOREIGN) {
    if (rest[name] === undefined) continue;
    delete rest[name];
    addNote(notes, `omitted:${name}`);
  }
  const limit = outputLimit(max_tokens, input, notes);
  const body = {
    ...rest,
    model: input.model,
    messages,
    ...toSystem(request, notes),
    ...toTools(request, profile, notes),
    ...(limit === null ? {} : { max_tokens: limit }),
    ...toThinking(request, limit, profile, notes),
    ...toMetadata(request, input.sessionKey),
    stream: true,
  };
  const bytes = Buffer.from(writeJson(omitRefused(body, input.learned, notes)));
  return {
    path: /\/v1\/?$/.test(input.target.baseUrl) ? '/messages' : '/v1/messages',
    headers: ['content-type', 'application/json', 'accept', 'text/event-stream', 'anthropic-version', '2023-06-01'],
    body: bytes,
    notes,
    memory: {
      ...rememberRequest(input, bytes),
      thinking: readThinkingWish(request).mode === 'disabled' ? 'none' : 'shown',
    },
  };
}

/** What would be ignored although the client relies on it. */
function refuseUnheard(request: MessagesRequest): void {
  if (request.thread !== undefined) {
    throw new GatewayError(
      'invalid_request_error',
      'thread: not supported by this upstream; send the whole conversation',
      { details: { error_code: 'thread_unsupported_request' } },
    );
  }
  if (request.safeguards !== undefined) throw invalid('safeguards: Extra inputs are not permitted');
  if (listOf(request.mcp_servers).length > 0) throw invalid('mcp_servers: this provider reaches no MCP servers');
}

/** Blocks as they are, without the one that differs in every conversation; a wanted output format becomes words. */
function toSystem(request: MessagesRequest, notes: string[]): { system?: unknown } {
  const { system } = request;
  const blocks: Fields[] = systemBlocks(system);
  if (withoutBilling(request) !== request) addNote(notes, 'omitted:billing');
  const { type, schema } = fieldsOf(fieldsOf(request.output_config).format);
  if (type === 'json_schema') {
    addNote(notes, 'format:instructed');
    const text = `Answer with one JSON document and nothing else. It must match this JSON schema:\n${writeJson(schema)}`;
    blocks.push({ type: 'text', text });
  }
  if (blocks.length === 0) return {};
  return { system: typeof system === 'string' && blocks.length === 1 ? textOf(blocks[0]?.text) : blocks };
}

/** The least a budget may be. */
const LEAST_BUDGET = 1024;

function toThinking(
  request: MessagesRequest,
  limit: number | null,
  profile: Profile,
  notes: string[],
): { thinking?: Fields } {
  const wish = readThinkingWish(request);
  if (wish.mode === 'absent') return {};
  if (wish.mode === 'disabled') return { thinking: { type: 'disabled' } };
  if (profile.thinking === 'left') {
    addNote(notes, `thinking:left`);
    return {};
  }
  const wanted = wish.mode === 'enabled' ? wish.budgetTokens : budgetOfEffort(wish.effort ?? 'medium');
  const budget = Math.min(wanted ?? LEAST_BUDGET, (limit ?? Number.POSITIVE_INFINITY) - 1);
  if (wish.mode === 'adaptive' || budget !== wish.budgetTokens) addNote(notes, `thinking:${Math.max(0, budget)}`);
  return budget < LEAST_BUDGET ? {} : { thinking: { type: 'enabled', budget_tokens: budget } };
}

/** Nobody but Anthropic is told who the client is; a session keeps its place in a cache all the same. */
function toMetadata(request: MessagesRequest, sessionKey: string | null): { metadata?: Fields } {
  return request.metadata === undefined || sessionKey === null ? {} : { metadata: { user_id: sessionKey } };
}
