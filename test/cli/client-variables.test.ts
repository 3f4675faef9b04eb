import { expect } from 'chai';
import { chosenModel } from '#services/cli/client-variables.ts';

describe('the model a client starts with', () => {
  it('is the one of its arguments, else of its variable, in any spelling and with any sign in it', () => {
    const cases: ReadonlyArray<[string[], string | undefined, string | null]> = [
      [['--model', 'glm'], 'other', 'glm'],
      [['-p', '--model=glm'], 'other', 'glm'],
      [['--model=host/a=b'], undefined, 'host/a=b'],
      [['--model', 'claude-opus-5[1m]'], undefined, 'claude-opus-5'],
      [['-p', 'hi'], 'other', 'other'],
      [['--model='], undefined, null],
      [[], undefined, null],
    ];
    for (const [args, variable, model] of cases)
      expect(chosenModel(args, { ANTHROPIC_MODEL: variable }), args.join(' ')).to.equal(model);
  });
});
