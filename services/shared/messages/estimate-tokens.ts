// How many tokens a prompt will have, for upstreams that do not count: a little more than true rather than less.
import type { MessagesRequest } from '#shared/wire/anthropic.ts';

const BYTES_PER_TOKEN = 3.6;

/** At least 1. */
export function estimateTokens(request: MessagesRequest): number {
  const counted = [request.system, request.messages, request.tools].map((part) => JSON.stringify(part ?? ''));
  const bytes = counted.reduce((sum, text) => sum + Buffer.byteLength(text), 0);
  return Math.max(1, Math.ceil(bytes / BYTES_PER_TOKEN));
}
