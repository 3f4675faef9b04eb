// Spans put together as messages: the same bytes however they are split, and memory that is used again only when given back.
import { expect } from 'chai';
import fc from 'fast-check';
import { fieldHead } from '#shared/telemetry/protobuf-output.ts';
import { createSpanMessageWriter, type SpanMessages } from '#shared/telemetry/span-messages.ts';

const MESSAGE_BYTES = 4 * 1024 * 1024;
const RESOURCE = field(0x0a, Buffer.from('the resource'));
const SCOPE = field(0x0a, Buffer.from('the scope'));

function field(tag: number, bytes: Buffer): Buffer {
  return Buffer.concat([fieldHead(tag, bytes.length), bytes]);
}

/** What carries these spans. */
function messageOf(...spans: Buffer[]): Buffer {
  return field(0x0a, Buffer.concat([RESOURCE, field(0x12, Buffer.concat([SCOPE, ...spans]))]));
}

function add(messages: SpanMessages, bytes: Buffer, spans = 1): void {
  messages.add(spans, (output) => output.copy(bytes, 0, bytes.length));
}

describe('messages of spans', () => {
  it('surround spans one after the other with their resource and scope', () => {
    const sizes = fc.array(fc.nat({ max: 100_000 }), { minLength: 1, maxLength: 8 });
    const writer = createSpanMessageWriter(RESOURCE, SCOPE, MESSAGE_BYTES - 4096);
    fc.assert(
      fc.property(sizes, (all) => {
        const spans = all.map((size, index) => Buffer.alloc(size, index + 1));
        const messages = writer.begin();
        for (const span of spans) add(messages, span, 2);
        const ended = messages.end();
        expect(ended.tooLarge).to.deep.equal([]);
        expect(ended.messages.map((message) => message.spans)).to.deep.equal([2 * spans.length]);
        expect(ended.messages[0]?.bytes.equals(messageOf(...spans))).to.equal(true);
        for (const message of ended.messages) writer.giveBack(message);
      }),
      { numRuns: 30 },
    );
  });

  it('begin with another where the next span would make one too large, and leave out what is too large alone', () => {
    const spans = [1_500_000, 1_500_000, 5_000_000, 1_500_000, 10].map((size, index) => Buffer.alloc(size, index + 1));
    const [first, second, large, third, small] = spans as [Buffer, Buffer, Buffer, Buffer, Buffer];
    const messages = createSpanMessageWriter(RESOURCE, SCOPE, MESSAGE_BYTES - 4096).begin();
    for (const span of spans) add(messages, span);
    const ended = messages.end();
    const expected = [messageOf(first, second), messageOf(third, small)];
    expect(ended.messages.map(({ bytes }, index) => expected[index]?.equals(bytes))).to.deep.equal([true, true]);
    expect(ended.messages.map(({ bytes }) => bytes.length < MESSAGE_BYTES)).to.deep.equal([true, true]);
    expect(ended.messages.map((message) => message.spans)).to.deep.equal([2, 2]);
    expect(ended.tooLarge.map(({ bytes, spans }) => [bytes.equals(messageOf(large)), spans])).to.deep.equal([
      [true, 1],
    ]);
  });

  it('hold nothing of a span that cannot be written', () => {
    const messages = createSpanMessageWriter(RESOURCE, SCOPE, MESSAGE_BYTES - 4096).begin();
    const [before, after] = [Buffer.from('before'), Buffer.from('after')];
    const broken = new Error('broken');
    add(messages, before);
    const write = (): void =>
      messages.add(1, (output) => {
        output.byte(1);
        throw broken;
      });
    expect(write).to.throw(broken);
    add(messages, after);
    expect(messages.end().messages.map(({ bytes }) => bytes)).to.deep.equal([messageOf(before, after)]);
  });

  it('are none where nothing was written', () => {
    expect(
      createSpanMessageWriter(RESOURCE, SCOPE, MESSAGE_BYTES - 4096)
        .begin()
        .end(),
    ).to.deep.equal({ messages: [], tooLarge: [] });
  });

  it('lie in memory that the next one gets once they were given back, and not before', () => {
    const writer = createSpanMessageWriter(RESOURCE, SCOPE, MESSAGE_BYTES - 4096);
    const make = (letter: string) => {
      const messages = writer.begin();
      add(messages, Buffer.from(letter));
      const [message] = messages.end().messages;
      if (message === undefined) throw new Error('no message');
      return message;
    };
    const first = make('a');
    const second = make('b');
    expect([first.bytes, second.bytes]).to.deep.equal([messageOf(Buffer.from('a')), messageOf(Buffer.from('b'))]);
    expect(second.bytes.buffer).to.not.equal(first.bytes.buffer);
    writer.giveBack(first);
    expect(make('c').bytes.buffer).to.equal(first.bytes.buffer);
    expect(second.bytes).to.deep.equal(messageOf(Buffer.from('b')));
  });
});
