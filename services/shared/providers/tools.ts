// The tools of a request as any upstream can have them: what the client runs as functions, and what a server would have
// to run. Tools that are loaded later stay out until the conversation named them.
import type { MessagesRequest } from '#shared/wire/anthropic.ts';
import { addNote } from './content.ts';
import { type Fields, fieldsOf, invalid, isFields, textOf } from './fields.ts';
import { referencedTools } from './tool-results.ts';

export interface FunctionTool {
  name: string;
  description: string;
  /** As the client gave it. */
  schema: unknown;
  strict: boolean;
  at: string;
}

export interface HostedTool {
  kind: 'web_search';
  name: string;
  fields: Fields;
  at: string;
}

export interface RequestTools {
  functions: FunctionTool[];
  hosted: HostedTool[];
  /** Names of tools that may not be called yet. */
  deferred: string[];
}

/** @throws GatewayError 400 naming a tool that cannot be offered */
export function readTools(request: MessagesRequest, notes: string[]): RequestTools {
  const { tools } = request;
  if (tools !== undefined && tools !== null && !Array.isArray(tools)) throw invalid('tools: must be a list');
  const given = (tools ?? []).map((tool: unknown, index) => {
    const at = `tools[${index}]`;
    if (!isFields(tool)) throw invalid(`${at}: must be an object`);
    return { tool, at };
  });
  const found: RequestTools = { functions: [], hosted: [], deferred: [] };
  const later = new Map<string, FunctionTool>();
  // A search that the server runs would load them: without it they would never come.
  const isSearched = given.some(({ tool }) => textOf(tool.type).startsWith('tool_search_tool'));
  for (const { tool, at } of given) {
    const read = readTool(tool, at, notes);
    if (read === null) continue;
    if (!('schema' in read)) found.hosted.push(read);
    else if (tool.defer_loading === true && !isSearched) later.set(read.name, read);
    else found.functions.push(read);
  }
  // In the order in which they were named, so that the list only ever grows at its end.
  for (const name of referencedTools(request.messages)) {
    const tool = later.get(name);
    if (tool) found.functions.push(tool);
    later.delete(name);
  }
  found.deferred = [...later.keys()];
  return found;
}

function readTool(tool: Fields, at: string, notes: string[]): FunctionTool | HostedTool | null {
  const type = textOf(tool.type);
  const name = textOf(tool.name);
  if (type.startsWith('web_search')) return { kind: 'web_search', name: name || 'web_search', fields: tool, at };
  if (/^(?:web_fetch|code_execution|tool_search_tool|mcp_toolset|advisor)/.test(type)) {
    addNote(notes, `omitted:${type.slice(0, 40)}`);
    return null;
  }
  if (name === '') throw invalid(`${at}.name: a tool needs a name`);
  const known = CLIENT_TOOLS.find(({ starts }) => type.startsWith(starts));
  if (known) return { name, description: known.description, schema: known.schema, strict: false, at };
  const isCustom = type === '' || type === 'custom' || type === 'function' || tool.input_schema !== undefined;
  if (!isCustom) throw invalid(`tool "${name}" at ${at}: type "${type}" cannot be offered by this provider`);
  return { name, description: textOf(tool.description), schema: tool.input_schema, strict: tool.strict === true, at };
}

const text = (description: string): Fields => ({ type: 'string', description });

/** Tools whose schemas Anthropic's models know by heart. */
const CLIENT_TOOLS: ReadonlyArray<{ starts: string; description: string; schema: Fields }> = [
  {
    starts: 'bash_',
    description: 'Runs a command in a shell that keeps its state between calls.',
    schema: {
      type: 'object',
      properties: {
        command: text('The command to run.'),
        restart: { type: 'boolean', description: 'Start a new shell.' },
      },
    },
  },
  {
    starts: 'text_editor_',
    description: 'Shows, creates and changes text files.',
    schema: {
      type: 'object',
      properties: {
        command: { type: 'string', enum: ['view', 'create', 'str_replace', 'insert'] },
        path: text('Absolute path of the file or folder.'),
        file_text: text('With create: the content of the file.'),
        old_str: text('With str_replace: the text to replace, which must occur once.'),
        new_str: text('With str_replace: the new text.'),
        insert_line: { type: 'integer', description: 'With insert: the line after which to insert; 0 is the start.' },
        insert_text: text('With insert: the text to insert.'),
        view_range: { type: 'array', items: { type: 'integer' }, description: 'With view: first and last line.' },
      },
      required: ['command', 'path'],
    },
  },
];

export type ToolChoice = { kind: 'auto' | 'none' | 'any' } | { kind: 'tool'; name: string };

/** What the client says of the use of its tools; null when it says nothing or has none. @throws GatewayError 400 */
export function readToolChoice(request: MessagesRequest, tools: RequestTools): ToolChoice | null {
  if (tools.functions.length + tools.hosted.length === 0) return null;
  const choice = fieldsOf(request.tool_choice);
  const type = textOf(choice.type);
  if (type === '') return null;
  if (type === 'auto' || type === 'none' || type === 'any') return { kind: type };
  if (type !== 'tool') throw invalid('tool_choice.type: must be "auto", "any", "tool" or "none"');
  const name = textOf(choice.name);
  if ([...tools.functions, ...tools.hosted].some((tool) => tool.name === name)) return { kind: 'tool', name };
  if (tools.deferred.includes(name)) return { kind: 'auto' };
  throw invalid(`tool_choice.name: "${name}" is not among the tools`);
}

export function wantsOneCallAtMost(request: MessagesRequest): boolean {
  return fieldsOf(request.tool_choice).disable_parallel_tool_use === true;
}
