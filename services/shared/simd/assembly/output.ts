// What a call writes, one behind the other.
import { VECTOR } from './blocks';
import { outputAt } from './memory';

let end: usize = 0;

/** Bytes that the last call wrote. */
export function written(): usize {
  return end - outputAt();
}

export function clearOutput(): void {
  end = outputAt();
}

/** A vector may end past what counts. */
export function write(from: usize, length: usize): void {
  for (let at: usize = 0; at < length; at += VECTOR) v128.store(end + at, v128.load(from + at));
  end += length;
}
