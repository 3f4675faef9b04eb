// The tools a server with deviations is given: those the model may call by now, as the client described them.
import type { MessagesRequest } from '#shared/wire/anthropic.ts';
import { addNote } from '../content.ts';
import { type Fields, fieldsOf, invalid, isFields, textOf } from '../fields.ts';
import { referencedTools } from '../tool-results.ts';
import type { Profile } from './profiles.ts';

/** Keys of a tool that each need a beta or a model of Anthropic's. */
const FOREIGN = ['defer_loading', 'strict', 'eager_input_streaming', 'input_examples', 'allowed_callers'];

/** @throws GatewayError 400 that names a tool which this server cannot run */
export function toTools(
  request: MessagesRequest,
  profile: Profile,
  notes: string[],
): { tools?: Fields[]; tool_choice?: unknown } {
  const { tools, tool_choice: choice } = request;
  if (tools !== undefined && tools !== null && !Array.isArray(tools)) throw invalid('tools: must be a list');
  const read = (tools ?? []).map((tool, index) => readTool(tool, `tools[${index}]`, profile));
  const loaded = inOrder(read, request.messages);
  if (loaded.length < read.length) addNote(notes, `deferred:${read.length - loaded.length}`);
  const isNamed = loaded.some((tool) => tool.name === fieldsOf(choice).name);
  if (loaded.length === 0) return {};
  // A choice of what the model has not been shown yet would be refused.
  const isChoice = isFields(choice) && (choice.type !== 'tool' || isNamed);
  return { tools: loaded.map(plain), ...(isChoice ? { tool_choice: choice } : {}) };
}

function readTool(tool: unknown, at: string, profile: Profile): Fields {
  if (!isFields(tool)) throw invalid(`${at}: must be an object`);
  const type = textOf(tool.type);
  const isCustom = type === '' || type === 'custom' || tool.input_schema !== undefined;
  if (!isCustom && !profile.takesHostedTools) {
    throw invalid(`${type} at ${at}: this server has no such tool of its own`);
  }
  return tool;
}

/**
 * What may be called from the start, then what the conversation named, in the order it did: the list only grows at its
 * end, so that a cached prefix stays one.
 */
function inOrder(tools: readonly Fields[], messages: unknown): Fields[] {
  const first = tools.filter((tool) => tool.defer_loading !== true);
  const later = [...referencedTools(messages)].flatMap((name) => {
    const found = tools.find((tool) => tool.defer_loading === true && tool.name === name);
    return found ? [found] : [];
  });
  return [...first, ...later];
}

function plain(tool: Fields): Fields {
  const kept = Object.entries(tool).filter(
    ([key]) => !FOREIGN.includes(key) && !(key === 'type' && tool[key] === 'custom'),
  );
  return Object.fromEntries(kept);
}
