import { expect } from 'chai';
import fc from 'fast-check';
import { createJsonBalance } from '#shared/messages/json-balance.ts';

function isWhole(...pieces: string[]): boolean {
  const balance = createJsonBalance();
  for (const piece of pieces) balance.push(piece);
  return balance.isWhole;
}

describe('the balance of JSON in pieces', () => {
  for (const json of ['{}', '[]', ' {"a":[1,{"b":"}"}]} \n', '{"a":"\\""}', '{"a":"\\\\"}']) {
    it(`is whole: ${json}`, () => {
      expect(isWhole(json)).to.equal(true);
      expect(isWhole(...json)).to.equal(true);
    });
  }
  for (const json of ['', ' ', '{', '{"a":"}', '{}{}', '{},', '1', '"a"', '}{', 'x{}', '{}x', '{"a":"\\"}']) {
    it(`is not whole: ${JSON.stringify(json)}`, () => {
      expect(isWhole(json)).to.equal(false);
    });
  }

  it('tells nothing yet from something that is not whole', () => {
    const balance = createJsonBalance();
    balance.push(' \n');
    expect([balance.isWhole, balance.isWholeOrEmpty]).to.deep.equal([false, true]);
    balance.push('"');
    expect([balance.isWhole, balance.isWholeOrEmpty]).to.deep.equal([false, false]);
  });

  it('is whole at the end of an object and nowhere before, wherever it is cut', () => {
    fc.assert(
      fc.property(fc.dictionary(fc.string(), fc.jsonValue()), fc.boolean(), (value, isIndented) => {
        const json = JSON.stringify(value, null, isIndented ? 2 : 0);
        const balance = createJsonBalance();
        for (let at = 0; at < json.length; at++) {
          expect(balance.isWhole, `after ${at} of ${json}`).to.equal(false);
          balance.push(json.charAt(at));
        }
        expect(balance.isWhole, json).to.equal(true);
      }),
    );
  });
});
