import { expect } from 'chai';
import fc from 'fast-check';
import { approximateJsonTokens, weighJson } from '#shared/messages/approximate-tokens.ts';
import { byteKernel } from '#shared/simd/byte-kernel.ts';

const SAMPLES = 8;
const SAMPLE_BYTES = 128;

/** `left`: what a longer text left behind it. */
function inKernel(json: Buffer, left = 'A'): number {
  const { input, inputAt, run } = byteKernel;
  json.copy(input);
  input.fill(left, json.length, json.length + 80);
  return run.weighJson(inputAt, inputAt + json.length);
}

const WORDS = [
  '\\n',
  '\\\\',
  '\\"',
  '\\',
  'n',
  'a',
  'word',
  'aRatherLongName',
  'HTTP',
  'A',
  ' ',
  '   ',
  '\t',
  '7',
  '2026',
];
const parts = fc.oneof(
  fc.constantFrom(...WORDS, '({', ',', '\n', '\r\n', '\\nA', '\u0000', '\u007f'),
  fc.string({ unit: 'binary-ascii', maxLength: 5 }),
);
const texts = fc
  .tuple(fc.array(parts, { maxLength: 40 }), fc.integer({ min: 1, max: 8 }))
  .map(([words, times]) => Buffer.from(words.join('').repeat(times)).subarray(0, SAMPLES * SAMPLE_BYTES));

describe('the tokens of a text in JSON', () => {
  it('are as many to the kernel as letter by letter', () => {
    fc.assert(
      fc.property(texts, (json) => {
        for (const left of ['A', 'n']) expect(inKernel(json, left)).to.equal(weighJson(json, json.length));
      }),
      { numRuns: 1000, examples: [[Buffer.from('\\')]] },
    );
  });

  it('are as many, whichever two characters follow each other, and wherever', () => {
    for (let one = 0; one < 128; one++)
      for (let other = 0; other < 128; other++) {
        const at = (one * 7 + other) % 140;
        const json = Buffer.from(`${'x'.repeat(at)}${String.fromCharCode(one, other)}y`);
        expect(inKernel(json), JSON.stringify(json.toString())).to.equal(weighJson(json, json.length));
      }
  });

  it('are told from samples, of any script', () => {
    const scripts = fc.constantFrom('word and word ', 'größe ', '中文', '😀', '\\n', 'a', 'é');
    fc.assert(
      fc.property(fc.array(scripts, { minLength: 1 }), fc.integer({ min: 1, max: 300 }), (words, times) => {
        const json = Buffer.from(words.join('').repeat(times));
        const size = Math.min(json.length, SAMPLE_BYTES);
        const step = (json.length - size) / (SAMPLES - 1);
        const starts = Array.from({ length: SAMPLES }, (_, sample) => Math.floor(sample * step));
        const samples = Buffer.concat(starts.map((start) => json.subarray(start, start + size)));
        const expected = (weighJson(samples, size) * json.length) / samples.length;
        expect(approximateJsonTokens(json)).to.equal(expected);
      }),
    );
    expect(approximateJsonTokens(Buffer.alloc(0))).to.equal(0);
  });
});
