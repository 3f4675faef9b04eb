// A provider's reader fed with raw upstream bytes: what a client would see of it.
import { createMessageAccumulator } from '#shared/messages/accumulate-message.ts';
import { type AnthropicEvent, createMessageWriter } from '#shared/messages/message-writer.ts';
import type { ConversionMemory, Provider } from '#shared/providers/provider.ts';
import { createFrameReader } from '#shared/upstream/read-frames.ts';
import type { Message } from '#shared/wire/anthropic.ts';
import { copyDeltasTo } from './copy-deltas.ts';

export interface ConvertedStream {
  events: AnthropicEvent[];
  /** What the reader threw; null when it ended the message. */
  error: unknown;
  /** As the upstream named it last. */
  model: string | undefined;
  /** The events folded; null when there is none. @throws where their order is none */
  readonly message: Message | null;
}

export interface FeedOptions {
  /** Bytes a chunk; all at once by default. */
  chunkBytes?: number;
  memory?: Partial<ConversionMemory> & Record<string, unknown>;
  /** True: as a gateway reads, ahead of the parser; false: each event by itself. */
  readsAhead?: boolean;
}

export const MEMORY: ConversionMemory = {
  model: 'upstream-model',
  modelAsked: 'claude-x',
  toolNames: new Map(),
  stopSequences: [],
  inputTokens: 42,
};

export function feedStream(provider: Provider, bytes: string | Buffer, options: FeedOptions = {}): ConvertedStream {
  const events: AnthropicEvent[] = [];
  const usage = { input_tokens: MEMORY.inputTokens, output_tokens: 0 };
  const readsAhead = options.readsAhead ?? true;
  const writer = createMessageWriter(
    { id: 'msg_1', model: MEMORY.modelAsked, usage },
    (event) => events.push(event),
    readsAhead ? copyDeltasTo((event) => events.push(event)) : null,
  );
  const reader = provider.createReader(writer, { ...MEMORY, ...options.memory });
  const readAhead = readsAhead ? reader.readAhead?.bind(reader) : undefined;
  const frames = createFrameReader(provider.framing, (event) => reader.onEvent(event), readAhead);
  const all = typeof bytes === 'string' ? Buffer.from(bytes) : bytes;
  const step = options.chunkBytes ?? Math.max(1, all.length);
  try {
    for (let at = 0; at < all.length && !writer.hasEnded; at += step) frames.push(all.subarray(at, at + step));
    if (!writer.hasEnded) frames.end();
    if (!writer.hasEnded) reader.onEnd();
  } catch (error) {
    return toConverted(events, error, reader.model);
  }
  return toConverted(events, null, reader.model);
}

/** Folded when somebody looks. */
function toConverted(events: AnthropicEvent[], error: unknown, model: string | undefined): ConvertedStream {
  let message: Message | null | undefined;
  return {
    events,
    error,
    model,
    get message() {
      message ??= fold(events);
      return message;
    },
  };
}

/** Throws where the order of the events is none. */
function fold(events: readonly AnthropicEvent[]): Message | null {
  const accumulator = createMessageAccumulator();
  for (const event of events) accumulator.add(structuredClone(event));
  return accumulator.message();
}
