// Blocks of 64 bytes, of each of which a bit tells something.
export const BLOCK: usize = 64;
export const VECTOR: usize = 16;

/** Of four vectors that hold all bits of a byte or none. */
export function toBits(a: v128, b: v128, c: v128, d: v128): u64 {
  const low = <u64>i8x16.bitmask(a) | ((<u64>i8x16.bitmask(b)) << 16);
  return low | ((<u64>i8x16.bitmask(c)) << 32) | ((<u64>i8x16.bitmask(d)) << 48);
}

/** At least one, at most all of a block. */
export function firstBits(length: usize): u64 {
  return ~(<u64>0) >> <u64>(BLOCK - length);
}
