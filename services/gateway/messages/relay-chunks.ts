// Chunks of an answer → client, as they come. What one read of the upstream's connection brings is written at once, when
// that read is over, as one piece: a client sees nothing later, and the cost of writing is paid once a read instead of
// once an event.
import type { ServerResponse } from 'node:http';
import type { Answer, AnswerFlow, UpstreamFailure } from '#shared/upstream/call-upstream.ts';

export interface RelayOptions {
  response: ServerResponse;
  /** The head is sent when it is there, and does not wait for the first bytes. */
  headFirst: boolean;
  /** A client that takes nothing for so long has left without saying so: its connection is destroyed. */
  stalledMs: number;
  /** Told of each piece when it has been written. */
  onWritten(piece: Buffer): void;
  /** The upstream has ended, and all of it is written; undefined = it ended properly. */
  onEnd(failure?: UpstreamFailure): void;
}

export interface ChunkRelay {
  /** Closes the upstream's connection; nothing is told afterwards. */
  abort(): void;
}

export function relayChunks(answer: Answer, options: RelayOptions): ChunkRelay {
  return new Relay(answer, options);
}

class Relay implements ChunkRelay {
  readonly #options: RelayOptions;
  /** What came since the last write; at most what one read brings. */
  #waiting: Buffer[] = [];
  #flow: AnswerFlow | undefined;
  #stalled: NodeJS.Timeout | undefined;

  constructor(answer: Answer, options: RelayOptions) {
    this.#options = options;
    this.#flow = answer.start({
      onChunk: (chunk) => {
        if (this.#waiting.push(chunk) === 1) process.nextTick(flush, this);
      },
      onEnd: () => this.#end(),
      onError: (failure) => this.#end(failure),
    });
    // Bytes that are here already take it with them.
    const { headFirst, response } = options;
    if (headFirst && this.#waiting.length === 0 && !response.writableEnded) response.flushHeaders();
  }

  abort(): void {
    clearTimeout(this.#stalled);
    this.#waiting = [];
    this.#flow?.abort();
  }

  flush(): void {
    const [first] = this.#waiting;
    if (first === undefined) return;
    const piece = this.#waiting.length === 1 ? first : Buffer.concat(this.#waiting);
    this.#waiting = [];
    const hasRoom = writePiece(this.#options.response, piece);
    this.#options.onWritten(piece);
    if (!hasRoom) this.#waitForClient();
  }

  #waitForClient(): void {
    const { response, stalledMs } = this.#options;
    this.#flow?.pause();
    response.once('drain', this.#resume);
    clearTimeout(this.#stalled);
    this.#stalled = setTimeout(() => response.destroy(), stalledMs);
  }

  readonly #resume = (): void => {
    clearTimeout(this.#stalled);
    this.#flow?.resume();
  };

  #end(failure?: UpstreamFailure): void {
    this.flush();
    clearTimeout(this.#stalled);
    this.#options.onEnd(failure);
  }
}

function flush(relay: Relay): void {
  relay.flush();
}

/** Larger ones are not copied for it. */
const FRAMED_BYTES = 4096;

/** An event's chunk goes out as one piece where node:http would make four of it: size, line end, bytes, line end. */
function writePiece(response: ServerResponse, piece: Buffer): boolean {
  if (!response.chunkedEncoding || piece.length === 0 || piece.length > FRAMED_BYTES) return response.write(piece);
  response.chunkedEncoding = false;
  const hasRoom = response.write(toChunk(piece));
  response.chunkedEncoding = true;
  return hasRoom;
}

function toChunk(piece: Buffer): Buffer {
  const size = `${piece.length.toString(16)}\r\n`;
  const chunk = Buffer.allocUnsafe(size.length + piece.length + 2);
  chunk.write(size, 'latin1');
  chunk.set(piece, size.length);
  chunk.write('\r\n', size.length + piece.length, 'latin1');
  return chunk;
}
