// What JavaScript and the kernel hand each other: bytes to read, bytes that were written. Blocks of four vectors may be
// loaded past an end.
import { BLOCK } from './blocks';

/** Bytes. */
export const INPUT_SIZE: i32 = 131072;
export const OUTPUT_SIZE: i32 = 524288;

const input = memory.data(INPUT_SIZE + <i32>BLOCK, <i32>BLOCK);
const output = memory.data(OUTPUT_SIZE + <i32>BLOCK, <i32>BLOCK);

export function inputAt(): usize {
  return input;
}

export function outputAt(): usize {
  return output;
}
