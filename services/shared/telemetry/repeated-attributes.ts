// The attributes of spans of one name, one span after the other: where one says what the span before it said, its bytes are
// copied from there. Of a call's attributes most are those of the call before.
import { isPresent, putAttribute } from './attribute-bytes.ts';
import type { ProtobufOutput } from './protobuf-output.ts';
import type { AttributeValue, SpanRecord } from './tracing.ts';

/** The bytes of more are not kept. */
const MOST_BYTES = 16 * 1024;

export class RepeatedAttributes {
  /** Of the span before so many are known; a list is null, because it may have changed since. */
  #known = 0;
  readonly #keys: string[] = [];
  readonly #values: Array<AttributeValue | null> = [];
  /** Where each ends in the bytes. */
  #ends: number[] = [];
  #nextEnds: number[] = [];
  readonly #bytes = Buffer.allocUnsafeSlow(MOST_BYTES);

  put(output: ProtobufOutput, tag: number, attributes: SpanRecord['attributes']): void {
    const begin = output.size;
    const [known, before, ends] = [this.#known, this.#ends, this.#nextEnds];
    // Nothing is, should one of these not be writable.
    this.#known = 0;
    let count = 0;
    /** What is to be copied next. */
    let from = 0;
    let to = 0;
    // Not over a list of its keys: so the engine knows where each value is.
    for (const key in attributes) {
      const value = attributes[key];
      if (!isPresent(key, value)) continue;
      if (count < known && this.#values[count] === value && this.#keys[count] === key) {
        if (from === to) from = before[count - 1] ?? 0;
        to = before[count] ?? 0;
      } else {
        output.copy(this.#bytes, from, to);
        from = to;
        putAttribute(output, tag, key, value);
        this.#keys[count] = key;
        this.#values[count] = typeof value === 'object' ? null : value;
      }
      ends[count++] = output.size - begin + to - from;
    }
    output.copy(this.#bytes, from, to);
    this.#ends = ends;
    this.#nextEnds = before;
    const isKept = output.size - begin <= MOST_BYTES;
    if (isKept) output.copyTo(this.#bytes, begin);
    this.#known = isKept ? count : 0;
    // Texts of a span are held until the next one, and those of a large one not at all.
    this.#keys.length = this.#known;
    this.#values.length = this.#known;
  }
}
