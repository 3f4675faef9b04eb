import { expect } from 'chai';
import fc from 'fast-check';
import { MOST_ELEMENTS, NO_OUTLINE, type Outline, ScanError, scanTopLevel } from '#shared/messages/scan-top-level.ts';

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

  it('refuses every truncation also where the whole of it was scanned before', () => {
    const list = ['a', 'say "hi"\\', { b: [{ c: 'é' }, [], 'x'.repeat(40)] }, '\\'];
    for (const before of [0, 900, 1000, 5000]) {
      const whole = Buffer.from(JSON.stringify({ model: 'm', messages: ['y'.repeat(before), ...list] }));
      for (let length = before; length < whole.length; length++) {
        scanTopLevel(whole, 512, UNIQUE);
        expect(() => scanTopLevel(whole.subarray(0, length), 512, UNIQUE), `cut at ${length}`).to.throw(ScanError);
      }
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

  it('tells how an array ends, wherever it lies in what is looked at at once', () => {
    const values = fc.array(fc.jsonValue({ maxDepth: 4 }), { minLength: 1 });
    const lengths = fc.oneof(fc.nat(9), fc.integer({ min: 900, max: 1100 }), fc.integer({ min: 4900, max: 5200 }));
    fc.assert(
      fc.property(values, lengths, lengths, (list, first, second) => {
        const all: unknown[] = JSON.parse(JSON.stringify(['x'.repeat(first), { '\\"': 'y'.repeat(second) }, ...list]));
        const json = `{"a":${JSON.stringify(all)}}`;
        const watch = { prefix: Buffer.from('mark.'), isSeen: false, outline: NO_OUTLINE };
        const span = scanTopLevel(Buffer.from(json), 512, UNIQUE, watch).get('a');
        expect(span).to.deep.include({ start: 5, end: json.length - 1 });
        expect(span?.outline).to.deep.include(outlineOf(all, json.length - 2));
      }),
    );
  });

  it('notes where the long strings of an array stand', () => {
    const texts = fc.tuple(
      fc.constantFrom('x', '\\', 'say "hi" '),
      fc.constantFrom(0, 5, 1020, 2045, 2046, 2047, 9000, 150_000),
    );
    fc.assert(
      fc.property(fc.array(texts, { maxLength: 6 }), (list) => {
        const strings = list.map(([part, length]) => part.repeat(length / part.length));
        const json = `{"a":[${strings.map((text) => `{"text":${JSON.stringify(text)}}`).join()}]}`;
        const watch = { prefix: Buffer.from('mark.'), isSeen: false, outline: NO_OUTLINE };
        const outline = scanTopLevel(Buffer.from(json), 512, UNIQUE, watch).get('a')?.outline;
        const found = outline?.longStrings.map(({ start, end }) => json.slice(start, end));
        const written = strings.map((text) => JSON.stringify(text));
        expect(found).to.deep.equal(written.filter((text) => text.length >= 2048));
      }),
      { numRuns: 60 },
    );
  });

  it('notes of the objects in a last element one more than any request has, and passes all of them', () => {
    for (const count of [MOST_ELEMENTS, MOST_ELEMENTS + 1, 3 * MOST_ELEMENTS]) {
      const json = `{"a":[[[${'{},'.repeat(count)}1]]],"b":["mark.",[2]]}`;
      const watch = { prefix: Buffer.from('mark.'), isSeen: false, outline: NO_OUTLINE };
      const spans = scanTopLevel(Buffer.from(json), 512, UNIQUE, watch);
      const objects = spans.get('a')?.outline?.objects;
      expect(objects).to.have.length(Math.min(count, MOST_ELEMENTS + 1));
      expect(objects?.at(-1)).to.equal(json.indexOf('{}') + 3 * ((objects?.length ?? 0) - 1));
      expect(spans.get('b')?.outline).to.deep.include({ items: 2, fields: 1, objects: [] });
      expect(watch.isSeen).to.equal(true);
    }
  });

  it('says where a bracket does not match, however much stands before it', () => {
    for (const length of [0, 1000, 1019, 1020, 1021, 1022, 1023, 1024, 5000, 5117, 5118, 5119, 5120, 30_000])
      for (const item of ['1,', '"",', '{},', `"${'x'.repeat(97)}",`, `"${'\\"'.repeat(48)}",`]) {
        const before = `{"a":[${item.repeat(Math.ceil(length / item.length))}{"b":[`;
        expect(() => scan(`${before}}]}`)).to.throw(`expected the bracket that matches at byte ${before.length}`);
        expect(() => scan(before)).to.throw(`expected the end of an array or object at byte ${before.length}`);
        expect(() => scan(`${before}"`)).to.throw(`expected the end of a string at byte ${before.length + 1}`);
      }
  });
});

const isObject = (value: unknown): value is object => typeof value === 'object' && value !== null;

/** Of an array that is written without white space, and whose last bracket is at `end`. */
function outlineOf(list: readonly unknown[], end: number): Partial<Outline> {
  const last = list.at(-1);
  const items = list.length;
  if (!isObject(last)) return { items, lastStart: -1 };
  const lastStart = end - JSON.stringify(last).length;
  const fields = Math.max(1, Object.keys(last).length);
  const objects: number[] = [];
  let at = lastStart + 1;
  for (const [key, value] of Object.entries(last)) {
    at += Array.isArray(last) ? 0 : JSON.stringify(key).length + 1;
    if (Array.isArray(value)) objects.push(...objectsIn(value, at + 1));
    at += JSON.stringify(value).length + 1;
  }
  return { items, lastStart, fields, objects };
}

/** Where they begin; `from`: where the first element does. */
function objectsIn(list: readonly unknown[], from: number): number[] {
  let at = from;
  return list.flatMap((item) => {
    const start = at;
    at += JSON.stringify(item).length + 1;
    return isObject(item) && !Array.isArray(item) ? [start] : [];
  });
}
