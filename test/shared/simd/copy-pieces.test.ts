import { isUtf8 } from 'node:buffer';
import { expect } from 'chai';
import fc from 'fast-check';
import {
  type CopiedPieces,
  copyPieces,
  createEventFrame,
  type EventFrame,
  listPieces,
} from '#shared/simd/copy-pieces.ts';

const TARGET = createEventFrame('event: x\ndata: {"said":"', '"}\n\n');
const FRAMES = [
  createEventFrame('data: {"t":"', '"}\n\n'),
  createEventFrame('"', '"'),
  createEventFrame(
    'data: {"model":"ä😀-with-a-name-of-some-length","index":0,"delta":{"content":"',
    '"},"end":null}\n\n',
  ),
];
const PLAIN = /(?:[ !#-[\]-\xff]|\\["\\bfnrt])*/y;

interface Seen extends Omit<CopiedPieces, 'events'> {
  /** A character a byte. */
  events: string;
}

function seenOf(copied: CopiedPieces): Seen {
  return { ...copied, events: copied.events.toString('latin1') };
}

/** An event at a time, as text; all that follow. */
function copySlowly(bytes: Buffer, frame: EventFrame): Seen {
  const { head, tail } = frame;
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
    if (!isUtf8(said)) return { end: 0, events: '', length: 0 };
    length += JSON.parse(`"${said.toString()}"`).length;
    if (said.length > 0) events.push(TARGET.head, said, TARGET.tail);
    at = end + tail.length;
  }
  return seenOf({ end: at, events: Buffer.concat(events), length });
}

function copyAll(bytes: Buffer, frame: EventFrame): Seen {
  const events: Buffer[] = [];
  let end = 0;
  let length = 0;
  for (;;) {
    const copied = copyPieces({ frame, bytes, from: end }, TARGET);
    if (copied.end === end) break;
    end = copied.end;
    length += copied.length;
    events.push(copied.events);
  }
  return seenOf({ end, events: Buffer.concat(events), length });
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
  return Buffer.concat(pieces.flatMap((one) => [frame.head, one, frame.tail]));
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

  it('are the strings that they stand for, empty ones too', () => {
    const [frame = TARGET] = FRAMES;
    const bytes = toBytes(
      frame,
      ['', 'a', '\\"\\\\', '', 'ä😀\\n', '\\/'].map((text) => Buffer.from(text)),
    );
    const list = listPieces({ frame, bytes, from: 0 });
    expect(list.texts).to.deep.equal(['', 'a', '"\\', '', 'ä😀\n']);
    expect(bytes.toString('utf8', list.end)).to.equal(`${frame.head}\\/${frame.tail}`);
    expect(listPieces({ frame, bytes, from: list.end })).to.deep.equal({ end: list.end, texts: [] });
  });

  it('are written as they stand in JSON already, whatever they say', () => {
    const [frame = TARGET] = FRAMES;
    fc.assert(
      fc.property(fc.string({ unit: 'binary', minLength: 1 }), (text) => {
        const said = JSON.stringify(text).slice(1, -1);
        const copied = copyPieces({ frame, bytes: toBytes(frame, [Buffer.from(said)]), from: 0 }, TARGET);
        const isShort = !/\\u/.test(said);
        expect(copied.events.toString()).to.equal(isShort ? `${TARGET.head}${said}${TARGET.tail}` : '');
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
      expect(same).to.deep.equal({ ...first, end: first.end + 3 });
    }
  });

  it('are read no further than the bytes go, whatever an earlier stream has left behind them', () => {
    for (const frame of FRAMES) {
      const texts = ['a', '', 'two words, more than one vector holds of them', 'ä😀\\n', '\\\\'];
      const whole = toBytes(
        frame,
        texts.map((text) => Buffer.from(text)),
      );
      for (let length = 0; length <= whole.length; length++) {
        copyPieces({ frame, bytes: whole, from: 0 }, TARGET);
        const bytes = whole.subarray(0, length);
        expect(seenOf(copyPieces({ frame, bytes, from: 0 }, TARGET)), `${length} bytes`).to.deep.equal(
          copySlowly(bytes, frame),
        );
      }
    }
  });

  it('are none of an event that is longer than what is read at once, or of a frame that is', () => {
    const [frame = TARGET] = FRAMES;
    const copied = (size: number): boolean =>
      copyPieces({ frame, bytes: toBytes(frame, [Buffer.alloc(size, 'x')]), from: 0 }, TARGET).end > 0;
    expect([copied(16_000), copied(17_000), copied(400_000)]).to.deep.equal([true, false, false]);
    const long = createEventFrame(`{"${'x'.repeat(20_000)}":"`, '"');
    expect(copyPieces({ frame: long, bytes: toBytes(long, [Buffer.from('a')]), from: 0 }, TARGET).end).to.equal(0);
  });
});
