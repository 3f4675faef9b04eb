// Events of a message → the text of their stream, as Anthropic writes it.
import type { ErrorEnvelope } from '#shared/errors.ts';
import type { AnthropicEvent } from './message-writer.ts';

/** One event as bytes: its name, then its JSON on one line. */
export function toSse(event: AnthropicEvent): Buffer {
  return Buffer.from(toSseText(event));
}

/** The same before it is bytes, for who joins several. */
export function toSseText(event: AnthropicEvent): string {
  return `event: ${event.type}\ndata: ${toPlainDelta(event) ?? JSON.stringify(event)}\n\n`;
}

/** Deltas of text, one after the other. */
export function textsToSse(index: number, texts: readonly string[]): string {
  const start = `event: content_block_delta\ndata: {"type":"content_block_delta","index":${index},"delta":{"type":"text_delta","text":`;
  let sse = '';
  for (const text of texts) sse += `${start}${JSON.stringify(text)}}}\n\n`;
  return sse;
}

/** Nearly all events are of one shape and hold one string: put together by hand in half the time. */
function toPlainDelta({ type, index, delta }: AnthropicEvent): string | null {
  if (type !== 'content_block_delta') return null;
  const { type: kind, text, thinking, partial_json: json } = delta as Record<string, unknown>;
  const start = `{"type":"content_block_delta","index":${index},"delta":{"type":"${kind}","`;
  switch (kind) {
    case 'text_delta':
      return `${start}text":${JSON.stringify(text)}}}`;
    case 'thinking_delta':
      return `${start}thinking":${JSON.stringify(thinking)}}}`;
    case 'input_json_delta':
      return `${start}partial_json":${JSON.stringify(json)}}}`;
    default:
      return null;
  }
}

/** The one event that ends a stream whose source failed between two events. */
export function errorEvent(envelope: ErrorEnvelope): Buffer {
  return toSse({ ...envelope });
}
