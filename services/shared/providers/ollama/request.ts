// A Messages request → a request of Ollama's own `/api/chat` (https://github.com/ollama/ollama/blob/main/docs/api.md). Only
// there can the window be set: through every other of its addresses a long prompt is cut without a word.
import type { MessagesRequest } from '#shared/wire/anthropic.ts';
import { addNote, systemBlocks } from '../content.ts';
import { rememberRequest } from '../conversion-memory.ts';
import { chooseEffort, type Effort, readThinkingWish } from '../effort.ts';
import { type Fields, fieldsOf, invalid, isFields, listOf, numberOf, textsOf } from '../fields.ts';
import { outputLimit } from '../output-limit.ts';
import type { ConversionInput, ConvertedRequest } from '../provider.ts';
import { omitRefused } from '../refused-fields.ts';
import { noSearch, readToolChoice, readTools, wantsOneCallAtMost } from '../tool-definitions.ts';
import { toTurns } from '../tool-results.ts';
import { writeJson } from '../write-json.ts';
import { toMessages } from './messages.ts';

/** Models that are told how much to think; all others only whether. */
const LEVELS: ReadonlyArray<{ models: RegExp; legal: readonly Effort[] }> = [
  { models: /gpt-oss/i, legal: ['low', 'medium', 'high'] },
];

/** @throws GatewayError 400 that names what this server cannot be given */
export function toOllamaRequest(request: MessagesRequest, input: ConversionInput): ConvertedRequest {
  if (listOf(request.mcp_servers).length > 0) throw invalid('mcp_servers: this provider cannot reach MCP servers');
  const notes: string[] = [];
  const system = systemBlocks(request.system).map(({ text }) => text);
  const turns = toTurns(request.messages, notes);
  const options = toOptions(request, input, notes);
  const body = {
    model: input.model,
    messages: [...(system.length > 0 ? [{ role: 'system', content: system.join('\n\n') }] : []), ...toMessages(turns)],
    ...toTools(request, notes),
    ...toFormat(request),
    ...toThink(request, input.model),
    // Refused rather than answered without its beginning.
    truncate: false,
    shift: false,
    ...(Object.keys(options).length > 0 ? { options } : {}),
    stream: true,
  };
  const bytes = Buffer.from(writeJson(omitRefused(body, input.learned, notes)));
  return {
    path: '/api/chat',
    headers: ['content-type', 'application/json', 'accept', 'application/x-ndjson'],
    body: bytes,
    notes,
    memory: { ...rememberRequest(input, bytes), thinking: isThinkingWanted(request) ? 'shown' : 'none' },
  };
}

function toOptions(request: MessagesRequest, input: ConversionInput, notes: string[]): Fields {
  const window = input.target.contextWindow;
  if (window === null) addNote(notes, 'num_ctx:default');
  const limit = outputLimit(request.max_tokens, input, notes);
  const stop = textsOf(request.stop_sequences);
  const sampling = ['temperature', 'top_p', 'top_k'].flatMap((name) => {
    const value = numberOf(request[name]);
    return value === null ? [] : [[name, value]];
  });
  return {
    ...(window === null ? {} : { num_ctx: window }),
    ...(limit === null ? {} : { num_predict: limit }),
    ...(stop.length > 0 ? { stop } : {}),
    ...Object.fromEntries(sampling),
  };
}

/** Which tool is called is the model's to say; none at all can be arranged. */
function toTools(request: MessagesRequest, notes: string[]): Fields {
  const tools = readTools(request.tools, request.messages, notes);
  if (tools.webSearch !== null) throw noSearch(tools.webSearch);
  const choice = readToolChoice(request.tool_choice, tools);
  if (choice?.kind === 'none' || tools.functions.length === 0) return {};
  if (choice?.kind === 'any' || choice?.kind === 'tool') addNote(notes, 'tool_choice:auto');
  if (wantsOneCallAtMost(request.tool_choice)) addNote(notes, 'omitted:disable_parallel_tool_use');
  return {
    tools: tools.functions.map(({ name, description, schema }) => ({
      type: 'function',
      function: { name, description, parameters: schema },
    })),
  };
}

function toFormat(request: MessagesRequest): { format?: Fields } {
  const { type, schema } = fieldsOf(fieldsOf(request.output_config).format);
  return type === 'json_schema' && isFields(schema) ? { format: schema } : {};
}

function isThinkingWanted(request: MessagesRequest): boolean {
  const { mode } = readThinkingWish(request);
  return mode === 'enabled' || mode === 'adaptive';
}

/**
 * Nothing is said where thinking is wanted: models that can think do so by themselves, and others refuse to be asked.
 * Those that take levels always think.
 */
function toThink(request: MessagesRequest, model: string): { think?: boolean | Effort } {
  const wish = readThinkingWish(request);
  const levels = LEVELS.find(({ models }) => models.test(model));
  if (!levels) return isThinkingWanted(request) ? {} : { think: false };
  const mode = wish.mode === 'absent' ? 'disabled' : wish.mode;
  const effort = chooseEffort({ ...wish, mode }, { legal: levels.legal, isOnByDefault: true });
  return effort === null ? {} : { think: effort };
}
