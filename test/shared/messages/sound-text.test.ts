import { expect } from 'chai';
import { BLOCK_BYTES, isSoundText } from '#shared/messages/sound-text.ts';

/** `shift` bytes stand before it. */
function isSound(inside: string | Buffer, shift = 1): boolean {
  const bytes = Buffer.concat([Buffer.from('"'.repeat(shift)), Buffer.from(inside), Buffer.from('"')]);
  return isSoundText(bytes, { start: shift, end: bytes.length - 1 });
}

/** As JSON.parse reads it, which takes half a character too. */
function isReadable(inside: string): boolean {
  try {
    JSON.parse(`"${inside}"`);
    return !/(?<!\\)(?:\\\\)*\\ud[89a-f]/i.test(inside);
  } catch {
    return false;
  }
}

const SNIPPETS = [
  ...['', '\\', '\\\\', '\\\\\\', '\\n', '\\"', '\\/', '\\u00e9', '\\uD7ff', '\\ue000', '\\uFFFF', '\\\\ud800'],
  ...['\\ud800', '\\uDfff', '\\u00g9', '\\u 123', '\\u00', '\\u', '\\x', '\\U00e9', '\\\\\\x', '\\\\x', '\\é', '\\\n'],
  ...['\u0000', '\n', '\u001f', ' ', '\u007f', 'é', '中', '😀'],
];
const VECTORS = 64;

describe('the inside of a JSON string', () => {
  it('is as sound as JSON.parse finds it, with each escape and byte at each place of a block and of the end', () => {
    for (const snippet of SNIPPETS)
      for (let before = 0; before <= VECTORS; before++)
        for (const after of [0, 1, 2, 3, 4, 5, VECTORS - 1]) {
          const inside = `${'x'.repeat(before)}${snippet}${'x'.repeat(after)}`;
          expect(isSound(inside), JSON.stringify(inside)).to.equal(isReadable(inside));
        }
  });

  it('takes of each byte behind a backslash what JSON.parse takes, and of each byte without one', () => {
    for (let code = 0; code < 128; code++)
      for (const before of ['\\', '\\\\', 'x', 'x'.repeat(VECTORS - 1), `${'x'.repeat(VECTORS - 1)}\\`]) {
        const inside = `${before}${String.fromCharCode(code)}0000`;
        // A quote would have ended the string before.
        if (/(?<!\\)(?:\\\\)*"/.test(inside)) continue;
        expect(isSound(inside), JSON.stringify(inside)).to.equal(isReadable(inside));
      }
  });

  it('is read no further than its end, wherever in the bytes it stands', () => {
    for (let shift = 0; shift < VECTORS; shift++)
      for (let length = 0; length < 2 * VECTORS; length++) {
        const bytes = Buffer.concat([Buffer.alloc(shift, '\n'), Buffer.alloc(length, 'x'), Buffer.alloc(9, '\n')]);
        const span = { start: shift, end: shift + length };
        expect(isSoundText(bytes, span), `${length} after ${shift}`).to.equal(true);
        expect(isSoundText(bytes, { ...span, end: span.end + 1 }), `${length + 1} after ${shift}`).to.equal(false);
      }
  });

  it('is as sound where it does not fit into the kernel at once', () => {
    const most = BLOCK_BYTES;
    for (const snippet of SNIPPETS)
      for (let at = most - 7; at <= most; at++)
        for (const rest of ['', 'x', 'x'.repeat(most)]) {
          const inside = `${'x'.repeat(at)}${snippet}${rest}`;
          expect(isSound(inside), `${JSON.stringify(snippet)} at ${at}`).to.equal(isReadable(inside));
        }
  });

  it('is not sound with half a character in its bytes, also where the kernel takes it in two', () => {
    const most = BLOCK_BYTES;
    const wide = Buffer.from('中😀');
    for (let at = most - 8; at <= most + 2; at++) {
      const parts = [Buffer.alloc(at, 'x'), wide, Buffer.alloc(most, 'x')];
      expect(isSound(Buffer.concat(parts)), `whole at ${at}`).to.equal(true);
      for (let lost = 0; lost < wide.length; lost++) {
        const broken = Buffer.concat([wide.subarray(0, lost), wide.subarray(lost + 1)]);
        expect(isSound(Buffer.concat([parts[0] ?? wide, broken])), `without ${lost} at ${at}`).to.equal(false);
      }
    }
  });

  it('is as sound as its escapes are, wherever in a long text they stand', () => {
    for (const one of ['\\n', '\\\\', '\\u00e9'])
      for (let shift = 0; shift < 8; shift++) {
        const text = `${'x'.repeat(shift)}${one.repeat(20_000)}`;
        expect(isSound(text), `${one} after ${shift}`).to.equal(true);
        expect(isSound(`${text}\\u00g9${text}`), `${one} after ${shift}, and none`).to.equal(false);
        expect(isSound(`${text}\\u00e`), `${one} after ${shift}, and half of one`).to.equal(false);
      }
  });

  // Were those before looked at for each piece of it, this would not end in the time that a test has.
  it('is read once where it is a whole body of backslashes', () => {
    expect(isSound('\\\\'.repeat(16 * 1024 * 1024))).to.equal(true);
    expect(isSound(`${'\\\\'.repeat(16 * 1024 * 1024)}\\`)).to.equal(false);
  });
});
