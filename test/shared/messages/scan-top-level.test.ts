import { expect } from 'chai';
import fc from 'fast-check';
import { NO_OUTLINE, ScanError, scanTopLevel } from '#shared/messages/scan-top-level.ts';

const UNIQUE = new Set(['model']);
const scan = (text: string) => scanTopLevel(Buffer.from(text), 512, UNIQUE);
const reasonOf = (text: string): string => {
  try {
    scan(text);
    return 'accepted';
  } catch (error) {
    return error instanceof ScanError ? error.reason : `threw ${error}`;
  }
};

describe('scanTopLevel', () => {
  it('refuses every truncation of a request', () => {
    const text = JSON.stringify({
      model: 'm',
      messages: [{ role: 'user', content: 'say "hi"\\ é' }],
      n: -1.5e3,
      b: true,
    });
    const bytes = Buffer.from(text);
    for (let length = 0; length < bytes.length; length++) {
      expect(() => scanTopLevel(bytes.subarray(0, length), 512, UNIQUE), `cut at ${length}`).to.throw(ScanError);
    }
  });

  it('says what is wrong', () => {
    expect(reasonOf('')).to.equal('not_json');
    expect(reasonOf('hello')).to.equal('not_json');
    expect(reasonOf('[1]')).to.equal('not_object');
    expect(reasonOf('"text"')).to.equal('not_object');
    expect(reasonOf('{"model":"a","model":"b"}')).to.equal('duplicate_key');
    expect(reasonOf('{"model":"a","mod\\u0065l":"b"}'), 'an escaped key is the same key').to.equal('duplicate_key');
    expect(reasonOf('{"a":1} x')).to.equal('not_json');
    expect(reasonOf('{"a":[}]}')).to.equal('not_json');
    expect(reasonOf('{"a":01}')).to.equal('not_json');
    expect(reasonOf('{"a":tru}')).to.equal('not_json');
  });

  it('refuses nesting beyond the limit and takes nesting at it', () => {
    const nested = (levels: number) => `{"a":${'['.repeat(levels - 1)}${']'.repeat(levels - 1)}}`;
    expect(reasonOf(nested(512))).to.equal('accepted');
    expect(reasonOf(nested(513))).to.equal('too_deep');
    expect(reasonOf(`{"a":${'['.repeat(10_000)}`)).to.equal('too_deep');
  });

  it('passes bytes that are no UTF-8 inside strings', () => {
    const bytes = Buffer.concat([
      Buffer.from('{"a":"'),
      Buffer.from([0xff, 0xfe, 0x80]),
      Buffer.from('","model":"m"}'),
    ]);
    expect([...scanTopLevel(bytes, 512, UNIQUE).keys()]).to.deep.equal(['a', 'model']);
  });

  it('finds the end of a string wherever it is and whatever quotes are in it', () => {
    const parts = fc.tuple(fc.constantFrom('"', '\\', '\\"', 'x', 'say "hi", '), fc.constantFrom(1, 2, 63, 700, 5000));
    fc.assert(
      fc.property(fc.array(parts), fc.nat(80), fc.nat(80), (repeated, before, behind) => {
        const text = repeated.map(([part, times]) => part.repeat(times)).join('');
        const json = `{"${'k'.repeat(before)}":${JSON.stringify(text)},"b":["${'y'.repeat(behind)}",1]}`;
        const [first] = scan(json).values();
        expect(first).to.deep.equal({ start: before + 4, end: json.indexOf(',"b":') });
        expect(reasonOf(json.slice(0, (first?.end ?? 0) - 1)), 'without its end').to.equal('not_json');
      }),
      { examples: [[[['"', 200_000]], 0, 0]] },
    );
  });

  it('sees whether a string below the top level begins with what is looked out for', () => {
    const seen = (text: string): boolean => {
      const watch = { prefix: Buffer.from('mark.'), isSeen: false, outline: NO_OUTLINE };
      scanTopLevel(Buffer.from(text), 512, UNIQUE, watch);
      return watch.isSeen;
    };
    expect(seen('{"a":[{"b":"mark.1"}],"c":["other"]}')).to.equal(true);
    expect(seen('{"a":{"mark.":1}}')).to.equal(true);
    expect(seen('{"a":[{"b":"a mark.1"},"mark","\\"mark.","mar"]}')).to.equal(false);
    expect(seen('{"a":"mark.1"}')).to.equal(false);
    fc.assert(
      fc.property(fc.array(fc.constantFrom('mark.', 'mark', 'm', 'mark.x', '"mark.', ' mark.')), (strings) => {
        expect(seen(JSON.stringify({ a: strings }))).to.equal(strings.some((text) => text.startsWith('mark.')));
      }),
    );
  });

  it('counts the elements of arrays on the top level where something is looked out for', () => {
    const items = (text: string): Array<number | undefined> => {
      const watch = { prefix: Buffer.from('mark.'), isSeen: false, outline: NO_OUTLINE };
      return [...scanTopLevel(Buffer.from(text), 512, UNIQUE, watch).values()].map((span) => span.outline?.items);
    };
    expect(items('{"a":[],"b":[ ],"c":[[1,2],{"d":[3,4]}],"e":{"f":[1]},"g":"[1,2]","h":[ "," ]}')).to.deep.equal([
      ...[0, 0, 2, undefined, undefined, 1],
    ]);
    fc.assert(
      fc.property(fc.array(fc.jsonValue()), fc.array(fc.jsonValue()), (a, b) => {
        expect(items(JSON.stringify({ a, b }, null, 1))).to.deep.equal([a.length, b.length]);
      }),
    );
    expect(scanTopLevel(Buffer.from('{"a":[1]}'), 512, UNIQUE).get('a')).to.deep.equal({ start: 5, end: 8 });
  });
});
