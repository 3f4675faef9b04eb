import { expect } from 'chai';
import { createSharedCounts } from '#services/gateway/paths/shared-counts.ts';
import { systemClock } from '#shared/clock.ts';

describe('shared counts', () => {
  let now = 0;
  const clock = { ...systemClock, monotonicMs: () => now };
  const never = (): Promise<number> => Promise.reject(new Error('nobody was to count'));

  it('counts once for all who ask while the count is under way, also when nothing is kept', async () => {
    for (const ttlMs of [0, 1000]) {
      const counts = createSharedCounts(ttlMs, clock);
      let answer: (tokens: number) => void = () => {};
      const first = counts.of('a', () => new Promise((resolve) => (answer = resolve)));
      const others = [counts.of('a', never), counts.of('a', never)];
      await Promise.resolve().then(() => answer(42));
      expect(await Promise.all([first, ...others])).to.deep.equal([42, 42, 42]);
    }
  });

  it('forgets after the time to live, each count by its own age', async () => {
    const counts = createSharedCounts(1000, clock);
    await counts.of('a', async () => 1);
    now += 600;
    await counts.of('b', async () => 2);
    now += 400;
    expect(await counts.of('b', never)).to.equal(2);
    expect(await counts.of('a', async () => 3)).to.equal(3);
  });

  it('keeps neither a failure nor a count that was none', async () => {
    const counts = createSharedCounts(1000, clock);
    expect(await counts.of('a', async () => null)).to.equal(null);
    const failure = await counts.of('a', never).catch((error: Error) => error.message);
    expect(failure).to.equal('nobody was to count');
    const thrown = counts.of('a', () => {
      throw new Error('at once');
    });
    expect(await thrown.catch((error: Error) => error.message)).to.equal('at once');
    expect(await counts.of('a', async () => 4)).to.equal(4);
  });

  it('keeps a bounded number of them, the oldest go first', async () => {
    const counts = createSharedCounts(1000, clock);
    for (let n = 0; n < 5000; n++) await counts.of(String(n), async () => n);
    expect(await counts.of('4999', never)).to.equal(4999);
    expect(await counts.of('0', async () => -1)).to.equal(-1);
  });
});
