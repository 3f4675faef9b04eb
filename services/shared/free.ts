// Gives the memory of a large buffer back at once. Left to the collector such buffers make it collect all of the heap every
// hundred calls: they are outside of it, and count against it.

const FROM_BYTES = 16 * 1024;

/** If its memory is its own. What may still be on its way to a socket must stay. */
export function free({ buffer, length }: Uint8Array): void {
  if (length >= FROM_BYTES && buffer instanceof ArrayBuffer && buffer.byteLength === length) buffer.transfer(0);
}

/** In memory of its own. What is kept for long would hold the common memory of everything that was copied beside it. */
export function ownCopy(bytes: Uint8Array): Buffer<ArrayBuffer> {
  const own = Buffer.allocUnsafeSlow(bytes.length);
  own.set(bytes);
  return own;
}
