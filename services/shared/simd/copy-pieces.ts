// Events that differ in one piece of text, a string of JSON, → other events with the same pieces, copied as bytes: no
// character of them is decoded.
import { isUtf8 } from 'node:buffer';
import { byteKernel } from './byte-kernel.ts';

/** What stands around the piece in each event, its quotes and the blank line behind it included. */
export interface EventFrame {
  readonly head: string;
  readonly tail: string;
}

/** Of a stream, from where an event begins. */
export interface Pieces {
  readonly frame: EventFrame;
  readonly bytes: Buffer;
  readonly from: number;
}

export interface CopiedPieces {
  /** Where the next event begins. */
  readonly end: number;
  /** Empty where all pieces were. */
  readonly events: Buffer;
  /** Of all pieces, in characters as strings count them. */
  readonly length: number;
}

/** As much as one read of a connection brings. */
const BLOCK_BYTES = 65_536;
/** Longer frames leave little room. */
const LONGEST_FRAME = 16_384;

/**
 * Whole events of that frame, as far as JSON.stringify would write their pieces as they stand; of an empty piece comes none.
 * null = not even the first is one. Not all that follow need be read at once.
 */
export function copyPieces({ frame, bytes, from }: Pieces, target: EventFrame): CopiedPieces | null {
  const { input, output, run } = byteKernel;
  if (frame.head.length + frame.tail.length > LONGEST_FRAME) return null;
  const head = input.write(frame.head);
  const tail = input.write(frame.tail, head);
  const newHead = input.write(target.head, head + tail);
  const newTail = input.write(target.tail, head + tail + newHead);
  const block = bytes.subarray(from, from + BLOCK_BYTES);
  input.set(block, head + tail + newHead + newTail);
  const read = run.copyPieces(head, tail, newHead, newTail, block.length);
  const events = output.subarray(0, run.written());
  if (read === 0 || !isUtf8(events)) return null;
  return { end: from + read, events: Buffer.from(events), length: run.piecesLength() };
}
