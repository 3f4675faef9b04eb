// Messages of a span: the bytes of the attributes that they stand for, however often and wherever they were shown before.
import { expect } from 'chai';
import fc from 'fast-check';
import type { FlatMessage } from '#shared/telemetry/flatten-message.ts';
import { ProtobufOutput } from '#shared/telemetry/protobuf-output.ts';
import { addMessages, LONGEST_READY, putMessages, sized } from '#shared/telemetry/shown-messages.ts';
import { attributesAsBytes } from '#shared/telemetry/span-writer.ts';

const TAG = 0x4a;
const text = fc.oneof(
  fc.string({ unit: 'binary', maxLength: 80 }),
  fc.constantFrom('', 'x'.repeat(65), 'ä'.repeat(300), '€'.repeat(LONGEST_READY)),
);
const entries: fc.Arbitrary<FlatMessage> = fc
  .uniqueArray(fc.constantFrom('role', 'content', 'contents.0.text', 'ä'), { minLength: 1 })
  .chain((keys) => fc.tuple(...keys.map((key) => fc.tuple(fc.constant(key), text))));

describe('shown messages', () => {
  it('are written as the attributes that they stand for, in any place and again', () => {
    const shows = fc.array(fc.array(fc.nat({ max: 4 }), { maxLength: 4 }), { maxLength: 8 });
    fc.assert(
      fc.property(fc.array(entries, { minLength: 5, maxLength: 5 }), shows, (all, orders) => {
        const known = all.map((each) => sized(each));
        for (const order of [...orders, ...orders.flatMap((each) => [each, each])]) {
          const shown = { prefix: 'llm.tools', messages: order.flatMap((index) => known[index] ?? []) };
          const output = new ProtobufOutput(Buffer.alloc(0));
          putMessages(output, TAG, shown);
          const attributes = {};
          addMessages(attributes, shown);
          expect(output.bytes().equals(attributesAsBytes(TAG, attributes))).to.equal(true);
        }
      }),
      { numRuns: 60 },
    );
  });

  it('are ready as bytes where they are short and stay in their place', () => {
    const [short, long] = ['short', 'x'.repeat(LONGEST_READY)].map((value) => sized([['content', value]]));
    if (!(short && long)) throw new Error('two messages');
    const show = (prefix: string): Array<number | undefined> => {
      putMessages(new ProtobufOutput(Buffer.alloc(0)), TAG, { prefix, messages: [short, long] });
      return [short, long].map(({ written }) => written?.attributes?.length);
    };
    const none = [undefined, undefined];
    expect([show('a'), show('a')[1], show('b'), show('b')[1]]).to.deep.equal([none, undefined, none, undefined]);
    expect(show('b')[0]).to.be.above('b.0.content'.length + 'short'.length);
  });

  it('know their bytes, by what is known of their texts where it is told', () => {
    const message: FlatMessage = [
      ['ä', 'text'],
      ['role', 'user'],
    ];
    expect(sized(message).bytes).to.equal(2 + 4 + 4 + 4);
    expect(sized(message, (value) => (value === 'text' ? 100 : 0)).bytes).to.equal(2 + 100 + 4);
  });
});
