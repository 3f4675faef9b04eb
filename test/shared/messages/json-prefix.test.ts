import { expect } from 'chai';
import fc from 'fast-check';
import { createJsonPrefix, type JsonPrefix } from '#shared/messages/json-prefix.ts';

function follow(...pieces: string[]): JsonPrefix {
  const prefix = createJsonPrefix();
  for (const piece of pieces) prefix.push(piece);
  return prefix;
}

function isObject(json: string): boolean {
  try {
    const value: unknown = JSON.parse(json);
    return typeof value === 'object' && value !== null && !Array.isArray(value);
  } catch {
    return false; // that is what was asked
  }
}

const objects = fc
  .tuple(fc.dictionary(fc.string(), fc.jsonValue()), fc.constantFrom(0, 2))
  .map(([value, indent]) => JSON.stringify(value, null, indent));

describe('the beginning of a JSON object in pieces', () => {
  for (const [json, length] of [
    ['{"a":1}{"a":1}', 7],
    ['{"a":1} \n', 9],
    ['{"a":01}', 6],
    ['{"a":-}', 6],
    ['{"a":1e+}', 8],
    ['{"a":tru1}', 8],
    ['{"a":nulll}', 9],
    ['{a:1}', 1],
    ["{'a':1}", 1],
    ['{"a":1,}', 7],
    ['{"a":[1,]}', 8],
    ['{"a":[}', 6],
    ['{"a":"\n"}', 6],
    ['{"a":"\\x"}', 7],
    ['{"a":"\\u12g4"}', 10],
    ['{"a" 1}', 5],
    ['["a"]', 0],
    ['"a"', 0],
    ['', 0],
  ] as const) {
    it(`is well-formed for ${length} characters: ${JSON.stringify(json)}`, () => {
      expect(follow(json).length).to.equal(length);
      expect(follow(...json).length).to.equal(length);
      expect(follow(json).isWhole).to.equal(isObject(json));
    });
  }

  it('is all of every object, wherever it is cut, and whole at its end alone', () => {
    fc.assert(
      fc.property(objects, (json) => {
        const prefix = createJsonPrefix();
        for (const [at, unit] of json.split('').entries()) {
          expect(prefix.isWhole, `after ${at} of ${json}`).to.equal(false);
          prefix.push(unit);
          expect(prefix.length).to.equal(at + 1);
        }
        expect(prefix.isWhole, json).to.equal(true);
      }),
    );
  });

  it('knows of any text what JSON.parse says of it', () => {
    const edited = fc
      .tuple(
        objects,
        fc.nat(),
        fc.nat(2),
        fc.constantFrom('"', '{', '}', '[', ']', ',', ':', '1', '-', '\\', 'e', '\n'),
      )
      .map(([json, at, cut, put]) => {
        const place = at % (json.length + 1);
        return json.slice(0, place) + put + json.slice(place + cut);
      });
    fc.assert(
      fc.property(fc.oneof(edited, fc.json(), fc.string()), (text) => {
        const prefix = follow(text);
        expect(prefix.isWhole, text).to.equal(isObject(text));
        expect(follow(text.slice(0, prefix.length)).length).to.equal(prefix.length);
      }),
      { numRuns: 2000 },
    );
  });
});
