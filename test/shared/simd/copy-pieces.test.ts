import { isUtf8 } from 'node:buffer';
import { expect } from 'chai';
import fc from 'fast-check';
import { type CopiedPieces, copyPieces, type EventFrame } from '#shared/simd/copy-pieces.ts';

const TARGET: EventFrame = { head: 'event: x\ndata: {"said":"', tail: '"}\n\n' };
const FRAMES: EventFrame[] = [
  { head: 'data: {"t":"', tail: '"}\n\n' },
  { head: '"', tail: '"' },
  {
    head: 'data: {"model":"ä😀-with-a-name-of-some-length","index":0,"delta":{"content":"',
    tail: '"},"end":null}\n\n',
  },
];
const PLAIN = /(?:[ !#-[\]-\xff]|\\["\\bfnrt])*/y;

interface Seen extends Omit<CopiedPieces, 'events'> {
  /** A character a byte. */
  events: string;
}

function seenOf(copied: CopiedPieces | null): Seen | null {
  return copied && { ...copied, events: copied.events.toString('latin1') };
}

/** An event at a time, as text; all that follow. */
function copySlowly(bytes: Buffer, frame: EventFrame): Seen | null {
  const [head, tail] = [Buffer.from(frame.head), Buffer.from(frame.tail)];
  const stream = bytes.toString('latin1');
  const events: Buffer[] = [];
  let at = 0;
  let length = 0;
  while (bytes.subarray(at, at + head.length).equals(head)) {
    const start = at + head.length;
    PLAIN.lastIndex = start;
    PLAIN.test(stream);
    const end = PLAIN.lastIndex;
    if (!bytes.subarray(end, end + tail.length).equals(tail)) break;
    const said = bytes.subarray(start, end);
    if (!isUtf8(said)) return null;
    length += JSON.parse(`"${said.toString()}"`).length;
    if (said.length > 0) events.push(Buffer.from(TARGET.head), said, Buffer.from(TARGET.tail));
    at = end + tail.length;
  }
  return seenOf(at === 0 ? null : { end: at, events: Buffer.concat(events), length });
}

function copyAll(bytes: Buffer, frame: EventFrame): Seen | null {
  const events: Buffer[] = [];
  let end = 0;
  let length = 0;
  for (;;) {
    const copied = copyPieces({ frame, bytes, from: end }, TARGET);
    if (copied === null) break;
    end = copied.end;
    length += copied.length;
    events.push(copied.events);
  }
  return seenOf(end === 0 ? null : { end, events: Buffer.concat(events), length });
}

const word = fc.oneof(
  fc.constantFrom(...['a', ' ', 'two words and some more of them', 'ä', '€', '😀', '\u007f', '\u2028']),
  fc.constantFrom(...['\\"', '\\\\', '\\n', '\\t', '\\r', '\\b', '\\f', '\\\\\\"']),
);
/** Each ends a run. */
const oddity = fc
  .constantFrom(
    ...['"', '\\', '\\/', '\\u0041', '\\ud83d\\ude00', '\\x', '\n', '\u0000', '\u001f', '\r', '"}\n\n', '\\"}\n\n'],
  )
  .map((text) => Buffer.from(text));
const broken = fc
  .constantFrom([0xff], [0xc3], [0xed, 0xa0, 0x80], [0xf0, 0x9f], [0x80])
  .map((bytes) => Buffer.from(bytes));
const sound = fc.array(word, { maxLength: 6 }).map((words) => Buffer.from(words.join('')));
const piece = fc.oneof(
  { weight: 30, arbitrary: sound },
  { weight: 1, arbitrary: fc.tuple(sound, oddity, sound).map((parts) => Buffer.concat(parts)) },
  { weight: 1, arbitrary: fc.tuple(sound, broken, sound).map((parts) => Buffer.concat(parts)) },
);
const stream = fc.tuple(fc.constantFrom(...FRAMES), fc.array(piece, { maxLength: 12 }), fc.nat(40));

function toBytes(frame: EventFrame, pieces: readonly Buffer[]): Buffer {
  return Buffer.concat(pieces.flatMap((one) => [Buffer.from(frame.head), one, Buffer.from(frame.tail)]));
}

describe('pieces copied from events to events', () => {
  it('are those of whole events that JSON.stringify would write so, up to the first other one', () => {
    fc.assert(
      fc.property(stream, ([frame, pieces, lost]) => {
        const all = toBytes(frame, pieces);
        const bytes = all.subarray(0, all.length - Math.min(all.length, lost % 9 === 0 ? lost : 0));
        expect(seenOf(copyPieces({ frame, bytes, from: 0 }, TARGET))).to.deep.equal(copySlowly(bytes, frame));
      }),
      { numRuns: 3000 },
    );
  });

  it('are written as they stand in JSON already, whatever they say', () => {
    const [frame = TARGET] = FRAMES;
    fc.assert(
      fc.property(fc.string({ unit: 'binary', minLength: 1 }), (text) => {
        const said = JSON.stringify(text).slice(1, -1);
        const copied = copyPieces({ frame, bytes: toBytes(frame, [Buffer.from(said)]), from: 0 }, TARGET);
        const isShort = !/\\u/.test(said);
        expect(copied?.events.toString()).to.equal(isShort ? `${TARGET.head}${said}${TARGET.tail}` : undefined);
      }),
      { numRuns: 300 },
    );
  });

  it('are all copied where they are more than fit at once, wherever they lie', () => {
    for (const frame of FRAMES) {
      const pieces = Array.from({ length: 9000 }, (_, index) => Buffer.from('x😀'.repeat(index % 7)));
      const bytes = toBytes(frame, pieces);
      expect(copyAll(bytes, frame)).to.deep.equal(copySlowly(bytes, frame));
      const moved = Buffer.concat([Buffer.from('abc'), bytes]);
      const first = seenOf(copyPieces({ frame, bytes, from: 0 }, TARGET));
      const same = seenOf(copyPieces({ frame, bytes: moved, from: 3 }, TARGET));
      expect(same).to.deep.equal({ ...first, end: (first?.end ?? 0) + 3 });
    }
  });

  it('are none of an event that is longer than what is read at once, or of a frame that is', () => {
    const [frame = TARGET] = FRAMES;
    const copied = (size: number): boolean =>
      copyPieces({ frame, bytes: toBytes(frame, [Buffer.alloc(size, 'x')]), from: 0 }, TARGET) !== null;
    expect([copied(60_000), copied(70_000), copied(400_000)]).to.deep.equal([true, false, false]);
    const long = { head: `{"${'x'.repeat(20_000)}":"`, tail: '"' };
    expect(copyPieces({ frame: long, bytes: toBytes(long, [Buffer.from('a')]), from: 0 }, TARGET)).to.equal(null);
  });
});
