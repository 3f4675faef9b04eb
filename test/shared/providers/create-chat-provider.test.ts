import { expect } from 'chai';
import { keepMade, madeOnce } from '#shared/made-once.ts';
import { openaiChat } from '#shared/providers/openai-chat.ts';
import type { Target } from '#shared/providers/target.ts';
import { testTarget } from '../../support/target.ts';

/** Asks by as many names as could make everything else forgotten; is it? */
function isForgottenAfter(toModel: (number: number) => string): boolean {
  const target: Target = keepMade(testTarget({ vendor: 'vllm' }));
  const probe = {};
  madeOnce(target, 'probe', () => probe);
  for (let number = 0; number < 20; number++) {
    const model = toModel(number);
    const request = { model, max_tokens: 1, messages: [{ role: 'user' as const, content: 'Hi' }] };
    openaiChat.toUpstreamRequest(request, { target, model, modelAsked: model, sessionKey: null, inputTokens: 1 });
  }
  return madeOnce(target, 'probe', () => ({})) !== probe;
}

describe('a provider of Chat Completions', () => {
  it('keeps what it finds for a model, but nothing under a name that is longer than any', () => {
    expect(isForgottenAfter((number) => `model-${number}`)).to.equal(true);
    expect(isForgottenAfter((number) => String(number).repeat(300))).to.equal(false);
  });
});
