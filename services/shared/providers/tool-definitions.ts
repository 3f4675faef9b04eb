// The tools of a request as every converting provider needs them: those the model may see, each with a schema whose root
// is an object. Server tools are told apart; what only Anthropic can run is left out and named.
import { keepMade, madeOnce } from '#shared/made-once.ts';
import { addNote } from './content.ts';
import { type Fields, fieldsOf, invalid, isFields, listOf, textOf, textsOf } from './fields.ts';
import { toObjectSchema } from './object-schema.ts';
import { referencedTools } from './tool-results.ts';

export interface FunctionTool {
  name: string;
  description: string;
  schema: Fields;
  /** The client wants arguments that fit the schema without exception. */
  isStrict: boolean;
}

export interface WebSearch {
  /** What a refusal calls it, e.g. `web_search_20250305 at tools[0]`. */
  place: string;
  name: string;
  /** Searches in one answer at most; null = not said. */
  maxUses: number | null;
  allowedDomains: string[];
  blockedDomains: string[];
  location: Fields | null;
}

export interface ToolDefinitions {
  functions: readonly FunctionTool[];
  webSearch: WebSearch | null;
  /** Names the client declared, also of those that are not sent. */
  declared: ReadonlySet<string>;
}

/** @throws GatewayError 400 that names the tool which cannot be carried */
export function readTools(tools: unknown, messages: unknown, notes: string[]): ToolDefinitions {
  if (tools !== undefined && tools !== null && !Array.isArray(tools)) throw invalid('tools: must be a list');
  const list = listOf(tools);
  const read = madeOnce(list, 'definitions', () => readDeclared(list));
  for (const note of read.notes) addNote(notes, note);
  const { functions, webSearch, declared, later } = read;
  if (later.size === 0) return { functions, webSearch, declared };
  const shown = new Map(functions.map((tool) => [tool.name, tool]));
  // In the order in which the conversation named them, so that the list only ever grows at its end.
  for (const name of referencedTools(messages)) {
    const tool = later.get(name);
    if (tool && !shown.has(name)) shown.set(name, tool);
  }
  return { functions: [...shown.values()], webSearch, declared };
}

interface DeclaredTools extends ToolDefinitions {
  /** Not shown to the model until the conversation names them. */
  later: ReadonlyMap<string, FunctionTool>;
  notes: readonly string[];
}

function readDeclared(tools: readonly unknown[]): DeclaredTools {
  const notes: string[] = [];
  const functions = new Map<string, FunctionTool>();
  const later = new Map<string, FunctionTool>();
  const declared = new Set<string>();
  let webSearch: WebSearch | null = null;
  for (const [index, tool] of tools.entries()) {
    const at = `tools[${index}]`;
    if (!isFields(tool)) throw invalid(`${at}: must be an object`);
    const name = textOf(tool.name);
    const type = textOf(tool.type);
    if (name !== '') declared.add(name);
    if (type.startsWith('web_search')) webSearch = readWebSearch(tool, at);
    else if (SERVER_TOOLS.test(type)) addNote(notes, `omitted:${type.slice(0, 40)}`);
    else (tool.defer_loading === true ? later : functions).set(name, readFunction(tool, at, name, type));
  }
  return { functions: keepMade([...functions.values()]), webSearch, declared, later, notes };
}

const SERVER_TOOLS = /^(?:web_fetch|code_execution|tool_search_tool|mcp_toolset|advisor)/;

function readFunction(tool: Fields, at: string, name: string, type: string): FunctionTool {
  if (name === '') throw invalid(`${at}.name: a tool needs a name`);
  const isStrict = tool.strict === true;
  const description = textOf(tool.description);
  const known = CLIENT_TOOLS.find(({ matches }) => matches.test(type));
  if (known) return { name, description: description || known.description, schema: known.schema, isStrict };
  const isCustom = type === '' || type === 'custom' || type === 'function' || tool.input_schema !== undefined;
  if (!isCustom) throw invalid(`tool "${name}" at ${at}: type "${type}" cannot be offered by this provider`);
  return { name, description, schema: toObjectSchema(tool.input_schema), isStrict };
}

export function readWebSearch(tool: Fields, at: string): WebSearch {
  const { max_uses: maxUses } = tool;
  return {
    place: `${textOf(tool.type)} at ${at}`,
    name: textOf(tool.name) || 'web_search',
    maxUses: typeof maxUses === 'number' && Number.isInteger(maxUses) && maxUses > 0 ? maxUses : null,
    allowedDomains: textsOf(tool.allowed_domains),
    blockedDomains: textsOf(tool.blocked_domains),
    location: isFields(tool.user_location) ? tool.user_location : null,
  };
}

/** Left out without a word, it would be a search that finds nothing. */
export function noSearch({ place }: WebSearch): Error {
  return invalid(`${place}: this provider has no web search of its own`);
}

const text = (description: string): Fields => ({ type: 'string', description });

/** Tools whose schemas Anthropic's models know by heart. */
const CLIENT_TOOLS: ReadonlyArray<{ matches: RegExp; description: string; schema: Fields }> = [
  {
    matches: /^bash_\d+$/,
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
    matches: /^text_editor_\d+$/,
    description: 'Shows, creates and changes text files.',
    schema: {
      type: 'object',
      properties: {
        command: { type: 'string', enum: ['view', 'create', 'str_replace', 'insert', 'undo_edit'] },
        path: text('Absolute path of the file or folder.'),
        file_text: text('With create: the content of the file.'),
        old_str: text('With str_replace: the text to replace, which must occur once.'),
        new_str: text('With str_replace and insert: the new text.'),
        insert_line: { type: 'integer', description: 'With insert: the line after which to insert; 0 is the start.' },
        insert_text: text('With insert: the text to insert.'),
        view_range: { type: 'array', items: { type: 'integer' }, description: 'With view: first and last line.' },
      },
      required: ['command', 'path'],
    },
  },
];

export type ToolChoice =
  | { kind: 'none' | 'auto' | 'any' }
  | { kind: 'tool'; name: string }
  /** The hosted search is what must be called. */
  | { kind: 'search' };

/** Null when nothing needs to be said: no tools, or no choice. @throws GatewayError 400 */
export function readToolChoice(choice: unknown, tools: ToolDefinitions): ToolChoice | null {
  if (tools.functions.length === 0 && tools.webSearch === null) return null;
  const { type, name } = fieldsOf(choice);
  if (type === undefined) return null;
  if (type === 'none' || type === 'auto' || type === 'any') return { kind: type };
  if (type !== 'tool') throw invalid('tool_choice.type: must be "auto", "any", "tool" or "none"');
  if (tools.webSearch !== null && name === tools.webSearch.name) return { kind: 'search' };
  if (tools.functions.some((tool) => tool.name === name)) return { kind: 'tool', name: textOf(name) };
  // Declared, but the model has not been shown it yet.
  if (tools.declared.has(textOf(name))) return { kind: 'auto' };
  throw invalid(`tool_choice.name: there is no tool "${textOf(name)}" in tools`);
}

export function wantsOneCallAtMost(choice: unknown): boolean {
  return fieldsOf(choice).disable_parallel_tool_use === true;
}
