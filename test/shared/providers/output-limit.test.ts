import { expect } from 'chai';
import { GatewayError } from '#shared/errors.ts';
import { outputLimit } from '#shared/providers/output-limit.ts';
import { testTarget } from '../../support/target.ts';

describe('the limit of an answer', () => {
  const limitOf = (asked: unknown, target: Parameters<typeof testTarget>[0] = {}, least?: number) => {
    const notes: string[] = [];
    const input = { target: testTarget(target), model: 'm', modelAsked: 'm', sessionKey: null, inputTokens: 1000 };
    return { limit: outputLimit(asked, input, notes, least), notes };
  };

  it('conv M-01 lowers it to what the model gives and to what its window has left, and says so', () => {
    expect(limitOf(4096)).to.deep.equal({ limit: 4096, notes: [] });
    expect(limitOf(32_000, { maxOutput: 8192 })).to.deep.equal({ limit: 8192, notes: ['max_tokens:8192'] });
    expect(limitOf(32_000, { contextWindow: 10_000 }).limit).to.equal(10_000 - 1000 - 512);
    expect(limitOf(32_000, { contextWindow: 900 }).limit, 'the upstream has to say it').to.equal(32_000);
  });

  it('conv M-11 raises it only to the least an upstream takes', () => {
    expect(limitOf(1, {}, 16)).to.deep.equal({ limit: 16, notes: ['max_tokens:16'] });
    expect(limitOf(100, { maxOutput: 200 }).limit).to.equal(100);
  });

  it('asks for none when the client named none, and refuses what is no number', () => {
    expect(limitOf(undefined).limit).to.equal(null);
    expect(() => limitOf('many')).to.throw(GatewayError, /^max_tokens/);
    expect(() => limitOf(-1)).to.throw(GatewayError, /^max_tokens/);
  });
});
