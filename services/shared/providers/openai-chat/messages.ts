// Turns of a conversation → messages of Chat Completions: results right behind their calls, images behind the results,
// one message for what an assistant said and called.
import { imageUrl, inReminder, joinTexts, type Placed, readDocument } from '../content.ts';
import { type Fields, fieldsOf, invalid, isFields, listOf, textOf } from '../fields.ts';
import { decodeThinkingState } from '../thinking-state.ts';
import { toToolId } from '../tool-names.ts';
import { atLeastOne, flattenResult, type Turn } from '../tool-results.ts';
import { writeJson } from '../write-json.ts';
import { STATE_OWNER } from './reasoning.ts';
import type { ChatTraits } from './traits.ts';

export interface MessageOptions {
  traits: ChatTraits;
  toToolName(name: string): string;
}

export function toMessages(turns: readonly Turn[], options: MessageOptions): Fields[] {
  const messages: Fields[] = [];
  let media: Fields[] = [];
  turns.forEach((turn, index) => {
    const isLast = index === turns.length - 1;
    if (turn.role === 'user' || (turn.role === 'system' && (isLast || options.traits.isSystemFirstOnly))) {
      const parts = turn.role === 'user' ? userParts(turn.content, options) : reminderParts(turn, options);
      messages.push({ role: 'user', content: toContent([...media, ...parts], options.traits) });
      media = [];
      return;
    }
    // Images of results come behind all results, also when the user says nothing more.
    if (media.length > 0) messages.push({ role: 'user', content: media });
    media = [];
    if (turn.role === 'system') messages.push(systemMessage(turn, options));
    else media = pushAssistant(messages, turn, options);
  });
  if (media.length > 0) messages.push({ role: 'user', content: media });
  return atLeastOne(options.traits.mergesSameRole ? mergeSameRole(messages) : messages);
}

function systemMessage(turn: Turn, { traits }: MessageOptions): Fields {
  return { role: traits.systemRole, content: systemText(turn) };
}

function reminderParts(turn: Turn, options: MessageOptions): Fields[] {
  const [first] = turn.content;
  const text = inReminder(systemText(turn));
  return [textPart({ block: { ...first?.block, type: 'text', text }, at: turn.at }, options.traits)];
}

function systemText({ content }: Turn): string {
  return joinTexts(content, '\n\n');
}

/** Returns the images of the results, for the user's message behind them. */
function pushAssistant(messages: Fields[], turn: Turn, options: MessageOptions): Fields[] {
  const { traits } = options;
  const text = joinTexts(turn.content, '\n\n');
  const calls = turn.content.filter(({ block }) => block.type === 'tool_use').map((call) => toCall(call, options));
  for (const { block, at } of turn.content) {
    if (block.type === 'image' || block.type === 'document')
      throw invalid(`${block.type} at ${at}: only a user may show one`);
  }
  if (text === '' && calls.length === 0) return [];
  messages.push({
    role: 'assistant',
    content: text === '' ? null : text,
    ...replay(turn, calls.length > 0, traits),
    ...(calls.length > 0 ? { tool_calls: calls } : {}),
  });
  const media: Fields[] = [];
  let number = 1;
  for (const result of turn.results) {
    const flat = flattenResult(result, number);
    number += flat.media.length;
    media.push(...flat.media.map((placed) => mediaPart(placed, options)));
    messages.push({
      role: 'tool',
      tool_call_id: toToolId(result.id, traits.toolIds),
      content: resultContent(flat.text, result, traits),
    });
  }
  return media;
}

function resultContent(text: string, result: Turn['results'][number], traits: ChatTraits): unknown {
  const { cacheControl } = result;
  return traits.keepsCacheMarks && isFields(cacheControl)
    ? [{ type: 'text', text, cache_control: cacheControl }]
    : text;
}

function toCall({ block }: Placed, { traits, toToolName }: MessageOptions): Fields {
  return {
    id: toToolId(textOf(block.id), traits.toolIds),
    type: 'function',
    function: { name: toToolName(textOf(block.name)), arguments: writeJson(block.input ?? {}) },
  };
}

/** The reasoning that belongs to a turn, where the server asks for it. */
function replay({ content }: Turn, hasCalls: boolean, { reasoningReplay }: ChatTraits): Fields {
  if (reasoningReplay === 'reasoning_details') {
    const details = content.flatMap(({ block }) => {
      const state = decodeThinkingState(STATE_OWNER, block.type === 'thinking' ? block.signature : block.data);
      return listOf(fieldsOf(state).details).filter(isFields);
    });
    return details.length > 0 ? { reasoning_details: details } : {};
  }
  if (reasoningReplay !== 'reasoning_content' || !hasCalls) return {};
  const thoughts = content.flatMap(({ block }) => (block.type === 'thinking' ? [textOf(block.thinking)] : []));
  return { reasoning_content: thoughts.join('\n\n') };
}

function userParts(content: readonly Placed[], options: MessageOptions): Fields[] {
  return content.map((placed) => {
    const { block, at } = placed;
    if (block.type === 'text') return textPart(placed, options.traits);
    if (block.type === 'image' || block.type === 'document') return mediaPart(placed, options);
    throw invalid(`${block.type} at ${at}: only an assistant may say it`);
  });
}

function textPart({ block }: Placed, { keepsCacheMarks }: ChatTraits): Fields {
  const isMarked = keepsCacheMarks && isFields(block.cache_control);
  return { type: 'text', text: textOf(block.text), ...(isMarked ? { cache_control: block.cache_control } : {}) };
}

function mediaPart(placed: Placed, options: MessageOptions): Fields {
  if (placed.block.type === 'document') return documentPart(placed, options);
  return { type: 'image_url', image_url: { url: imageUrl(placed) } };
}

function documentPart(placed: Placed, { traits }: MessageOptions): Fields {
  const content = readDocument(placed);
  if (content.kind === 'text') return { type: 'text', text: content.text };
  if (!traits.takesDocuments || content.kind === 'url') {
    throw invalid(
      `document at ${placed.at}: this provider cannot read ${content.kind === 'url' ? 'documents by URL' : 'PDF'}`,
    );
  }
  const data = `data:${content.mediaType};base64,${content.base64}`;
  return { type: 'file', file: { filename: content.name, file_data: data } };
}

/** Texts alone are one string where parts mean nothing; one text is a string everywhere, unless it is marked. */
function toContent(parts: readonly Fields[], { texts }: ChatTraits): unknown {
  const isPlain = parts.every((part) => part.type === 'text' && part.cache_control === undefined);
  if (!isPlain || (texts === 'parts' && parts.length > 1)) return parts;
  return parts.map(({ text }) => textOf(text)).join('\n\n');
}

function mergeSameRole(messages: readonly Fields[]): Fields[] {
  const merged: Fields[] = [];
  for (const message of messages) {
    const last = merged.at(-1);
    const isMore = last?.role === message.role && (message.role === 'user' || message.role === 'assistant');
    // Calls end a turn: their results follow.
    if (!last || !isMore || last.tool_calls !== undefined) merged.push({ ...message });
    else Object.assign(last, message, { content: joinContent(last.content, message.content) });
  }
  return merged;
}

function joinContent(first: unknown, second: unknown): unknown {
  if (first === null || first === undefined) return second;
  if (second === null || second === undefined) return first;
  if (typeof first === 'string' && typeof second === 'string') return `${first}\n\n${second}`;
  return [first, second].flatMap((content) =>
    typeof content === 'string' ? [{ type: 'text', text: content }] : listOf(content),
  );
}
