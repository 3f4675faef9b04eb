// Events that differ in one piece of text, a string of JSON, → other events with the same pieces, copied as bytes: no
// character of them is decoded.
import { isUtf8 } from 'node:buffer';
import { byteKernel } from './byte-kernel.ts';

/** What stands around the piece in each event, its quotes and the blank line behind it included. */
export interface EventFrame {
  readonly head: Buffer;
  readonly tail: Buffer;
}

export function createEventFrame(head: string, tail: string): EventFrame {
  return { head: Buffer.from(head), tail: Buffer.from(tail) };
}

/** Of a stream, from where an event begins. */
export interface Pieces {
  readonly frame: EventFrame;
  readonly bytes: Buffer;
  readonly from: number;
}

export interface CopiedPieces {
  /** Where the next event begins; where it began = not even the first was one. */
  readonly end: number;
  /** Empty where all pieces were. */
  readonly events: Buffer;
  /** Of all pieces, in characters as strings count them. */
  readonly length: number;
}

/** What is read at once: where what follows is nothing of the kind, this much was copied for nothing. */
const BLOCK_BYTES = 16_384;
/** Longer frames leave little room. */
const LONGEST_FRAME = 16_384;

/**
 * Whole events of that frame, as far as JSON.stringify would write their pieces as they stand; of an empty piece comes none.
 * Not all that follow need be read at once.
 */
export function copyPieces(pieces: Pieces, target: EventFrame): CopiedPieces {
  return copy(pieces, target, false);
}

const NOTHING = Buffer.alloc(0);
const IN_LIST = createEventFrame('"', '",');

/** The same pieces as strings, empty ones too. */
export function listPieces(pieces: Pieces): { end: number; texts: string[] } {
  const { end, events } = copy(pieces, IN_LIST, true);
  return { end, texts: JSON.parse(`[${events.toString('utf8', 0, Math.max(0, events.length - 1))}]`) };
}

function copy({ frame, bytes, from }: Pieces, target: EventFrame, keepsEmpty: boolean): CopiedPieces {
  const { input, output, run } = byteKernel;
  const { head, tail } = frame;
  const none = { end: from, events: NOTHING, length: 0 };
  if (head.length + tail.length > LONGEST_FRAME) return none;
  const block = bytes.subarray(from, from + BLOCK_BYTES);
  let end = 0;
  for (const part of [head, tail, target.head, target.tail, block]) {
    input.set(part, end);
    end += part.length;
  }
  const { length: newHead } = target.head;
  const { length: newTail } = target.tail;
  const read = run.copyPieces(head.length, tail.length, newHead, newTail, block.length, keepsEmpty);
  const events = output.subarray(0, run.written());
  if (read === 0 || !isUtf8(events)) return none;
  return { end: from + read, events: Buffer.from(events), length: run.piecesLength() };
}
