import { expect } from 'chai';
import { createTokenBudget, estimateTokens, usedTokens } from '#services/comparator/token-budget.ts';

function setup(tokensPerHour: number | null) {
  let nowMs = 3_600_000 * 10;
  const budget = createTokenBudget(tokensPerHour, { nowMs: () => nowMs, monotonicMs: () => nowMs });
  return { budget, advance: (ms: number) => (nowMs += ms) };
}

describe('token-budget', () => {
  it('reserves an estimate and puts what was used in its place, once', () => {
    const { budget } = setup(1_000);
    const first = budget.reserve('a', 900);
    expect(budget.reserve('a', 200)).to.equal(null);
    first?.settle(100);
    first?.settle(0);
    expect(budget.status()).to.deep.equal([{ target: 'a', tokensUsed: 100, tokensPerHour: 1_000 }]);
    expect(budget.reserve('a', 900)).to.not.equal(null);
  });

  it('keeps the estimate when what was used is not known', () => {
    const { budget } = setup(1_000);
    budget.reserve('a', 900)?.settle(null);
    expect(budget.reserve('a', 200)).to.equal(null);
  });

  it('counts each target by itself and each hour anew', () => {
    const { budget, advance } = setup(1_000);
    budget.reserve('a', 1_000);
    expect(budget.reserve('b', 1_000)).to.not.equal(null);
    expect(budget.reserve('a', 1)).to.equal(null);
    advance(3_600_000);
    expect(budget.reserve('a', 1_000)).to.not.equal(null);
  });

  it('does not book a late settlement on the next hour', () => {
    const { budget, advance } = setup(1_000);
    const late = budget.reserve('a', 800);
    advance(3_600_000);
    budget.reserve('a', 500);
    late?.settle(10);
    expect(budget.status()[0]?.tokensUsed).to.equal(500);
  });

  it('has no limit unless one is set', () => {
    expect(setup(null).budget.reserve('a', 1e12)).to.not.equal(null);
  });

  it('estimates by what the primary used: its whole prompt, and twice its answer or a little', () => {
    const usage = { input_tokens: 10, cache_read_input_tokens: 500, output_tokens: 2_000 };
    expect(estimateTokens(usage)).to.equal(4_510);
    expect(estimateTokens({ input_tokens: 10, output_tokens: 5 })).to.equal(1_034);
    expect(estimateTokens(null)).to.equal(1_024);
    expect(usedTokens(usage)).to.equal(2_510);
    expect(usedTokens({ output_tokens: 4 })).to.equal(null);
  });
});
