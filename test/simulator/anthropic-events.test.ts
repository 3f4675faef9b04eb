import { expect } from 'chai';
import fc from 'fast-check';
import { toEvents } from '#services/simulator/protocols/anthropic-events.ts';
import { text, toolUse } from '#services/simulator/script.ts';

describe('events of a simulated message', () => {
  const words = fc.string({ unit: 'grapheme', maxLength: 200 });
  const deltasOf = (content: Array<{ type: string }>, deltaChars: number): Array<Record<string, string>> => {
    const message = { id: 'm', type: 'message', role: 'assistant', model: 'm', content } as const;
    const whole = { ...message, content: [...content], stop_reason: 'end_turn', stop_sequence: null, usage: {} };
    return toEvents({ deltaChars }, whole, new Map())
      .flatMap((event) => ('data' in event ? [JSON.parse(event.data)] : []))
      .filter((data) => data.type === 'content_block_delta')
      .map((data) => data.delta);
  };

  it('give the text back when their deltas are joined, and no delta holds half a character', () => {
    fc.assert(
      fc.property(words, fc.integer({ min: 1, max: 20 }), (words, size) => {
        const pieces = deltasOf([text(words)], size).map((delta) => delta.text ?? '');
        expect(pieces.join('')).to.equal(words);
        expect(pieces.every((piece) => piece.isWellFormed() && piece.length <= size + 1)).to.equal(true);
      }),
    );
  });

  it('give the tool input back when their deltas are joined', () => {
    fc.assert(
      fc.property(fc.dictionary(words, fc.jsonValue()), fc.integer({ min: 1, max: 20 }), (input, size) => {
        const json = deltasOf([toolUse('T', input, 'toolu_1')], size).map((delta) => delta.partial_json ?? '');
        expect(JSON.parse(json.join(''))).to.deep.equal(JSON.parse(JSON.stringify(input)));
      }),
    );
  });
});
