// The answer as it passed: chunks with their times, up to a limit of bytes; beyond it only the end is kept.
import type { TimedChunk } from '#shared/exchange/exchange.ts';

/** Enough to see the last events of a stream. */
const TAIL_BYTES = 65_536;

export interface KeptChunks {
  readonly totalBytes: number;
  /** True when the limit was passed: what is kept is only the end. */
  readonly isPartial: boolean;
  readonly chunks: readonly TimedChunk[];
  push(atMs: number, bytes: Buffer): void;
  /** The last bytes, at most `count`. */
  tail(count: number): Buffer;
}

export function createKeptChunks(limitBytes: number): KeptChunks {
  let chunks: TimedChunk[] = [];
  let keptBytes = 0;
  let totalBytes = 0;
  let isPartial = false;
  const dropFront = (): void => {
    let from = 0;
    while (keptBytes - (chunks[from]?.bytes.length ?? 0) >= TAIL_BYTES) keptBytes -= chunks[from++]?.bytes.length ?? 0;
    chunks = chunks.slice(from);
  };
  return {
    get totalBytes() {
      return totalBytes;
    },
    get isPartial() {
      return isPartial;
    },
    get chunks() {
      return chunks;
    },
    push: (atMs, bytes) => {
      chunks.push({ atMs, bytes });
      keptBytes += bytes.length;
      totalBytes += bytes.length;
      if (totalBytes > limitBytes) isPartial = true;
      if (isPartial && keptBytes > 4 * TAIL_BYTES) dropFront();
    },
    tail: (count) => {
      const parts: Buffer[] = [];
      let size = 0;
      for (let index = chunks.length - 1; index >= 0 && size < count; index--) {
        const bytes = chunks[index]?.bytes;
        if (!bytes) break;
        parts.unshift(bytes);
        size += bytes.length;
      }
      const joined = parts.length === 1 && parts[0] ? parts[0] : Buffer.concat(parts);
      return joined.subarray(Math.max(0, joined.length - count));
    },
  };
}
