// The memory in front of the redactor: quicker, and never another answer.
import { expect } from 'chai';
import fc from 'fast-check';
import { createRedactor } from '#shared/redact/redact.ts';
import { rememberClean } from '#shared/redact/remember-clean.ts';

const SECRET = `sk-ant-${'x'.repeat(24)}`;
const long = (letter: string, length = 1000): string => letter.repeat(length);

describe('the memory of clean texts', () => {
  let asked: string[];
  const redact = (text: string): string => {
    asked.push(text);
    return text.replaceAll(SECRET, '[gone]');
  };
  beforeEach(() => {
    asked = [];
  });

  it('looks through a text once', () => {
    const { redactText } = rememberClean(redact, 100_000);
    expect([redactText(long('a')), redactText(long('a')), redactText(long('b'))]).to.deep.equal([
      long('a'),
      long('a'),
      long('b'),
    ]);
    expect(asked).to.deep.equal([long('a'), long('b')]);
  });

  it('keeps no text that held a secret, and hides it each time', () => {
    const { redactText } = rememberClean(redact, 100_000);
    const text = `${long('a')} ${SECRET}`;
    expect([redactText(text), redactText(text)]).to.deep.equal([`${long('a')} [gone]`, `${long('a')} [gone]`]);
    expect(asked).to.deep.equal([text, text]);
  });

  it('forgets what was not seen again in between', () => {
    const { redactText, forget } = rememberClean(redact, 100_000);
    redactText(long('a'));
    redactText(long('b'));
    forget();
    redactText(long('a'));
    forget();
    asked = [];
    redactText(long('a'));
    redactText(long('b'));
    expect(asked).to.deep.equal([long('b')]);
  });

  it('holds no more than it may, the latest first', () => {
    const { redactText } = rememberClean(redact, 4000);
    for (const letter of 'abcdefgh') redactText(long(letter));
    asked = [];
    for (const letter of 'hgab') redactText(long(letter));
    expect(asked).to.deep.equal([long('a'), long('b')]);
    asked = [];
    redactText(long('z', 3000));
    redactText(long('z', 3000));
    expect(asked).to.have.length(2);
  });

  it('says what the redactor says, of whatever texts in whatever order', () => {
    const { redactText } = createRedactor({ hmacKey: 'key' });
    const part = fc.constantFrom('word ', 'me@example.com ', `${SECRET} `, 'eyJ', 'bearer 12345678', '\n', 'ä€');
    const texts = fc.array(
      fc.array(part, { maxLength: 200 }).map((parts) => parts.join('')),
      { maxLength: 8 },
    );
    fc.assert(
      fc.property(texts, fc.array(fc.nat({ max: 7 }), { maxLength: 24 }), (all, order) => {
        const memory = rememberClean(redactText, 5000);
        for (const index of order) {
          const text = all[index];
          if (text !== undefined) expect(memory.redactText(text)).to.equal(redactText(text));
        }
      }),
    );
  });
});
