// Where finished spans wait for the thread that exports: written one behind the other on a page, and a page goes there as it
// is. A buffer for each call would outlive the young heap while it waits, and be made and freed on both sides.
import { ownCopy } from '#shared/free.ts';
import { createSharedRoom, type Place, type SharedRoom } from '#shared/threads/shared-room.ts';
import type { QueueEntry, SpanQueue } from './span-queue.ts';
import type { SpanBytes } from './span-sender.ts';
import { createSpanWriter } from './span-writer.ts';
import type { SpanRecord } from './tracing.ts';

/** Some twenty calls without their text. */
const PAGE_BYTES = 64 * 1024;
/** So that a batch comes near the spans that it may have. */
const PAGE_SPANS = 64;
/** Spans that take more wait alone: the end of a page that has no room for them takes memory too. */
const MOST_ON_A_PAGE = 16 * 1024;
/** For all pages: as much as waits at most. Of memory only what is used is taken. */
const ROOM_BYTES = 64 * 1024 * 1024;

/** Spans for the thread, in memory that is given away, or lent until `release`. */
export interface WaitingSpans extends SpanBytes {
  readonly transferred: readonly ArrayBuffer[];
  release(): void;
}

const NOWHERE: Place = { bytes: Buffer.alloc(0), transferred: [], release: () => {} };

class SpanPage implements WaitingSpans {
  spans = 0;
  place = NOWHERE;
  #size = 0;

  get bytes(): Buffer {
    return this.place.bytes.subarray(0, this.#size);
  }

  get transferred(): readonly ArrayBuffer[] {
    return this.place.transferred;
  }

  release(): void {
    this.place.release();
  }

  hasRoom(bytes: number, spans: number): boolean {
    return this.#size + bytes <= PAGE_BYTES && this.spans + spans <= PAGE_SPANS;
  }

  add(bytes: Uint8Array, spans: number): void {
    this.place.bytes.set(bytes, this.#size);
    this.#size += bytes.length;
    this.spans += spans;
  }
}

/** Writes spans to where they wait. What the queue refuses it has counted; `onUnwritable` is told of each that is none. */
export function createSpanPages<Other>(
  queue: Pick<SpanQueue<Other | WaitingSpans>, 'push' | 'grow'>,
  onUnwritable: () => void,
): (spans: readonly SpanRecord[]) => void {
  const writer = createSpanWriter();
  let open: { page: SpanPage; entry: QueueEntry<Other | WaitingSpans> } | null = null;
  let room: SharedRoom | null = null;
  const written = (spans: readonly SpanRecord[]): Uint8Array | null => {
    try {
      return writer.write(spans);
    } catch {
      return null;
    }
  };
  const begin = (bytes: Uint8Array, spans: number): void => {
    room ??= createSharedRoom(ROOM_BYTES);
    const page = new SpanPage();
    const entry = queue.push(page, bytes.length, spans);
    // One that is refused takes no memory; others are taken in another turn of the event loop.
    if (entry === null) return;
    page.place = room.take(PAGE_BYTES);
    page.add(bytes, spans);
    open = { page, entry };
  };
  return function write(spans) {
    const bytes = written(spans);
    const isSmall = bytes !== null && bytes.length <= MOST_ON_A_PAGE;
    if (!isSmall && spans.length > 1) {
      // One that no message can take, or that cannot be written, must not take others along.
      for (const span of spans) write([span]);
    } else if (bytes === null) {
      onUnwritable();
    } else if (!isSmall) {
      const own = ownCopy(bytes);
      queue.push({ bytes: own, spans: 1, transferred: [own.buffer], release: () => {} }, own.length);
    } else if (open?.entry.isWaiting && open.page.hasRoom(bytes.length, spans.length)) {
      if (queue.grow(open.entry, bytes.length, spans.length)) open.page.add(bytes, spans.length);
    } else {
      begin(bytes, spans.length);
    }
  };
}
