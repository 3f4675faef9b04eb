// Where finished spans wait for the thread that exports: written one behind the other on a page, and a page goes there as it
// is. A buffer for each call would outlive the young heap while it waits, and be made and freed on both sides.
import { ownCopy } from '#shared/free.ts';
import type { Entry, SpanQueue } from './span-queue.ts';
import type { SpanBytes } from './span-sender.ts';
import { createSpanWriter } from './span-writer.ts';
import type { SpanRecord } from './tracing.ts';

/** Some twenty calls without their text. */
const PAGE_BYTES = 64 * 1024;
const PAGE_SPANS = 64;

class SpanPage implements SpanBytes {
  spans = 0;
  readonly #room = Buffer.allocUnsafeSlow(PAGE_BYTES);
  #size = 0;

  get bytes(): Buffer<ArrayBuffer> {
    return this.#room.subarray(0, this.#size);
  }

  hasRoom(bytes: number, spans: number): boolean {
    return this.#size + bytes <= PAGE_BYTES && this.spans + spans <= PAGE_SPANS;
  }

  add(bytes: Uint8Array, spans: number): void {
    this.#room.set(bytes, this.#size);
    this.#size += bytes.length;
    this.spans += spans;
  }
}

/** Writes spans to where they wait; what the queue refuses it has counted. */
export function createSpanPages<Waiting>(
  queue: Pick<SpanQueue<Waiting | SpanBytes>, 'push' | 'grow'>,
): (spans: readonly SpanRecord[]) => void {
  const writer = createSpanWriter();
  let open: { page: SpanPage; entry: Entry<Waiting | SpanBytes> } | null = null;
  const begin = (bytes: Uint8Array, spans: number): void => {
    const page = new SpanPage();
    const entry = queue.push(page, bytes.length, spans);
    if (entry === null) return;
    page.add(bytes, spans);
    open = { page, entry };
  };
  return function write(spans) {
    const bytes = writer.write(spans);
    if (bytes.length > PAGE_BYTES) {
      // One that no message can take must not take others along.
      if (spans.length > 1) for (const span of spans) write([span]);
      else queue.push({ bytes: ownCopy(bytes), spans: 1 }, bytes.length);
    } else if (open?.entry.isWaiting && open.page.hasRoom(bytes.length, spans.length)) {
      if (queue.grow(open.entry, bytes.length, spans.length)) open.page.add(bytes, spans.length);
    } else {
      begin(bytes, spans.length);
    }
  };
}
