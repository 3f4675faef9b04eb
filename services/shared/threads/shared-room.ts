// Memory that is written here and read in a thread, allocated once: the collector counts buffers that wait outside of the
// heap, and collects all of it for them. Its pages are touched from the lowest on, and only as many as are needed.

/** Bytes of one's own until they are given back. */
export interface Place {
  readonly bytes: Buffer;
  /** What has to be given away for the thread to read them. */
  readonly transferred: ArrayBuffer[];
  /** Once, when nobody reads them any more: the next who takes a place may get the same memory. */
  release(): void;
}

export interface SharedRoom {
  /** Where the room is full, in a buffer alone, which is given away. */
  take(size: number): Place;
}

interface Taken {
  start: number;
  end: number;
}

export function createSharedRoom(size: number): SharedRoom {
  const room = new SharedArrayBuffer(size);
  /** By where they begin. */
  const taken: Taken[] = [];

  /** The first gap that is large enough. */
  function place(length: number): Taken | null {
    let start = 0;
    let index = 0;
    for (const next of taken) {
      if (next.start - start >= length) break;
      start = next.end;
      index += 1;
    }
    if (start + length > size) return null;
    const found = { start, end: start + length };
    taken.splice(index, 0, found);
    return found;
  }

  return {
    take: (length) => {
      const found = place(length);
      if (found === null) {
        const alone = Buffer.allocUnsafeSlow(length);
        return { bytes: alone, transferred: [alone.buffer], release: () => {} };
      }
      return {
        bytes: Buffer.from(room, found.start, length),
        transferred: [],
        release: () => {
          const index = taken.indexOf(found);
          if (index !== -1) taken.splice(index, 1);
        },
      };
    },
  };
}
