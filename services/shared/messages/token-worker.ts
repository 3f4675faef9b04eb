// The thread that counts with a tokenizer: its tables are 80 MB and take a quarter of a second to load, and a long text
// takes as long again. Texts that come again, as system prompts and tools do, are counted once.
import { hash } from 'node:crypto';
import { type MessagePort, parentPort } from 'node:worker_threads';
import { countTokens } from 'gpt-tokenizer/encoding/o200k_base';
import type { MessagesRequest } from '#shared/wire/anthropic.ts';
import { estimateTokens } from './estimate-tokens.ts';

export interface TokenQuestion {
  id: number;
  /** The request's JSON. */
  body: Uint8Array;
}

export interface TokenReply {
  id: number;
  /** null = no JSON object. */
  tokens: number | null;
}

/** The tokenizer's time grows with the square of a text's longest word. */
const SLICE_CHARS = 512;
const SLICE_SLACK = 64;
const REMEMBERED_FROM = 512;
const MAX_REMEMBERED = 8192;
/** Names of control tokens are text like any other. */
const AS_TEXT = { disallowedSpecial: new Set<string>() };

function createTextCounter(): (text: string) => number {
  const known = new Map<string, number>();
  return (text) => {
    if (text.length < REMEMBERED_FROM) return countSlices(text);
    const key = hash('sha1', text, 'base64');
    const tokens = known.get(key) ?? countSlices(text);
    known.delete(key);
    known.set(key, tokens);
    const [oldest] = known.keys();
    if (known.size > MAX_REMEMBERED && oldest !== undefined) known.delete(oldest);
    return tokens;
  };
}

/** Cut before white space where there is some: there a token ends anyway. */
function countSlices(text: string): number {
  let tokens = 0;
  for (let from = 0; from < text.length; ) {
    const to = sliceEnd(text, from);
    tokens += countTokens(text.slice(from, to), AS_TEXT);
    from = to;
  }
  return tokens;
}

function sliceEnd(text: string, from: number): number {
  const most = from + SLICE_CHARS;
  if (most >= text.length) return text.length;
  for (let end = most; end > most - SLICE_SLACK; end--) if (text[end] === ' ' || text[end] === '\n') return end;
  return most;
}

function serve(port: MessagePort): void {
  const countText = createTextCounter();
  port.on('message', ({ id, body }: TokenQuestion) => {
    const request = parse(body);
    const tokens = request === null ? null : estimateTokens(request, countText);
    port.postMessage({ id, tokens } satisfies TokenReply);
  });
}

function parse(body: Uint8Array): MessagesRequest | null {
  try {
    const value: unknown = JSON.parse(Buffer.from(body.buffer, body.byteOffset, body.byteLength).toString('utf8'));
    return typeof value === 'object' && value !== null && !Array.isArray(value) ? (value as MessagesRequest) : null;
  } catch {
    return null; // the caller tells the client
  }
}

if (parentPort) serve(parentPort);
