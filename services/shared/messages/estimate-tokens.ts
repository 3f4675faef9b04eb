// How many tokens a prompt will have, for upstreams that do not count: everything that reaches the model, a little more
// than true rather than less, so that a client compacts early instead of running over. Which texts weigh how much is the
// caller's to choose: approximated (the default, for the request path) or by a tokenizer (token-counter.ts).

import { madeOnce } from '#shared/made-once.ts';
import type { ContentBlock, MessageParam, MessagesRequest } from '#shared/wire/anthropic.ts';
import { approximateTokens } from './approximate-tokens.ts';
import { imageSize } from './image-size.ts';

export type CountText = (text: string) => number;

/** Added to what the pieces weigh: chat templates differ, and vendors' tokenizers do. */
const BIAS = 1.07;
const PROMPT = 8;
const MESSAGE = 4;
const BLOCK = 4;
const TOOL = 10;
/** An image whose size cannot be told, and the most one costs: larger ones are scaled down. */
const IMAGE = 1600;
const PIXELS_PER_TOKEN = 750;
const PDF_PAGE = 2250;
/** Of base64; a guess, for pages are not counted. */
const PDF_PAGE_CHARS = 100_000;
/** A document that stands elsewhere. */
const FAR_DOCUMENT = 3000;
/** Encrypted reasoning is longer than the tokens it stands for. */
const OPAQUE_CHARS_PER_TOKEN = 8;

/** At least 1. Never throws, whatever the request holds. */
export function estimateTokens(request: MessagesRequest, countText: CountText = approximateTokens): number {
  const { system, tools, messages, output_config } = request;
  let tokens = PROMPT + contentTokens(system, countText);
  if (Array.isArray(tools) && tools.length > 0) tokens += TOOL * tools.length + toolTokens(tools, countText);
  for (const message of listOf(messages)) {
    tokens += MESSAGE + contentTokens((message as MessageParam | null)?.content, countText);
  }
  if (output_config !== undefined) tokens += jsonTokens(output_config, countText);
  return Math.max(1, Math.ceil(tokens * BIAS));
}

/** Tools that are kept are weighed once, by whoever weighs them first. */
function toolTokens(tools: unknown[], countText: CountText): number {
  return madeOnce(tools, 'tokens', () => jsonTokens(tools, countText));
}

function listOf(value: unknown): readonly unknown[] {
  return Array.isArray(value) ? value : [];
}

function contentTokens(content: unknown, countText: CountText): number {
  if (typeof content === 'string') return countText(content);
  let tokens = 0;
  for (const block of listOf(content)) {
    if (typeof block === 'string') tokens += countText(block);
    else if (typeof block === 'object' && block !== null) tokens += blockTokens(block as ContentBlock, countText);
  }
  return tokens;
}

function blockTokens(block: Record<string, unknown>, countText: CountText): number {
  switch (block.type) {
    case 'text':
      return textTokens(block.text, countText);
    case 'thinking':
      return textTokens(block.thinking, countText) + opaqueTokens(block.signature);
    case 'redacted_thinking':
      return opaqueTokens(block.data);
    case 'tool_use':
    case 'server_tool_use':
      return BLOCK + textTokens(block.name, countText) + jsonTokens(block.input, countText);
    case 'tool_result':
      return BLOCK + contentTokens(block.content, countText);
    case 'image':
      return imageTokens(block.source);
    case 'document':
      return textTokens(block.title, countText) + documentTokens(block.source, countText);
    default:
      return jsonTokens(block, countText);
  }
}

function textTokens(text: unknown, countText: CountText): number {
  return typeof text === 'string' ? countText(text) : 0;
}

function jsonTokens(value: unknown, countText: CountText): number {
  return value === undefined ? 0 : countText(JSON.stringify(value));
}

function opaqueTokens(value: unknown): number {
  return typeof value === 'string' ? value.length / OPAQUE_CHARS_PER_TOKEN : 0;
}

function imageTokens(source: unknown): number {
  const data = (source as { data?: unknown } | null | undefined)?.data;
  const size = typeof data === 'string' ? imageSize(data) : null;
  return size === null ? IMAGE : Math.min(IMAGE, Math.ceil((size.width * size.height) / PIXELS_PER_TOKEN));
}

function documentTokens(value: unknown, countText: CountText): number {
  const source = (value ?? {}) as { type?: unknown; data?: unknown; content?: unknown };
  if (source.type === 'text') return textTokens(source.data, countText);
  if (source.type === 'content') return contentTokens(source.content, countText);
  if (typeof source.data !== 'string') return FAR_DOCUMENT;
  return Math.ceil(source.data.length / PDF_PAGE_CHARS) * PDF_PAGE;
}
