// A whole message told as the events of a Messages stream, in the order and with the indices that Anthropic uses
// (https://docs.claude.com/en/build-with-claude/streaming).
import type { Message, Usage } from '#shared/wire/anthropic.ts';
import { DEFAULT_DELTA_CHARS, pieces } from '../pieces.ts';
import type { Scene, SceneBlock } from '../script.ts';

export type StreamEvent = { event: string; data: string } | { raw: string };

/** All events of the message, with the scene's pings and extra events in their places. */
export function toEvents(scene: Scene, message: Message, rawInputs: ReadonlyMap<number, string>): StreamEvent[] {
  const size = Math.max(1, scene.deltaChars ?? DEFAULT_DELTA_CHARS);
  const events: StreamEvent[] = [messageStart(message, scene)];
  for (const [index, block] of message.content.entries()) {
    events.push(...blockEvents(index, block as SceneBlock, rawInputs.get(index), size));
  }
  events.push(messageDelta(message, scene), typed('message_stop', {}));
  if ((scene.pings ?? 'once') === 'once') events.splice(message.content.length === 0 ? 1 : 2, 0, typed('ping', {}));
  for (const extra of [...(scene.extraEvents ?? [])].sort((a, b) => a.at - b.at)) {
    const event = 'raw' in extra ? { raw: extra.raw } : { event: extra.event, data: JSON.stringify(extra.data) };
    events.splice(extra.at, 0, event);
  }
  return events;
}

export function writeEvent(event: StreamEvent, newline: string, isNamed = true): Buffer {
  if ('raw' in event) return Buffer.from(event.raw);
  const name = isNamed ? `event: ${event.event}${newline}` : '';
  return Buffer.from(`${name}data: ${event.data}${newline}${newline}`);
}

function typed(type: string, rest: Record<string, unknown>): StreamEvent {
  return { event: type, data: JSON.stringify({ type, ...rest }) };
}

function messageStart(message: Message, scene: Scene): StreamEvent {
  const { model, id, type, role } = message;
  const usage: Usage = { ...message.usage, output_tokens: Math.min(1, message.usage.output_tokens ?? 0) };
  const opening = { model, id, type, role, content: [], stop_reason: null, stop_sequence: null, usage };
  return typed('message_start', { message: { ...opening, ...scene.messageFields } });
}

function messageDelta(message: Message, scene: Scene): StreamEvent {
  const { stop_reason, stop_sequence, usage, safeguard_results } = message;
  const safeguards = safeguard_results === undefined ? {} : { safeguard_results };
  const { input_tokens, cache_creation_input_tokens, cache_read_input_tokens, output_tokens, ...more } = usage;
  delete more.service_tier;
  const totals = { input_tokens, cache_creation_input_tokens, cache_read_input_tokens, output_tokens, ...more };
  return typed('message_delta', {
    delta: { stop_reason, stop_sequence, ...scene.deltaFields, ...safeguards },
    usage: totals,
  });
}

function blockEvents(index: number, block: SceneBlock, rawInput: string | undefined, size: number): StreamEvent[] {
  const { opening, deltas } = openBlock(block, rawInput, size);
  return [
    typed('content_block_start', { index, content_block: opening }),
    ...deltas.map((delta) => typed('content_block_delta', { index, delta })),
    typed('content_block_stop', { index }),
  ];
}

interface OpenedBlock {
  opening: Record<string, unknown>;
  deltas: Array<Record<string, unknown>>;
}

function openBlock(block: SceneBlock, rawInput: string | undefined, size: number): OpenedBlock {
  switch (block.type) {
    case 'text': {
      const citations = Array.isArray(block.citations) ? block.citations : [];
      return {
        opening: { ...block, text: '', ...(citations.length > 0 ? { citations: [] } : {}) },
        deltas: [
          ...citations.map((citation) => ({ type: 'citations_delta', citation })),
          ...pieces(String(block.text ?? ''), size).map((text) => ({ type: 'text_delta', text })),
        ],
      };
    }
    case 'thinking':
      return {
        opening: { ...block, thinking: '', signature: '' },
        deltas: [
          ...pieces(String(block.thinking ?? ''), size).map((thinking) => ({ type: 'thinking_delta', thinking })),
          { type: 'signature_delta', signature: block.signature ?? '' },
        ],
      };
    case 'tool_use':
    case 'server_tool_use':
    case 'mcp_tool_use': {
      const json = rawInput ?? JSON.stringify(block.input ?? {});
      return {
        opening: { ...block, input: {} },
        // The first delta of a tool call is empty, as Anthropic sends it.
        deltas: ['', ...pieces(json, size)].map((partial_json) => ({ type: 'input_json_delta', partial_json })),
      };
    }
    default:
      return { opening: block, deltas: [] };
  }
}
