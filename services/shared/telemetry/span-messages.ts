// Spans as the messages that carry them. Each is written where it travels, behind the others; what surrounds them is put in
// front when it is known how many there are. The memory of a message that has arrived is used again.
import { fieldHead, ProtobufOutput } from './protobuf-output.ts';

export interface SpanMessage {
  /** Until it is given back. */
  readonly bytes: Buffer<ArrayBuffer>;
  readonly spans: number;
}

export interface SpanMessageWriter {
  begin(): SpanMessages;
  /** Of a message that nobody reads any more. */
  giveBack(message: SpanMessage): void;
}

export interface SpanMessages {
  /** What `write` writes is one or more spans, which stay together. When it throws, nothing of it is there. */
  add(spans: number, write: (output: ProtobufOutput) => void): void;
  /** `tooLarge`: each alone, and larger than every receiver takes. */
  end(): { messages: SpanMessage[]; tooLarge: SpanMessage[] };
}

/** Field numbers with their wire types. */
const TAGS = { resourceSpans: 0x0a, scopeSpans: 0x12 } as const;
/** In front of resource and scope, tag and length. */
const HEAD_BYTES = 16;
const FIRST_BYTES = 64 * 1024;
/** Of all rooms that wait for the next message: as much as is under way at once. */
const KEPT_BYTES = 16 * 1024 * 1024;

/** Resource and scope as the fields that they are; `messageBytes` = what a message of several may take with them. */
export function createSpanMessageWriter(resource: Buffer, scope: Buffer, messageBytes: number): SpanMessageWriter {
  const rooms: Array<Buffer<ArrayBuffer>> = [];
  let keptBytes = 0;
  const scopeAt = HEAD_BYTES + resource.length;
  const spansAt = scopeAt + scope.length;
  /** As large as the one before has become. */
  let roomBytes = spansAt + FIRST_BYTES;
  const mostBytes = messageBytes - resource.length - scope.length;

  const open = (): ProtobufOutput => {
    const kept = rooms.pop();
    keptBytes -= kept?.length ?? 0;
    const room = kept ?? Buffer.allocUnsafeSlow(roomBytes);
    scope.copy(room, scopeAt);
    return new ProtobufOutput(room, spansAt);
  };
  const close = (output: ProtobufOutput, spans: number): SpanMessage => {
    const size = output.size - scopeAt;
    const scopeHead = fieldHead(TAGS.scopeSpans, size);
    const head = fieldHead(TAGS.resourceSpans, resource.length + scopeHead.length + size);
    let start = scopeAt;
    for (const bytes of [scopeHead, resource, head]) {
      start -= bytes.length;
      bytes.copy(output.room, start);
    }
    return { bytes: output.room.subarray(start, output.size), spans };
  };

  const begin = (): SpanMessages => {
    const messages: SpanMessage[] = [];
    const tooLarge: SpanMessage[] = [];
    let output: ProtobufOutput | null = null;
    let count = 0;
    /** What was written last becomes the first of a message of its own. */
    const moveOn = (from: ProtobufOutput, start: number): ProtobufOutput => {
      const next = open();
      next.copy(from.room, start, from.size);
      from.backTo(start);
      return next;
    };
    return {
      add: (spans, write) => {
        output ??= open();
        const start = output.size;
        try {
          write(output);
        } catch (error) {
          output.backTo(start);
          throw error;
        }
        if (output.size - start > mostBytes) {
          tooLarge.push(close(moveOn(output, start), spans));
          return;
        }
        if (output.size - spansAt > mostBytes) {
          const next = moveOn(output, start);
          messages.push(close(output, count));
          output = next;
          count = 0;
        }
        count += spans;
      },
      end: () => {
        if (output !== null && count > 0) messages.push(close(output, count));
        else if (output !== null) keep(output.room);
        output = null;
        return { messages, tooLarge };
      },
    };
  };
  const keep = (room: Buffer<ArrayBuffer>): void => {
    if (keptBytes + room.length > KEPT_BYTES) return;
    roomBytes = room.length;
    keptBytes += room.length;
    rooms.push(room);
  };
  return { begin, giveBack: ({ bytes }) => keep(Buffer.from(bytes.buffer)) };
}
