// Deltas of a stream as Anthropic writes them → their pieces of text, one behind the other. Made for one stream, which the
// kernel holds as far as it has room: until all of it is read nobody else may use the kernel.
import { byteKernel } from './byte-kernel.ts';

export interface DeltaJoiner {
  /** All of it, as long as nobody else uses the kernel. */
  readonly stream: Buffer;
  /**
   * Where the first event begins that does not begin with `head` and say one piece of text, or is too long to be looked at;
   * perhaps an earlier one. Places must come in order.
   */
  read(head: string, at: number): number;
  /** Did what was read last say anything? */
  readonly hasText: boolean;
  /** All that it said, as JSON without its quotes. */
  text(): string;
}

/** The longest head is shorter. */
const HEAD_BYTES = 256;

export function createDeltaJoiner(chunks: readonly Buffer[], size: number): DeltaJoiner {
  const { input, inputAt, output, run } = byteKernel;
  const room = input.subarray(HEAD_BYTES);
  const roomAt = inputAt + HEAD_BYTES;
  const fits = size <= room.length;
  const stream = fits ? room.subarray(0, size) : Buffer.allocUnsafeSlow(size);
  let start = 0;
  let end = 0;
  // Out of shared memory the engine's own ways of copying go word by word, this one does not.
  for (const chunk of chunks) {
    stream.fill(chunk, end, end + chunk.length);
    end += chunk.length;
  }
  const load = (at: number): void => {
    start = at;
    end = Math.min(at + room.length, size);
    stream.copy(room, 0, start, end);
  };
  if (!fits) load(0);
  const joiner = {
    stream,
    hasText: false,
    read(head: string, at: number): number {
      // So that each byte is loaded twice at most.
      if (end < size && end - at < room.length / 2) load(at);
      const length = input.write(head, 0, HEAD_BYTES);
      const next = run.joinDeltas(length, roomAt + at - start, roomAt + end - start);
      joiner.hasText = run.written() > 0;
      return start + next - roomAt;
    },
    text: (): string => output.toString('utf8', 0, run.written()),
  };
  return joiner;
}
