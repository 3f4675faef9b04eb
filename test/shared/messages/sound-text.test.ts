import { expect } from 'chai';
import { isSoundText } from '#shared/messages/sound-text.ts';

function isSound(inside: string): boolean {
  const bytes = Buffer.from(`"${inside}"`);
  return isSoundText(bytes, { start: 1, end: bytes.length - 1 });
}

describe('the inside of a JSON string', () => {
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
