// Whatever bytes a native request has: its top level is seen where JSON.parse sees it, and only its model is replaced.
import { expect } from 'chai';
import fc from 'fast-check';
import { editBytes } from '#shared/messages/edit-bytes.ts';
import { ScanError, scanTopLevel } from '#shared/messages/scan-top-level.ts';
import { spliceModel } from '#shared/messages/splice-model.ts';
import { type FuzzProperty, fuzzProperty } from './fuzz-property.ts';

const UNIQUE = new Set(['model']);
const DEPTH = 512;
const space = fc.constantFrom('', '', ' ', '\n', '\t\r\n');
const word = fc.oneof(fc.string({ maxLength: 8 }), fc.string({ unit: 'binary', maxLength: 40 }), fc.constant('"\\'));

/** A JSON text of an object, with white space and escapes as anybody might write them. */
const objectText = fc
  .tuple(
    fc.array(fc.tuple(word, fc.jsonValue({ maxDepth: 3 }), space, space, fc.constantFrom(0, 1, 2)), { maxLength: 4 }),
    word,
    fc.nat(4),
  )
  .map(([members, model, at]) => {
    const texts = members.map(
      ([key, value, before, after, indent]) =>
        `${before}${JSON.stringify(`k${key}`)}${after}:${before}${JSON.stringify(value, null, indent)}${after}`,
    );
    const own = `${at % 2 === 0 ? '"model"' : '"mod\\u0065l"'}: ${JSON.stringify(model)}`;
    return ` {${texts.toSpliced(Math.min(at, texts.length), 0, own).join(',')}}\n`;
  });

const edit = fc.record({
  at: fc.nat(1_000_000),
  lose: fc.nat(3),
  put: fc.constantFrom('', '"', '{', '}', ',', '\\', '\u0000'),
});

function parse(bytes: Buffer): unknown {
  try {
    return JSON.parse(bytes.toString('utf8'));
  } catch {
    return undefined; // no JSON
  }
}

export function requestByteProperties(): FuzzProperty[] {
  return [
    fuzzProperty(
      'the top level of an object is where JSON.parse finds it, and a new model changes nothing else',
      2,
      fc.property(objectText, word, (json, model) => {
        const bytes = Buffer.from(json);
        const spans = scanTopLevel(bytes, DEPTH, UNIQUE);
        const read = [...spans].map(([key, { start, end }]) => [key, JSON.parse(bytes.toString('utf8', start, end))]);
        expect(Object.fromEntries(read)).to.deep.equal(JSON.parse(json));
        const span = spans.get('model');
        if (!span) throw new Error('the model was not found');
        const spliced = editBytes(bytes, [spliceModel(span, model)]);
        expect(spliced.subarray(0, span.start).equals(bytes.subarray(0, span.start))).to.equal(true);
        const rest = bytes.subarray(span.end);
        expect(spliced.subarray(spliced.length - rest.length).equals(rest)).to.equal(true);
        expect(JSON.parse(spliced.toString('utf8'))).to.deep.equal({ ...JSON.parse(json), model });
      }),
    ),
    fuzzProperty(
      'of broken bytes the scanner says that they are, and takes all that are not',
      2,
      fc.property(objectText, fc.array(edit, { minLength: 1, maxLength: 3 }), (json, edits) => {
        const bytes = edits.reduce((text, { at, lose, put }) => {
          const place = Math.floor((at / 1_000_001) * text.length);
          return Buffer.concat([text.subarray(0, place), Buffer.from(put), text.subarray(place + lose)]);
        }, Buffer.from(json));
        const value = parse(bytes);
        try {
          scanTopLevel(bytes, DEPTH, UNIQUE);
        } catch (error) {
          if (!(error instanceof ScanError)) throw error;
          const isRefusable = value === undefined || error.reason === 'duplicate_key' || error.reason === 'not_object';
          expect(isRefusable, `${error.message}: ${bytes}`).to.equal(true);
        }
      }),
    ),
  ];
}
