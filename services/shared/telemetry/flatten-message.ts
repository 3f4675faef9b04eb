// Anthropic messages → OpenInference's flat messages, each a list of key suffixes and values. No block is dropped: what has
// no convention becomes JSON text. Input is whatever a client sent, so nothing about its shape is believed.
import { MESSAGE } from './attribute-keys.ts';
import { compactJson, LEFT_OUT, LONGEST_BASE64 } from './compact-json.ts';

/** Key suffix and value, the role first. */
export type FlatMessage = Array<[key: string, value: string]>;

type Block = Record<string, unknown>;
export interface TextRules {
  /** Applied to every text. */
  redact(text: string): string;
  /** Longest base64 image that is kept, in characters. */
  longestImage: number;
  /** Whether those are left out that stand where no key of their own can be: in the result of a tool. */
  hidesImages?: boolean;
  /** The bytes of a text, where that is known without counting. */
  sizeOf?(text: string): number;
}

/** The name of each tool call by its id. */
export interface ToolNames {
  get(id: string): string | undefined;
}

/** The tool calls of a message: id and name. */
export function namedCalls(message: unknown): Array<[id: string, name: string]> {
  const content = isObject(message) ? message.content : null;
  if (!Array.isArray(content)) return [];
  const calls: Array<[string, string]> = [];
  for (const block of content) {
    if (isObject(block) && typeof block.id === 'string' && typeof block.name === 'string') {
      calls.push([block.id, block.name]);
    }
  }
  return calls;
}

/** One message of a request → one or more flat ones: every tool result is a message of its own. */
export function flattenMessage(message: unknown, names: ToolNames, rules: TextRules): FlatMessage[] {
  if (!isObject(message)) return [textMessage('unknown', rules.redact(compactJson(message)))];
  const role = typeof message.role === 'string' ? rules.redact(message.role) : 'unknown';
  return flattenContent(role, message.content, names, rules);
}

/** The content of a message, a system prompt or an answer. */
export function flattenContent(role: string, content: unknown, names: ToolNames, rules: TextRules): FlatMessage[] {
  if (typeof content === 'string') return [textMessage(role, rules.redact(content))];
  if (!Array.isArray(content)) return [textMessage(role, rules.redact(compactJson(content)))];
  const messages: FlatMessage[] = [];
  let run: unknown[] = [];
  const endRun = (): void => {
    if (run.length > 0) messages.push(blocksMessage(role, run, rules));
    run = [];
  };
  for (const block of content) {
    if (isObject(block) && block.type === 'tool_result') {
      endRun();
      messages.push(toolResultMessage(block, names, rules));
    } else {
      run.push(block);
    }
  }
  endRun();
  return messages.length > 0 ? messages : [textMessage(role, '')];
}

function textMessage(role: string, text: string): FlatMessage {
  return [
    [MESSAGE.role, role],
    [MESSAGE.content, text],
  ];
}

function toolResultMessage(block: Block, names: ToolNames, rules: TextRules): FlatMessage {
  const id = typeof block.tool_use_id === 'string' ? block.tool_use_id : '';
  const name = names.get(id);
  const { content } = block;
  return [
    [MESSAGE.role, 'tool'],
    [MESSAGE.toolCallId, rules.redact(id)],
    ...(name === undefined ? [] : ([[MESSAGE.name, rules.redact(name)]] satisfies FlatMessage)),
    [MESSAGE.content, rules.redact(typeof content === 'string' ? content : blocksJson(content ?? '', rules))],
  ];
}

function blocksMessage(role: string, blocks: readonly unknown[], rules: TextRules): FlatMessage {
  const flat: FlatMessage = [[MESSAGE.role, role]];
  const lastText = blocks.findLastIndex((block) => !isToolUse(block));
  let contents = 0;
  let calls = 0;
  for (const [index, block] of blocks.entries()) {
    if (isToolUse(block)) {
      const call = toolCall(block, rules);
      flat.push(...prefixed(`${MESSAGE.toolCalls}.${calls}.`, call));
      calls += 1;
      // Something follows the call: its place among the contents matters.
      if (index < lastText) {
        flat.push(...prefixed(`${MESSAGE.contents}.${contents}.`, [[MESSAGE.contentType, 'tool_use'], ...call]));
        contents += 1;
      }
    } else {
      flat.push(...prefixed(`${MESSAGE.contents}.${contents}.`, toContent(block, rules)));
      contents += 1;
    }
  }
  return flat;
}

function isToolUse(block: unknown): block is Block {
  return isObject(block) && block.type === 'tool_use';
}

function toolCall(block: Block, rules: TextRules): FlatMessage {
  return [
    [MESSAGE.callId, typeof block.id === 'string' ? rules.redact(block.id) : ''],
    [MESSAGE.callName, typeof block.name === 'string' ? rules.redact(block.name) : ''],
    [MESSAGE.callArguments, rules.redact(compactJson(block.input ?? {}))],
  ];
}

function toContent(block: unknown, rules: TextRules): FlatMessage {
  if (isObject(block)) {
    if (block.type === 'text' && typeof block.text === 'string') return textContent(rules.redact(block.text));
    if (block.type === 'thinking' && typeof block.thinking === 'string') {
      const signature = typeof block.signature === 'string' ? block.signature : '';
      return [
        [MESSAGE.contentType, 'reasoning'],
        [MESSAGE.contentText, rules.redact(block.thinking)],
        ...(signature === '' ? [] : ([[MESSAGE.contentSignature, signature]] satisfies FlatMessage)),
      ];
    }
    if (block.type === 'redacted_thinking' && typeof block.data === 'string') {
      return [
        [MESSAGE.contentType, 'reasoning'],
        [MESSAGE.contentData, block.data],
      ];
    }
    const url = block.type === 'image' ? imageUrl(block.source, rules.longestImage) : null;
    if (url !== null) {
      return [
        [MESSAGE.contentType, 'image'],
        [MESSAGE.contentImageUrl, rules.redact(url)],
      ];
    }
  }
  return textContent(rules.redact(blocksJson(block, rules)));
}

function textContent(text: string): FlatMessage {
  return [
    [MESSAGE.contentType, 'text'],
    [MESSAGE.contentText, text],
  ];
}

function imageUrl(source: unknown, longest: number): string | null {
  if (!isObject(source)) return null;
  if (typeof source.url === 'string') return source.url.length > longest ? LEFT_OUT : source.url;
  if (typeof source.data !== 'string') return null;
  const mime = typeof source.media_type === 'string' ? source.media_type : 'application/octet-stream';
  return source.data.length > longest ? LEFT_OUT : `data:${mime};base64,${source.data}`;
}

const IMAGE = '"type":"image"';

/** Blocks as JSON, the images among them by the same rules as those that stand alone. */
function blocksJson(blocks: unknown, rules: TextRules): string {
  const json = compactJson(blocks);
  if (!json.includes(IMAGE)) return json;
  const longest = Math.max(LONGEST_BASE64, rules.longestImage);
  return compactJson(blocks, (_key, value) => (isImage(value) ? shownImage(value, rules) : value), longest);
}

function isImage(value: unknown): value is Block {
  return isObject(value) && value.type === 'image';
}

function shownImage(image: Block, { hidesImages = false, longestImage }: TextRules): Block {
  if (hidesImages) return { type: 'image', source: LEFT_OUT };
  const { source } = image;
  const shown = { ...withoutLong(image, longestImage), type: 'image' };
  return isObject(source) ? { ...shown, source: withoutLong(source, longestImage) } : shown;
}

function withoutLong<T extends object>(fields: T, longest: number): T {
  const isLong = ([, value]: [string, unknown]): boolean => typeof value === 'string' && value.length > longest;
  const long = Object.entries(fields).filter(isLong);
  return { ...fields, ...Object.fromEntries(long.map(([name]) => [name, LEFT_OUT])) };
}

function prefixed(prefix: string, flat: FlatMessage): FlatMessage {
  return flat.map(([key, value]) => [`${prefix}${key}`, value]);
}

function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
