// The large buffers of a call, given back when the last who reads them is done.
import { free } from '#shared/free.ts';

export interface CallMemory {
  /** Somebody begins to read the request or the answer. */
  hold(): void;
  /** Is done. After the last of them both are empty. */
  letGo(): void;
}

/** What may still be on its way to a socket must stay where it is. */
export const LEFT_TO_THE_COLLECTOR: CallMemory = { hold: () => {}, letGo: () => {} };

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
