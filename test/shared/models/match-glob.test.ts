import { expect } from 'chai';
import fc from 'fast-check';
import { createGlob } from '#shared/models/match-glob.ts';

describe('a pattern', () => {
  it('is met by the whole of a text, with * for any characters and every other one for itself', () => {
    const CASES: ReadonlyArray<[pattern: string, met: string[], not: string[]]> = [
      [
        'claude-haiku-*',
        ['claude-haiku-', 'claude-haiku-4-5'],
        ['claude-haiku', 'my-claude-haiku-4-5', 'Claude-haiku-4'],
      ],
      ['*haiku*', ['haiku', 'a haiku b'], ['hai ku']],
      ['a*a', ['aa', 'aba'], ['a', 'ab']],
      ['*', ['', 'anything\nat all'], []],
      ['a.c', ['a.c'], ['abc']],
      ['', [''], ['a']],
    ];
    for (const [pattern, met, not] of CASES) {
      for (const text of met) expect(createGlob(pattern)(text), `${pattern} ${text}`).to.equal(true);
      for (const text of not) expect(createGlob(pattern)(text), `${pattern} ${text}`).to.equal(false);
    }
  });

  it('is met as the regular expression says that it stands for', () => {
    const few = (characters: string) => fc.string({ unit: fc.constantFrom(...characters), maxLength: 8 });
    fc.assert(
      fc.property(few('ab*'), few('ab'), (pattern, text) => {
        expect(createGlob(pattern)(text)).to.equal(new RegExp(`^${pattern.replaceAll('*', '.*')}$`, 's').test(text));
      }),
      { numRuns: 2000 },
    );
  });
});
