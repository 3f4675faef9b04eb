// The large buffers of a call, given back when the last who reads them is done. Left to the collector they alone make it
// collect all of the heap every hundred calls: they are outside of it, and count against it.

export interface CallMemory {
  /** Somebody begins to read the request or the answer. */
  hold(): void;
  /** Is done. After the last of them both are empty. */
  letGo(): void;
}

/** What may still be on its way to a socket must stay where it is. */
export const LEFT_TO_THE_COLLECTOR: CallMemory = { hold: () => {}, letGo: () => {} };

const FROM_BYTES = 16 * 1024;

/** @param buffers that nobody writes to a socket any more; what shares its memory with others is left alone */
export function createCallMemory(buffers: readonly Buffer[]): CallMemory {
  let readers = 0;
  return {
    hold: () => {
      readers++;
    },
    letGo: () => {
      if (--readers === 0) for (const buffer of buffers) free(buffer);
    },
  };
}

/** Frees a large buffer at once, if its memory is its own. */
export function free({ buffer, length }: Buffer): void {
  const isWhole = buffer instanceof ArrayBuffer && buffer.byteLength === length;
  if (isWhole && length >= FROM_BYTES) buffer.transfer(0);
}
