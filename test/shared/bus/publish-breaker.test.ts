import { expect } from 'chai';
import { createPublishBreaker } from '#shared/bus/publish-breaker.ts';

describe('the breaker in front of a bus that is down', () => {
  let nowMs: number;
  const open = () => createPublishBreaker({ nowMs: () => nowMs, monotonicMs: () => nowMs });
  beforeEach(() => {
    nowMs = 0;
  });

  it('says once that it opened, however many attempts were under way, and once more when the next one fails', () => {
    const breaker = open();
    for (let attempt = 0; attempt < 8; attempt++) expect(breaker.allows()).to.equal(true);
    expect(Array.from({ length: 8 }, () => breaker.failed())).to.deep.equal([
      ...Array(4).fill(false),
      true,
      ...Array(3).fill(false),
    ]);
    expect(breaker.allows()).to.equal(false);
    nowMs += 10_000;
    expect([breaker.allows(), breaker.allows()]).to.deep.equal([true, false]);
    expect(breaker.failed()).to.equal(true);
    expect(breaker.allows()).to.equal(false);
  });

  it('takes all attempts again once one succeeds', () => {
    const breaker = open();
    for (let attempt = 0; attempt < 5; attempt++) breaker.failed();
    nowMs += 10_000;
    expect(breaker.allows()).to.equal(true);
    breaker.succeeded();
    expect([breaker.allows(), breaker.allows()]).to.deep.equal([true, true]);
  });
});
