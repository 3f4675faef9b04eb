// The conversation as a server with deviations reads it: turns of user and assistant in their order, blocks it knows,
// and no thinking that another provider signed.
import { addNote, inReminder, joinTexts, type Placed, placedBlocks, readDocument, toPlainBlocks } from '../content.ts';
import { type Fields, fieldsOf, invalid, isFields, textOf } from '../fields.ts';
import { isOwnThinkingState } from '../thinking-state.ts';
import type { Profile } from './profiles.ts';

interface Turn {
  role: string;
  content: string | Fields[];
}

/** @throws GatewayError 400 naming the message or block that cannot be carried, or when nothing is left to say */
export function toMessages(messages: unknown, profile: Profile, notes: string[]): Turn[] {
  if (!Array.isArray(messages)) throw invalid('messages: must be a list');
  const turns = messages.map((message: unknown, index) => toTurn(message, `messages[${index}]`, profile, notes));
  const said = turns.filter(({ content }) => content.length > 0);
  const folded = profile.systemTurns === 'folded' ? foldSystem(said, notes) : said;
  if (folded.length === 0) throw invalid('messages: at least one message is required');
  return folded;
}

function toTurn(message: unknown, at: string, profile: Profile, notes: string[]): Turn {
  if (!isFields(message)) throw invalid(`${at}: must be an object`);
  const { role, content } = message;
  if (role !== 'user' && role !== 'assistant' && role !== 'system') {
    throw invalid(`${at}.role: must be "user", "assistant" or "system"`);
  }
  if (typeof content === 'string') return { role, content };
  if (content === null || content === undefined) return { role, content: [] };
  const blocks = toPlainBlocks(placedBlocks(content, `${at}.content`), notes);
  return { role, content: blocks.flatMap((placed) => toBlock(placed, profile, notes)) };
}

function toBlock(placed: Placed, profile: Profile, notes: string[]): Fields[] {
  const { block } = placed;
  switch (block.type) {
    case 'thinking':
      return toThinking(block, profile, notes);
    case 'redacted_thinking':
      if (profile.signatures === 'checked' && !isOwnThinkingState(block.data)) return [block];
      addNote(notes, 'omitted:redacted_thinking');
      return [];
    case 'document':
      return [toDocument(placed, profile)];
    case 'tool_result':
      return [{ ...block, ...toResult(placed, profile, notes) }];
    default:
      return [block];
  }
}

/** Where signatures are checked, ours would be refused; elsewhere the words are worth keeping without any. */
function toThinking(block: Fields, profile: Profile, notes: string[]): Fields[] {
  if (profile.signatures === 'checked' && !isOwnThinkingState(block.signature)) return [block];
  if (profile.signatures === 'ignored' && textOf(block.thinking) !== '') return [{ ...block, signature: '' }];
  addNote(notes, 'omitted:thinking');
  return [];
}

function toDocument(placed: Placed, profile: Profile): Fields {
  if (profile.takesDocuments) return placed.block;
  const document = readDocument(placed);
  if (document.kind === 'text') return { type: 'text', text: document.text };
  throw invalid(`document at ${placed.at}: this server takes documents as text only`);
}

function toResult({ block, at }: Placed, profile: Profile, notes: string[]): { content?: unknown } {
  if (!Array.isArray(block.content)) return {};
  const parts = block.content.map((part: unknown) => {
    const { type, tool_name: name } = fieldsOf(part);
    return type === 'tool_reference' ? { type: 'text', text: `Loaded tool: ${textOf(name)}` } : part;
  });
  const placed = toPlainBlocks(placedBlocks(parts, `${at}.content`), notes);
  return { content: placed.map((one) => (one.block.type === 'document' ? toDocument(one, profile) : one.block)) };
}

/**
 * System messages become words of the user's turn beside them: behind the one before, else in front of the next one's
 * words but after its tool results. What stands before them stays as it was sent in earlier turns.
 */
export function foldSystem(turns: readonly Turn[], notes: string[]): Turn[] {
  const folded: Turn[] = [];
  let waiting: Fields[] = [];
  for (const turn of turns) {
    const last = folded.at(-1);
    if (turn.role === 'system') {
      addNote(notes, 'folded:system');
      const words = inReminderBlocks(turn.content);
      if (last?.role === 'user') last.content = [...toBlocks(last.content), ...words];
      else waiting.push(...words);
      continue;
    }
    if (waiting.length === 0) folded.push({ ...turn });
    else if (turn.role === 'user') folded.push({ ...turn, content: afterResults(toBlocks(turn.content), waiting) });
    else folded.push({ role: 'user', content: waiting }, { ...turn });
    waiting = [];
  }
  if (waiting.length > 0) folded.push({ role: 'user', content: waiting });
  return folded;
}

function inReminderBlocks(content: string | Fields[]): Fields[] {
  const text = joinTexts(placedBlocks(content, 'messages'), '\n\n');
  return text === '' ? [] : [{ type: 'text', text: inReminder(text) }];
}

function toBlocks(content: string | Fields[]): Fields[] {
  return typeof content === 'string' ? [{ type: 'text', text: content }] : content;
}

function afterResults(blocks: readonly Fields[], words: readonly Fields[]): Fields[] {
  const rest = blocks.findIndex((block) => block.type !== 'tool_result');
  const at = rest === -1 ? blocks.length : rest;
  return [...blocks.slice(0, at), ...words, ...blocks.slice(at)];
}
