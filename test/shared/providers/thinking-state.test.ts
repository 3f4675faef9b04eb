import { expect } from 'chai';
import fc from 'fast-check';
import { chooseEffort, clampEffort, EFFORTS, readThinkingWish } from '#shared/providers/effort.ts';
import { decodeThinkingState, encodeThinkingState, isOwnThinkingState } from '#shared/providers/thinking-state.ts';

describe('state of reasoning in a signature', () => {
  it('comes back as it went, to the provider that wrote it alone', () => {
    fc.assert(
      fc.property(fc.jsonValue(), (state) => {
        const signature = encodeThinkingState('openai-chat', state);
        expect(signature).to.match(/^ccproxy1\.openai-chat\.[A-Za-z0-9_-]+$/);
        expect(decodeThinkingState('openai-chat', signature)).to.deep.equal(JSON.parse(JSON.stringify(state)));
        expect(decodeThinkingState('gemini', signature)).to.equal(undefined);
        expect(isOwnThinkingState(signature)).to.equal(true);
      }),
    );
  });

  it('is nothing when it is foreign, broken or missing', () => {
    for (const signature of ['EqQBCgIYAhIM', 'ccproxy1.openai-chat.%%%', '', undefined, null, 5]) {
      expect(decodeThinkingState('openai-chat', signature)).to.equal(undefined);
    }
    expect(isOwnThinkingState('EqQB')).to.equal(false);
  });
});

describe('the effort a model is asked for', () => {
  it('is one it knows, and never none when thinking was asked for', () => {
    const levels = fc.uniqueArray(fc.constantFrom(...EFFORTS), { minLength: 1 });
    fc.assert(
      fc.property(levels, fc.constantFrom(...EFFORTS), (legal, wanted) => {
        const chosen = clampEffort(wanted, legal);
        if (chosen !== null) expect(legal).to.include(chosen);
        if (wanted !== 'none') expect(chosen).not.to.equal('none');
        if (legal.includes(wanted)) expect(chosen).to.equal(wanted);
      }),
    );
  });

  it('is nothing for a model that does not reason', () => {
    const wish = readThinkingWish({ model: 'x', messages: [], thinking: { type: 'enabled', budget_tokens: 5000 } });
    expect(chooseEffort(wish, { legal: [], isOnByDefault: false })).to.equal(null);
  });
});
