// Protobuf's fields as bytes, one after the other, in room that grows as needed.

const NO_DIGIT = 0x80;
/** The longest there is. */
const VARINT_BYTES = 10;

export function varintSize(value: number): number {
  let size = 1;
  for (let left = value; left >= 0x80; left = Math.floor(left / 0x80)) size++;
  return size;
}

/** Up to here a text is looked through here: the way into the engine costs more. */
const SHORT = 64;

/** Bytes of a text. */
export function utf8Size(text: string): number {
  if (text.length <= SHORT && isAscii(text)) return text.length;
  return Buffer.byteLength(text);
}

function isAscii(text: string): boolean {
  for (let at = 0; at < text.length; at++) if (text.charCodeAt(at) >= 0x80) return false;
  return true;
}

/** The value of a hexadecimal digit of either case, by its code. */
const DIGITS = new Uint8Array(0x80).fill(NO_DIGIT);
for (let value = 0; value < 16; value++) {
  const digit = value.toString(16);
  DIGITS[digit.charCodeAt(0)] = value;
  DIGITS[digit.toUpperCase().charCodeAt(0)] = value;
}

/** What stands before the bytes of a field that holds others. */
export function fieldHead(tag: number, size: number): Buffer {
  const head = new ProtobufOutput(Buffer.allocUnsafe(1 + VARINT_BYTES));
  head.byte(tag);
  head.varint(size);
  return head.bytes();
}

/** An attribute: its key, its value, and of the value its text. */
const ENTRY_KEY = 0x0a;
const ENTRY_VALUE = 0x12;
const VALUE_TEXT = 0x0a;
/** The end of what 64 bits of nanoseconds can say, in the year 2554. */
const LAST_MS = 18_446_744_073_709;
/** What a UTF-16 unit takes at most. */
const UTF8_BYTES = 3;
/** Tags and lengths of key and value. */
const ENTRY_BYTES = 4;

export class ProtobufOutput {
  room: Buffer<ArrayBuffer>;
  #at = 0;

  /** `at`: what stands before is somebody else's. */
  constructor(room: Buffer<ArrayBuffer>, at = 0) {
    this.room = room;
    this.#at = at;
  }

  bytes(): Buffer {
    return this.room.subarray(0, this.#at);
  }

  /** Bytes written so far. */
  get size(): number {
    return this.#at;
  }

  /** As if nothing had been written since there were so many. */
  backTo(size: number): void {
    this.#at = size;
  }

  /** Fields that are bytes already. */
  copy(source: Buffer, start: number, end: number): void {
    if (start === end) return;
    this.#need(end - start);
    this.#at += source.copy(this.room, this.#at, start, end);
  }

  byte(value: number): void {
    this.#need(1);
    this.room[this.#at++] = value;
  }

  varint(value: number): void {
    this.#need(VARINT_BYTES);
    let left = value;
    for (; left >= 0x80; left = Math.floor(left / 0x80)) this.room[this.#at++] = (left % 0x80) | 0x80;
    this.room[this.#at++] = left;
  }

  number(tag: number, value: number): void {
    this.byte(tag);
    this.varint(value);
  }

  whole(value: number): void {
    if (value >= 0) {
      this.varint(value);
      return;
    }
    this.#need(VARINT_BYTES);
    let left = BigInt.asUintN(64, BigInt(value));
    for (; left >= 0x80n; left >>= 7n) this.room[this.#at++] = Number(left & 0x7fn) | 0x80;
    this.room[this.#at++] = Number(left);
  }

  double(value: number): void {
    this.#need(8);
    this.#at = this.room.writeDoubleLE(value, this.#at);
  }

  fixed32(value: number): void {
    this.#need(4);
    this.#at = this.room.writeUInt32LE(value, this.#at);
  }

  /**
   * Nanoseconds; split before scaling, so that a millisecond's fraction keeps what precision the double has. All of them are
   * more than a double holds: `high` counts in units of 2^16, and `low` is what comes in beside it.
   * @throws RangeError for a time that has no such bytes
   */
  time(tag: number, ms: number): void {
    if (!(ms >= 0 && ms <= LAST_MS)) throw new RangeError('not a time that can be written');
    const seconds = Math.floor(ms / 1000);
    const nanos = Math.round((ms - seconds * 1000) * 1e6);
    const high = Math.floor(seconds / 2 ** 16) * 1e9;
    const low = (high % 2 ** 16) * 2 ** 16 + (seconds % 2 ** 16) * 1e9 + nanos;
    this.byte(tag);
    this.fixed32(low % 2 ** 32);
    this.fixed32(Math.floor(high / 2 ** 16) + Math.floor(low / 2 ** 32));
  }

  /** An id of so many bytes. @throws RangeError for what is none, which includes all zeros */
  id(tag: number, bytes: number, digits: string): void {
    this.byte(tag);
    this.byte(bytes);
    this.#need(bytes);
    const { room } = this;
    let seen = 0;
    for (let index = 0; index < bytes; index++) {
      const high = DIGITS[digits.charCodeAt(2 * index)] ?? NO_DIGIT;
      const low = DIGITS[digits.charCodeAt(2 * index + 1)] ?? NO_DIGIT;
      seen |= high | low;
      room[this.#at + index] = (high << 4) | low;
    }
    if (digits.length !== 2 * bytes || seen === 0 || seen >= NO_DIGIT) throw new RangeError('not an id');
    this.#at += bytes;
  }

  text(tag: number, text: string): void {
    this.sizedText(tag, text, utf8Size(text));
  }

  /** `size`: what it takes as UTF-8. */
  sizedText(tag: number, text: string, size: number): void {
    this.byte(tag);
    this.varint(size);
    this.#need(size);
    const { room } = this;
    const start = this.#at;
    if (size === text.length && size <= SHORT) {
      for (let at = 0; at < size; at++) room[start + at] = text.charCodeAt(at);
    } else {
      room.write(text, start, size, 'utf8');
    }
    this.#at = start + size;
  }

  /** An attribute begins: its value, which takes so many bytes, is to follow. */
  entry(tag: number, key: string, valueBytes: number): void {
    if (this.#shortEntry(tag, key, valueBytes)) return;
    const keyBytes = utf8Size(key);
    this.number(tag, 2 + varintSize(keyBytes) + keyBytes + varintSize(valueBytes) + valueBytes);
    this.sizedText(ENTRY_KEY, key, keyBytes);
    this.number(ENTRY_VALUE, valueBytes);
  }

  /**
   * A key and its text as an attribute. Taken for ASCII until it is written: to count its bytes takes longer than to write
   * them, and again where they were more.
   */
  textEntry(tag: number, key: string, text: string): void {
    const begin = this.#at;
    if (this.#shortEntry(tag, key, 2 + text.length) && this.#shortText(text)) return;
    for (let size = text.length; ; ) {
      this.#at = begin;
      this.entry(tag, key, 1 + varintSize(size) + size);
      this.number(VALUE_TEXT, size);
      this.#needText(text);
      const written = this.room.write(text, this.#at, 'utf8');
      this.#at += written;
      if (written === size) return;
      size = written;
    }
  }

  /** The same as `entry` in one go. False, and nothing is written, unless the key is ASCII and each length takes one byte. */
  #shortEntry(tag: number, key: string, valueBytes: number): boolean {
    const size = key.length + valueBytes + ENTRY_BYTES;
    if (size >= 0x80) return false;
    this.#need(size + 2);
    const { room } = this;
    let at = this.#at;
    let seen = 0;
    room[at++] = tag;
    room[at++] = size;
    room[at++] = ENTRY_KEY;
    room[at++] = key.length;
    for (let index = 0; index < key.length; index++) {
      const unit = key.charCodeAt(index);
      seen |= unit;
      room[at++] = unit;
    }
    room[at++] = ENTRY_VALUE;
    room[at++] = valueBytes;
    if (seen >= 0x80) return false;
    this.#at = at;
    return true;
  }

  /** The value of such an entry, for which there is room. False unless it is ASCII. */
  #shortText(text: string): boolean {
    const { room } = this;
    let at = this.#at;
    let seen = 0;
    room[at++] = VALUE_TEXT;
    room[at++] = text.length;
    for (let index = 0; index < text.length; index++) {
      const unit = text.charCodeAt(index);
      seen |= unit;
      room[at++] = unit;
    }
    this.#at = at;
    return seen < 0x80;
  }

  /** A field of fields begins; `close` takes what is returned. `lengthBytes`: what its length will most likely take. */
  open(tag: number, lengthBytes = 1): number {
    this.byte(tag);
    this.#need(lengthBytes);
    this.#at += lengthBytes;
    return this.#at;
  }

  /**
   * Writes the length in front, and returns what it takes; where that is other than was thought, what the field holds is
   * moved.
   */
  close(start: number, lengthBytes = 1): number {
    const size = this.#at - start;
    const takes = varintSize(size);
    const more = takes - lengthBytes;
    this.#need(more + VARINT_BYTES);
    if (more !== 0) this.room.copyWithin(start + more, start, this.#at);
    this.#at = start - lengthBytes;
    this.varint(size);
    this.#at += size;
    return takes;
  }

  /** Its bytes are only counted where there may be too little room. */
  #needText(text: string): void {
    if (this.#at + UTF8_BYTES * text.length > this.room.length) this.#need(utf8Size(text));
  }

  #need(bytes: number): void {
    if (this.#at + bytes <= this.room.length) return;
    const larger = Buffer.allocUnsafeSlow(Math.max(this.room.length * 2, this.#at + bytes));
    this.room.copy(larger, 0, 0, this.#at);
    this.room = larger;
  }
}
