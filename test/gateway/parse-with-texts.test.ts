// JSON of which some strings are read elsewhere becomes the same value.
import { expect } from 'chai';
import fc from 'fast-check';
import { parseWithTexts } from '#services/gateway/parse-with-texts.ts';

/** Of a text as JSON has it, quotes included. */
const STRING = /"(?:[^"\\]|\\.)*"/g;

function parse(json: string): { value: unknown; texts: string[] } {
  const texts: string[] = [];
  // Of Latin-1, so that places in the text are places in the bytes.
  const strings = Array.from(json.matchAll(STRING), ({ index, 0: { length } }) => ({
    start: index,
    end: index + length,
  }));
  const readText = (bytes: Buffer): string => {
    const text = JSON.parse(bytes.toString('latin1')) as string;
    texts.push(text);
    return text;
  };
  return { value: parseWithTexts(Buffer.from(json, 'latin1'), { strings, mark: 'no-other-', readText }), texts };
}

describe('JSON parsed beside its texts', () => {
  it('reads values elsewhere, and no key', () => {
    const json = '{"a" :"one","__proto__":"two","c":[["three",{"d":"four\\""}],null]}';
    expect(parse(json)).to.deep.equal({ value: JSON.parse(json), texts: ['one', 'two', 'three', 'four"'] });
    expect(Object.hasOwn(parse(json).value as object, '__proto__')).to.equal(true);
    expect(parse(' "alone" ')).to.deep.equal({ value: 'alone', texts: ['alone'] });
  });

  it('is the same for any JSON', () => {
    fc.assert(
      fc.property(fc.jsonValue(), fc.constantFrom(0, 1), (value, indent) => {
        const json = JSON.stringify(value, null, indent).replace(/[^ -~\n]/g, '?');
        expect(JSON.stringify(parse(json).value)).to.equal(JSON.stringify(JSON.parse(json)));
      }),
    );
  });

  it('is read however deep it is nested', () => {
    const json = `${'['.repeat(5000)}"deep"${']'.repeat(5000)}`;
    expect(parse(json).texts).to.deep.equal(['deep']);
  });

  it('refuses what is no JSON', () => {
    for (const json of ['{"a":"b"', '["a" "b"]', '["\\x"]']) expect(() => parse(json)).to.throw(SyntaxError);
  });
});
