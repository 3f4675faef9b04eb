// What JavaScript and the kernel hand each other: bytes to read, bytes that were written. Vectors may be loaded a little
// past an end.
const VECTOR: i32 = 16;

/** Bytes. */
export const INPUT_SIZE: i32 = 131072;
export const OUTPUT_SIZE: i32 = 262144;

const input = memory.data(INPUT_SIZE + VECTOR, VECTOR);
const output = memory.data(OUTPUT_SIZE + VECTOR, VECTOR);

export function inputAt(): usize {
  return input;
}

export function outputAt(): usize {
  return output;
}
