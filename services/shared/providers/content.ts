// What a client's message holds, block by block with its place: the place names what cannot be carried. Blocks only
// Anthropic knows become plain text here, so that no provider has to know them.
import type { ContentBlock, TextBlock } from '#shared/wire/anthropic.ts';
import { type Fields, fieldsOf, invalid, isFields, listOf, textOf } from './fields.ts';
import { writeJson } from './write-json.ts';

export interface Placed {
  block: ContentBlock;
  /** E.g. `messages[3].content[1]`. */
  at: string;
}

/** A text is one block; empty texts are none. @throws GatewayError 400 */
export function placedBlocks(content: unknown, at: string): Placed[] {
  if (typeof content === 'string') return content.trim() === '' ? [] : [{ block: { type: 'text', text: content }, at }];
  if (!Array.isArray(content)) throw invalid(`${at}: must be a string or a list of blocks`);
  const placed: Placed[] = [];
  for (let index = 0; index < content.length; index++) {
    const block: unknown = content[index];
    const place = `${at}[${index}]`;
    if (!isFields(block) || typeof block.type !== 'string') throw invalid(`${place}: must be an object with a type`);
    if (block.type === 'text') {
      if (typeof block.text !== 'string') throw invalid(`${place}.text: must be a string`);
      if (!/\S/.test(block.text)) continue;
    }
    placed.push({ block: block as ContentBlock, at: place });
  }
  return placed;
}

/** Marks the client, not the conversation, and differs in every one: with it no prompt prefix would ever be cached. */
const BILLING = /^x-anthropic-billing-header:/;

/** The system prompt's texts in order. @throws GatewayError 400 */
export function systemBlocks(system: unknown): TextBlock[] {
  if (system === undefined || system === null) return [];
  return placedBlocks(system, 'system')
    .map(({ block, at }) => {
      if (block.type !== 'text') throw invalid(`${block.type} at ${at}: a system prompt holds text`);
      return block as TextBlock;
    })
    .filter(({ text }) => !BILLING.test(text));
}

/** The request without that one, wherever it stands in the system prompt; the request itself when there is none. */
export function withoutBilling<R extends Fields>(request: R): R {
  const { system } = request;
  const isBilling = (text: unknown): boolean => typeof text === 'string' && BILLING.test(text);
  const kept = Array.isArray(system)
    ? system.filter((block: unknown) => !isBilling(fieldsOf(block).text))
    : isBilling(system)
      ? []
      : system;
  if (kept === system || (Array.isArray(system) && listOf(kept).length === system.length)) return request;
  const { system: _, ...rest } = request;
  return (listOf(kept).length === 0 ? rest : { ...request, system: kept }) as R;
}

export function joinTexts(blocks: readonly Placed[], separator: string): string {
  const texts: string[] = [];
  for (const { block } of blocks) if (block.type === 'text') texts.push(textOf(block.text));
  return texts.join(separator);
}

/** A system message where the upstream takes none: a user's words that say what they are. */
export function inReminder(text: string): string {
  return `<system-reminder>\n${text}\n</system-reminder>`;
}

/** Null when the image stands elsewhere. @throws GatewayError 400 for one without bytes */
export function inlineImage({ block, at }: Placed): { mediaType: string; base64: string } | null {
  const source = fieldsOf(block.source);
  if (source.type !== 'base64') return null;
  if (textOf(source.data) === '') throw invalid(`image at ${at}: source.data is empty`);
  return { mediaType: textOf(source.media_type) || 'image/png', base64: textOf(source.data) };
}

/** @throws GatewayError 400 for a source that only Anthropic can read */
export function imageUrl(placed: Placed): string {
  const inline = inlineImage(placed);
  if (inline) return `data:${inline.mediaType};base64,${inline.base64}`;
  const { block, at } = placed;
  const source = fieldsOf(block.source);
  if (source.type === 'url' && /^https?:/i.test(textOf(source.url))) return textOf(source.url);
  throw unsupportedSource('image', source, at);
}

export function unsupportedSource(what: string, source: Fields, at: string): Error {
  return invalid(`${what} at ${at}: a source of type "${textOf(source.type)}" cannot be sent to this provider`);
}

export type DocumentContent =
  | { kind: 'text'; text: string }
  | { kind: 'pdf'; base64: string; mediaType: string; name: string }
  | { kind: 'url'; url: string };

/** @throws GatewayError 400 for a source that only Anthropic can read */
export function readDocument({ block, at }: Placed): DocumentContent {
  const source = fieldsOf(block.source);
  const title = textOf(block.title);
  const context = textOf(block.context);
  const head = [title && `Document: ${title}`, context].filter((line) => line !== '');
  if (source.type === 'text') return wordsOf([...head, textOf(source.data)]);
  if (source.type === 'content') {
    const blocks = placedBlocks(source.content, `${at}.source.content`);
    const odd = blocks.find((placed) => placed.block.type !== 'text');
    if (odd) throw invalid(`${odd.block.type} at ${odd.at}: a document for this provider holds text`);
    return wordsOf([...head, joinTexts(blocks, '\n')]);
  }
  if (source.type === 'base64' && textOf(source.data) !== '') {
    const mediaType = textOf(source.media_type) || 'application/pdf';
    return { kind: 'pdf', base64: textOf(source.data), mediaType, name: fileName(title) };
  }
  if (source.type === 'url' && /^https?:/i.test(textOf(source.url))) return { kind: 'url', url: textOf(source.url) };
  throw unsupportedSource('document', source, at);
}

/** Servers refuse a text of nothing. */
function wordsOf(lines: readonly string[]): DocumentContent {
  const text = lines.join('\n');
  return { kind: 'text', text: text.trim() === '' ? '[empty document]' : text };
}

function fileName(title: string): string {
  const name = title.replace(/[^\w. -]/g, '_').trim();
  return /\.pdf$/i.test(name) ? name : `${name || 'document'}.pdf`;
}

const PLAIN: ReadonlySet<string> = new Set([
  'text',
  'image',
  'document',
  'tool_use',
  'tool_result',
  'thinking',
  'redacted_thinking',
]);

/**
 * Blocks that only Anthropic knows → text: a search result with its source, a server's tool call together with what it
 * found. The rest is left out; `notes` gets `omitted:<type>`.
 */
export function toPlainBlocks(blocks: readonly Placed[], notes: string[]): readonly Placed[] {
  if (blocks.every(({ block }) => PLAIN.has(block.type))) return blocks;
  const answered = new Set(blocks.flatMap(({ block }) => (isServerResult(block) ? [textOf(block.tool_use_id)] : [])));
  return blocks.flatMap((placed) => {
    const { block, at } = placed;
    if (PLAIN.has(block.type)) return [placed];
    if (isServerCall(block) && answered.has(textOf(block.id))) return [];
    const text = describe(block, blocks);
    if (text !== '') return [{ block: { type: 'text', text }, at }];
    addNote(notes, `omitted:${block.type.slice(0, 40)}`);
    return [];
  });
}

export function addNote(notes: string[], note: string): void {
  if (!notes.includes(note)) notes.push(note);
}

function isServerCall(block: ContentBlock): boolean {
  return block.type === 'server_tool_use' || block.type === 'mcp_tool_use';
}

function isServerResult(block: ContentBlock): boolean {
  return block.type.endsWith('_tool_result') && block.type !== 'tool_result';
}

function describe(block: ContentBlock, all: readonly Placed[]): string {
  if (block.type === 'search_result') {
    const source = [textOf(block.title), textOf(block.source)].filter((part) => part !== '').join(' – ');
    return [source, textsOf(block.content)].filter((part) => part !== '').join('\n');
  }
  if (isServerCall(block)) return describeCall(block);
  if (!isServerResult(block)) return '';
  const call = all.find(({ block: other }) => isServerCall(other) && other.id === block.tool_use_id)?.block;
  return [call ? describeCall(call) : `[${block.type}]`, describeFound(block.content)]
    .filter((part) => part !== '')
    .join('\n');
}

function describeCall(block: ContentBlock): string {
  const query = textOf(fieldsOf(block.input).query);
  return `[${textOf(block.name)}: ${query === '' ? writeJson(block.input ?? {}) : query}]`;
}

/** Titles and addresses of what was found, or its texts. */
function describeFound(content: unknown): string {
  if (!Array.isArray(content)) return textOf(content) || textOf(fieldsOf(content).error_code);
  const lines = content.map((found: unknown) => {
    const { title, url, text } = fieldsOf(found);
    const source = [textOf(title), textOf(url)].filter((part) => part !== '').join(' – ');
    return source === '' ? textOf(text) : `- ${source}`;
  });
  return lines.filter((line) => line !== '').join('\n');
}

function textsOf(content: unknown): string {
  if (typeof content === 'string') return content;
  return listOf(content)
    .map((part) => textOf(fieldsOf(part).text))
    .filter((text) => text !== '')
    .join('\n');
}
