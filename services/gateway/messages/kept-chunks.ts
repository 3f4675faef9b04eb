// The answer as it passed: chunks with their times, up to a limit of bytes; beyond it only the end is kept. Small chunks are
// copied together: a stream lives for minutes, and a buffer for each of its events would be moved by one collection after
// the other.
import type { TimedChunk } from '#shared/exchange/exchange.ts';

/** Enough to see the last events of a stream. */
const TAIL_BYTES = 65_536;

export interface KeptChunks {
  readonly totalBytes: number;
  /** True when the limit was passed: what is kept is only the end. */
  readonly isPartial: boolean;
  readonly chunks: readonly TimedChunk[];
  /** What the chunks are made of. */
  readonly blocks: readonly Buffer[];
  push(atMs: number, bytes: Buffer): void;
  /** The last bytes, at most `count`. */
  tail(count: number): Buffer;
}

/** A chunk of so many bytes is kept as it came. */
const LARGE_BYTES = 4096;
const FIRST_BLOCK_BYTES = 2048;
const LARGEST_BLOCK_BYTES = 32_768;

export function createKeptChunks(limitBytes: number): KeptChunks {
  return new Kept(limitBytes);
}

class Kept implements KeptChunks {
  totalBytes = 0;
  isPartial = false;
  readonly #limitBytes: number;
  /** All bytes in order; a chunk lies in one block. */
  #blocks: Buffer[] = [];
  #ends: number[] = [];
  /** Of each chunk. */
  #times: number[] = [];
  #lengths: number[] = [];
  #keptBytes = 0;
  #nextBlockBytes = FIRST_BLOCK_BYTES;

  constructor(limitBytes: number) {
    this.#limitBytes = limitBytes;
  }

  get blocks(): readonly Buffer[] {
    return this.#blocks;
  }

  get chunks(): TimedChunk[] {
    const chunks: TimedChunk[] = [];
    let block = 0;
    let at = 0;
    for (const [index, length] of this.#lengths.entries()) {
      while (at + length > (this.#ends[block] ?? 0)) {
        block++;
        at = 0;
      }
      chunks.push({ atMs: this.#times[index] ?? 0, bytes: this.#at(block, at, at + length) });
      at += length;
    }
    return chunks;
  }

  push(atMs: number, bytes: Buffer): void {
    this.#keep(atMs, bytes);
    this.totalBytes += bytes.length;
    if (this.totalBytes > this.#limitBytes) this.isPartial = true;
    if (this.isPartial && this.#keptBytes > 4 * TAIL_BYTES) this.#dropFront();
  }

  tail(count: number): Buffer {
    const parts: Buffer[] = [];
    let size = 0;
    for (let block = this.#blocks.length - 1; block >= 0 && size < count; block--) {
      const end = this.#ends[block] ?? 0;
      const part = this.#at(block, Math.max(0, end - (count - size)), end);
      parts.unshift(part);
      size += part.length;
    }
    return parts.length === 1 && parts[0] ? parts[0] : Buffer.concat(parts);
  }

  #keep(atMs: number, bytes: Buffer): void {
    const { length } = bytes;
    this.#times.push(atMs);
    this.#lengths.push(length);
    this.#keptBytes += length;
    if (length >= LARGE_BYTES) {
      this.#blocks.push(bytes);
      this.#ends.push(length);
      // The open block stays as empty as it is.
      this.#nextBlockBytes = FIRST_BLOCK_BYTES;
      return;
    }
    const last = this.#blocks.length - 1;
    const open = this.#blocks[last];
    const used = this.#ends[last] ?? 0;
    if (open !== undefined && open.length - used >= length) {
      bytes.copy(open, used);
      this.#ends[last] = used + length;
      return;
    }
    const block = Buffer.allocUnsafeSlow(Math.max(length, this.#nextBlockBytes));
    this.#nextBlockBytes = Math.min(2 * this.#nextBlockBytes, LARGEST_BLOCK_BYTES);
    bytes.copy(block);
    this.#blocks.push(block);
    this.#ends.push(length);
  }

  #at(block: number, start: number, end: number): Buffer {
    const bytes = this.#blocks[block];
    return bytes === undefined ? Buffer.alloc(0) : bytes.subarray(start, end);
  }

  #dropFront(): void {
    const { chunks } = this;
    let from = 0;
    let keptBytes = this.#keptBytes;
    while (keptBytes - (chunks[from]?.bytes.length ?? 0) >= TAIL_BYTES) keptBytes -= chunks[from++]?.bytes.length ?? 0;
    this.#blocks = [];
    this.#ends = [];
    this.#times = [];
    this.#lengths = [];
    this.#keptBytes = 0;
    for (const { atMs, bytes } of chunks.slice(from)) this.#keep(atMs, bytes);
  }
}
