// A client's messages → turns in which every tool call has exactly one result, in the order of the calls. Clients stop in
// the middle, repeat themselves and forget; upstreams refuse a call without its result and a result without its call.
import type { ContentBlock, MessageParam } from '#shared/wire/anthropic.ts';
import { type Placed, placedBlocks, toPlainBlocks } from './content.ts';
import { fieldsOf, invalid, isFields, textOf } from './fields.ts';

export interface ToolResult {
  /** As the client knows it. */
  id: string;
  name: string;
  content: unknown;
  isError: boolean;
  /** The mark it carries, if any. */
  cacheControl?: unknown;
  at: string;
}

export interface Turn {
  role: 'user' | 'assistant' | 'system';
  at: string;
  /** Without tool results. */
  content: Placed[];
  /** Of an assistant's turn: one for each of its calls, in their order. */
  results: ToolResult[];
}

/** What is said of a call that was never answered. */
export const INTERRUPTED = 'Interrupted by user';

/**
 * Turns in order. Results stand with the calls they answer; what else the user said follows as a turn of its own.
 * @throws GatewayError 400 naming the message that cannot be read, or when nothing is left to say
 */
export function toTurns(messages: unknown, notes: string[]): Turn[] {
  if (!Array.isArray(messages)) throw invalid('messages: must be a list');
  const said = messages.map((message: unknown, index) => toTurn(message, `messages[${index}]`, notes));
  const turns = joinCalls(said);
  let calls: Turn | null = null;
  for (const turn of turns) {
    const awaited = turn.role === 'assistant' ? null : calls;
    if (turn.content.some(isResult)) turn.content = turn.content.flatMap((placed) => takeResult(placed, awaited));
    if (turn.role === 'assistant') calls = settle(calls, turn);
  }
  settle(calls, null);
  return atLeastOne(turns.filter(({ content }) => content.length > 0));
}

/** @throws GatewayError 400 when nothing is left to say */
export function atLeastOne<T>(messages: T[]): T[] {
  if (messages.length === 0) throw invalid('messages: at least one message is required');
  return messages;
}

function toTurn(message: unknown, at: string, notes: string[]): Turn {
  if (!isFields(message)) throw invalid(`${at}: must be an object`);
  const { role, content } = message as unknown as MessageParam;
  if (role !== 'user' && role !== 'assistant' && role !== 'system') {
    throw invalid(`${at}.role: must be "user", "assistant" or "system"`);
  }
  const blocks = content === null || content === undefined ? [] : placedBlocks(content, `${at}.content`);
  const plain = toPlainBlocks(blocks, notes);
  const odd = role === 'system' ? plain.find(({ block }) => block.type !== 'text') : undefined;
  if (odd) throw invalid(`${odd.block.type} at ${odd.at}: a system message holds text`);
  return { role, at, content: [...plain], results: [] };
}

/** Calls that stand in several turns of the assistant without a word between them are one turn. */
function joinCalls(turns: readonly Turn[]): Turn[] {
  const joined: Turn[] = [];
  for (const turn of turns) {
    const last = joined.at(-1);
    const isMore = turn.role === 'assistant' && last?.role === 'assistant' && last.content.some(isCall);
    if (isMore) last.content.push(...turn.content);
    else joined.push(turn);
  }
  return joined;
}

function isResult({ block }: Placed): boolean {
  return block.type === 'tool_result';
}

function isCall({ block }: Placed): boolean {
  return block.type === 'tool_use';
}

/** Ends the turn whose results were awaited and starts the next. */
function settle(calls: Turn | null, next: Turn | null): Turn | null {
  if (calls) {
    const given = new Map(calls.results.map((result) => [result.id, result]));
    calls.results = calls.content.filter(isCall).map(({ block, at }) => {
      const id = textOf(block.id);
      const name = textOf(block.name);
      const missing = { id, name, content: INTERRUPTED, isError: false, at };
      return given.get(id) ?? missing;
    });
  }
  if (next) next.content = checkCalls(next.content);
  return next;
}

/** @throws GatewayError 400 for a call without id or name; of two calls with one id the first counts. */
function checkCalls(content: readonly Placed[]): Placed[] {
  const seen = new Set<string>();
  return content.filter((placed) => {
    if (!isCall(placed)) return true;
    const { id, name } = placed.block;
    if (textOf(id) === '' || textOf(name) === '') throw invalid(`${placed.at}: a tool_use needs an id and a name`);
    const isNew = !seen.has(textOf(id));
    seen.add(textOf(id));
    return isNew;
  });
}

/** A result goes to its call; one whose call is not there stays as the user's text. */
function takeResult(placed: Placed, calls: Turn | null): Placed[] {
  if (!isResult(placed)) return [placed];
  const { block, at } = placed;
  const id = textOf(block.tool_use_id);
  const call = calls?.content.find((placed) => isCall(placed) && placed.block.id === id)?.block;
  const result = {
    id,
    name: textOf(call?.name),
    content: block.content,
    isError: block.is_error === true,
    cacheControl: block.cache_control,
    at,
  };
  if (calls && call) {
    calls.results.push(result);
    return [];
  }
  const parts = resultParts(result);
  const text = parts.flatMap((part) => (part.kind === 'text' ? [part.text] : [])).join('\n');
  const media = parts.flatMap((part) => (part.kind === 'media' ? [part.placed] : []));
  return [{ block: { type: 'text', text: `<tool_result id="${id}">\n${text}\n</tool_result>` }, at }, ...media];
}

export type ResultPart = { kind: 'text'; text: string } | { kind: 'media'; placed: Placed };

const SAYS_SO = /error|fail|exception|denied|invalid|interrupt|not found|cannot|unable/i;

/** A result's texts, images and documents in order; texts say it when the tool failed. @throws GatewayError 400 */
export function resultParts(result: ToolResult): ResultPart[] {
  const parts = rawParts(result);
  if (!result.isError) return parts;
  const first = parts.find((part) => part.kind === 'text');
  if (!first) return [{ kind: 'text', text: 'Tool execution failed' }, ...parts];
  if (!SAYS_SO.test(first.text.slice(0, 400))) first.text = `Error: ${first.text}`;
  return parts;
}

function rawParts({ content, at }: ToolResult): ResultPart[] {
  if (content === undefined || content === null || content === '') return [];
  if (typeof content === 'string') return [{ kind: 'text', text: content }];
  return placedBlocks(content, `${at}.content`).map((placed): ResultPart => {
    const { block } = placed;
    if (block.type === 'text') return { kind: 'text', text: textOf(block.text) };
    if (block.type === 'tool_reference') return { kind: 'text', text: `Loaded tool: ${textOf(block.tool_name)}` };
    if (block.type === 'image' || block.type === 'document') return { kind: 'media', placed };
    return { kind: 'text', text: plainText(placed) };
  });
}

function plainText(placed: Placed): string {
  const [plain] = toPlainBlocks([placed], []);
  const text = textOf(fieldsOf(plain?.block).text);
  if (text === '') throw invalid(`${placed.block.type} at ${placed.at}: a tool result cannot hold it here`);
  return text;
}

/** For upstreams whose results are text alone: texts joined, a marker where each image stood, and the images. */
export function flattenResult(result: ToolResult, firstNumber: number): { text: string; media: Placed[] } {
  const media: Placed[] = [];
  const lines = resultParts(result).map((part) => {
    if (part.kind === 'text') return part.text;
    media.push(part.placed);
    return `[${part.placed.block.type} ${firstNumber + media.length - 1} below]`;
  });
  return { text: lines.join('\n'), media };
}

/** Names of the tools that earlier results told the model about. */
export function referencedTools(messages: unknown): Set<string> {
  const names = new Set<string>();
  const visit = (content: unknown): void => {
    if (!Array.isArray(content)) return;
    for (const block of content as ContentBlock[]) {
      if (!isFields(block)) continue;
      if (block.type === 'tool_reference') names.add(textOf(block.tool_name));
      else visit(block.content);
    }
  };
  if (Array.isArray(messages)) for (const message of messages) visit(fieldsOf(message).content);
  return names;
}
