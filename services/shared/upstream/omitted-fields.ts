// What of a client's request no converting provider reads, by name: it is left out, and the client can see that it was.
import type { MessagesRequest } from '#shared/wire/anthropic.ts';

/** Members that providers carry, approximate with a note of their own, or refuse. */
const READ: ReadonlySet<string> = new Set([
  ...['model', 'messages', 'system', 'tools', 'tool_choice', 'max_tokens', 'stream', 'metadata', 'thinking'],
  ...['output_config', 'stop_sequences', 'temperature', 'top_p', 'top_k', 'service_tier', 'mcp_servers'],
  ...['thread', 'safeguards'],
]);
/** Clients may send any number of them, and notes travel in a header. */
const MOST = 8;
const LONGEST = 40;

export function omittedFields(request: MessagesRequest): string[] {
  return Object.keys(request)
    .filter((name) => !READ.has(name) && (request[name] ?? null) !== null)
    .slice(0, MOST)
    .map((name) => `omitted:${name.slice(0, LONGEST)}`);
}
