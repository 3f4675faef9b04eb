// Events of a message → the text of their stream, as Anthropic writes it.
import type { ErrorEnvelope } from '#shared/errors.ts';
import { createEventFrame, type EventFrame } from '#shared/simd/copy-pieces.ts';
import type { AnthropicEvent } from './message-writer.ts';

/** One event as bytes: its name, then its JSON on one line. */
export function toSse(event: AnthropicEvent): Buffer {
  return Buffer.from(toSseText(event));
}

/** The same before it is bytes, for who joins several. */
export function toSseText(event: AnthropicEvent): string {
  return toDeltaText(event) ?? `event: ${event.type}\ndata: ${JSON.stringify(event)}\n\n`;
}

/** By the type of a delta, the one string that it holds. */
const FIELDS = { text_delta: 'text', thinking_delta: 'thinking', input_json_delta: 'partial_json' } as const;
type DeltaType = keyof typeof FIELDS;

/** What stands around the string in the text of a delta. */
export function deltaFrame(index: number, type: DeltaType): EventFrame {
  return createEventFrame(`${deltaStart(index, type)}"`, '"}}\n\n');
}

/** Nearly all events are of one shape and hold one string: put together by hand in half the time. */
function toDeltaText({ type, index, delta }: AnthropicEvent): string | null {
  if (type !== 'content_block_delta') return null;
  const fields = delta as Record<string, unknown>;
  const kind = fields.type as DeltaType;
  const field = FIELDS[kind];
  return field === undefined ? null : `${deltaStart(index, kind)}${JSON.stringify(fields[field])}}}\n\n`;
}

function deltaStart(index: unknown, type: DeltaType): string {
  return `event: content_block_delta\ndata: {"type":"content_block_delta","index":${index},"delta":{"type":"${type}","${FIELDS[type]}":`;
}

/** The one event that ends a stream whose source failed between two events. */
export function errorEvent(envelope: ErrorEnvelope): Buffer {
  return toSse({ ...envelope });
}
