// Replaces parts of a body and leaves every other byte as it was.
import type { Span } from './scan-top-level.ts';

export interface Edit extends Span {
  /** What stands there instead; '' cuts it out. */
  text: string;
}

/** Edits may come in any order; of two that overlap, what both cover is gone. */
export function editBytes(bytes: Buffer, edits: readonly Edit[]): Buffer {
  return Buffer.concat(editPieces(bytes, edits));
}

/** The same as two pieces: all up to the last edit as a copy, and the rest where it stands. */
export function editPieces(bytes: Buffer, edits: readonly Edit[]): [Buffer, Buffer] {
  const parts: Buffer[] = [];
  let at = 0;
  for (const { start, end, text } of edits.toSorted((a, b) => a.start - b.start)) {
    if (start > at) parts.push(bytes.subarray(at, start));
    if (text !== '') parts.push(Buffer.from(text));
    at = Math.max(at, end);
  }
  return [Buffer.concat(parts), bytes.subarray(at)];
}
