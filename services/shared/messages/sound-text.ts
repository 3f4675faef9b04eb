// Is the inside of a JSON string what every reader of JSON takes? Told from its bytes, without decoding them.
import { isUtf8 } from 'node:buffer';
import { byteKernel } from '#shared/simd/byte-kernel.ts';
import type { Span } from './scan-top-level.ts';

const BACKSLASH = 0x5c;
const LONGEST_ESCAPE = '\\u0000'.length;
/** So much of the kernel's memory stays in the nearest cache. */
export const BLOCK_BYTES = 16_384;

/** Half a character, which JSON can escape and Unicode does not know, is none; nor is one that is escaped as two halves. */
export function isSoundText(bytes: Buffer, span: Span): boolean {
  return isUtf8(bytes.subarray(span.start, span.end)) && isSoundJson(bytes, span);
}

/** The last place up to `most` that is not inside a character, nor between a backslash and what it escapes. */
export function borderBefore(bytes: Buffer, most: number): number {
  let at = most;
  while (((bytes[at] ?? 0) & 0xc0) === 0x80) at--;
  let slashes = 0;
  while (bytes[at - 1 - slashes] === BACKSLASH) slashes++;
  return at - (slashes % 2);
}

function isSoundJson(bytes: Buffer, { start, end }: Span): boolean {
  const { input, inputAt, run } = byteKernel;
  for (let from = start; from < end; ) {
    const to = Math.min(end, from + BLOCK_BYTES);
    bytes.copy(input, 0, from, to);
    const sound = from + run.soundEnd(inputAt, inputAt + to - from) - inputAt;
    // What may reach over the end of a block begins the next.
    if (sound < (to < end ? to - LONGEST_ESCAPE + 1 : end)) return false;
    from = sound;
  }
  return true;
}
