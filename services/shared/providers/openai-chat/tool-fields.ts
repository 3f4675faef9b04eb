// Tools and the choice among them, as far as a server takes them; what it does not take is said to the model in words.
import { keepMade, madeOnce } from '#shared/made-once.ts';
import type { MessagesRequest } from '#shared/wire/anthropic.ts';
import { addNote } from '../content.ts';
import { type Fields, invalid, textOf } from '../fields.ts';
import { isStrictSchema } from '../strict-schema.ts';
import {
  type FunctionTool,
  noSearch,
  readToolChoice,
  type ToolChoice,
  type ToolDefinitions,
  type WebSearch,
  wantsOneCallAtMost,
} from '../tool-definitions.ts';
import type { ToolNames } from '../tool-names.ts';
import type { Turn } from '../tool-results.ts';
import type { ChatTraits } from './traits.ts';

export interface ToolOptions {
  traits: ChatTraits;
  names: ToolNames;
  turns: readonly Turn[];
  notes: string[];
}

export interface ChosenTools {
  fields: Fields;
  /** What the model is asked in words, because the server cannot make it. */
  nudge: string | null;
}

/** @throws GatewayError 400 when there are more tools than the server takes */
export function toolFields(request: MessagesRequest, tools: ToolDefinitions, options: ToolOptions): ChosenTools {
  const { traits, names, turns, notes } = options;
  const functions = tools.functions.length;
  if (traits.maxTools !== null && functions > traits.maxTools) {
    throw invalid(`tools: this provider takes at most ${traits.maxTools} tools, the request has ${functions}`);
  }
  const choice = readToolChoice(request.tool_choice, tools);
  const search = tools.webSearch ? searchFields(tools.webSearch, traits, notes) : {};
  if (functions === 0) return { fields: { ...search, ...declaredAgain(turns, options) }, nudge: null };
  const list = madeOnce(tools.functions, traits, () =>
    keepMade(tools.functions.map((tool) => toFunction(tool, names))),
  );
  const { value, nudge } = toChoice(choice, options);
  const isSingle = wantsOneCallAtMost(request.tool_choice);
  if (isSingle && !traits.takesParallelFlag) addNote(notes, 'omitted:disable_parallel_tool_use');
  return {
    fields: {
      tools: list,
      ...(value === null ? {} : { tool_choice: value }),
      ...(isSingle && traits.takesParallelFlag ? { parallel_tool_calls: false } : {}),
      ...search,
    },
    nudge,
  };
}

function toFunction({ name, description, schema, isStrict }: FunctionTool, names: ToolNames): Fields {
  return {
    type: 'function',
    function: {
      name: names.toUpstream(name),
      ...(description === '' ? {} : { description }),
      parameters: schema,
      ...(isStrict && isStrictSchema(schema) ? { strict: true } : {}),
    },
  };
}

function toChoice(
  choice: ToolChoice | null,
  { traits, names, notes }: ToolOptions,
): { value: unknown; nudge: string | null } {
  // The server searches of its own accord.
  if (choice === null || choice.kind === 'search') return { value: null, nudge: null };
  if (choice.kind === 'auto' || choice.kind === 'none') return { value: choice.kind, nudge: null };
  const name = choice.kind === 'tool' ? names.toUpstream(choice.name) : null;
  if (name !== null && traits.takesNamedChoice) return { value: { type: 'function', function: { name } }, nudge: null };
  const nudge = name === null ? 'Answer with a call of one of your tools.' : `Answer with a call of the tool ${name}.`;
  if (traits.takesRequiredChoice) return { value: 'required', nudge: name === null ? null : nudge };
  addNote(notes, `tool_choice:${choice.kind}-asked`);
  return { value: 'auto', nudge };
}

function searchFields(search: WebSearch, { webSearch }: ChatTraits, notes: string[]): Fields {
  const { allowedDomains: allowed, blockedDomains: blocked } = search;
  switch (webSearch) {
    case 'plugin':
      return {
        plugins: [
          {
            id: 'web',
            ...(allowed.length > 0 ? { include_domains: allowed } : {}),
            ...(blocked.length > 0 ? { exclude_domains: blocked } : {}),
          },
        ],
      };
    case 'options':
      if (allowed.length > 0) addNote(notes, 'omitted:allowed_domains');
      if (blocked.length > 0) addNote(notes, 'omitted:blocked_domains');
      return { web_search_options: search.location ? { user_location: locationOf(search.location) } : {} };
    case 'always': {
      const filter = allowed.length > 0 ? allowed : blocked.map((domain) => `-${domain}`);
      return filter.length > 0 ? { search_domain_filter: filter } : {};
    }
    case 'none':
      throw noSearch(search);
  }
}

function locationOf(location: Fields): Fields {
  const known = ['city', 'country', 'region', 'timezone'].filter((key) => textOf(location[key]) !== '');
  return { type: 'approximate', approximate: Object.fromEntries(known.map((key) => [key, location[key]])) };
}

/** Servers that refuse a history of calls without tools get the least that declares them. */
function declaredAgain(turns: readonly Turn[], { traits, names }: ToolOptions): Fields {
  if (!traits.needsToolsForHistory) return {};
  const calls = turns.flatMap(({ content }) => content.filter(({ block }) => block.type === 'tool_use'));
  const called = [...new Set(calls.map(({ block }) => textOf(block.name)))];
  if (called.length === 0) return {};
  const list = called.map((name) => ({
    type: 'function',
    function: { name: names.toUpstream(name), parameters: { type: 'object', properties: {} } },
  }));
  return { tools: list };
}
