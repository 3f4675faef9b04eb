import { expect } from 'chai';
import fc from 'fast-check';
import { type Prices, priceUsage } from '#shared/cost/price.ts';
import { createPriceList, findKnownPrices, type PriceLookup } from '#shared/cost/price-list.ts';

const NOTHING_SET = { input: null, output: null, cache_read: null, cache_write: null };

function costOf(model: string, usage: Record<string, unknown>): number | null {
  return priceUsage(usage, findKnownPrices(model));
}

describe('prices', () => {
  it('S4-06 knows what models cost in and out', () => {
    for (const [model, input, output] of [
      ['gpt-5', 1.25, 10],
      ['claude-opus-4-1-20250805', 15, 75],
      ['anthropic/claude-opus-4.1', 15, 75],
      ['grok-code-fast-1', 0.2, 1.5],
      ['moonshotai/kimi-k2.6', 0.95, 4],
      ['MiniMax-M2.7', 0.3, 1.2],
      ['qwen3.8-max', 2, 6],
    ] as const) {
      expect(findKnownPrices(model), model).to.include({ input, output });
      expect(costOf(model, { input_tokens: 1_000_000, output_tokens: 0 }), model).to.equal(input);
      expect(costOf(model, { input_tokens: 0, output_tokens: 2_000_000 }), model).to.equal(2 * output);
    }
  });

  it('S4-06 prices what was read from and written to the cache by itself, an hour’s cache too', () => {
    const usage = { input_tokens: 1000, output_tokens: 500, cache_read_input_tokens: 10_000 };
    expect(costOf('claude-opus-4-1', usage)).to.be.closeTo((1000 * 15 + 500 * 75 + 10_000 * 1.5) / 1e6, 1e-12);
    const written = { cache_creation_input_tokens: 4000, cache_creation: { ephemeral_1h_input_tokens: 1000 } };
    expect(costOf('claude-opus-4-1', { ...usage, ...written })).to.be.closeTo(
      (1000 * 15 + 500 * 75 + 10_000 * 1.5 + 3000 * 18.75 + 1000 * 30) / 1e6,
      1e-12,
    );
  });

  it('S4-06 [prices] goes before the bundled table and fills what it leaves open from there', () => {
    const list = createPriceList({
      'gpt-5': { ...NOTHING_SET, input: 1 },
      'my-model': { input: 2, output: 4, cache_read: 0.5, cache_write: null },
      broken: { ...NOTHING_SET, input: 2 },
    });
    expect(list('gpt-5')).to.include({ input: 1, output: 10 });
    expect(list('openai/gpt-5-2025-08-07')).to.include({ input: 1, output: 10 });
    expect(list('My-Model')).to.include({ input: 2, output: 4, cacheRead: 0.5, cacheWrite: null });
    expect(list('grok-code-fast-1')).to.include({ input: 0.2 });
    expect(list('broken')).to.equal(null);
  });

  it('S4-06 has no price for a prompt beyond the length it is published for', () => {
    for (const [model, length] of [
      ['grok-4.3', 199_999],
      ['minimax-m3', 512_000],
      ['qwen3-max-2026-01-23', 32_000],
    ] as const) {
      expect(costOf(model, { input_tokens: length, output_tokens: 1 }), model).to.be.above(0);
      expect(costOf(model, { input_tokens: length + 1, output_tokens: 1 }), model).to.equal(null);
    }
  });

  it('S4-06 other tables can stand behind', () => {
    const far: PriceLookup = (model) =>
      model === 'far-1'
        ? { input: 7, output: 8, cacheRead: null, cacheWrite: null, cacheWriteHour: null, upToPromptTokens: null }
        : null;
    const list = createPriceList({}, [findKnownPrices, far]);
    expect(list('far-1')).to.include({ input: 7 });
    expect(list('gpt-5')).to.include({ input: 1.25 });
    expect(list('far-2')).to.equal(null);
  });

  it('S4-06 what is unknown stays unknown, and is never 0', () => {
    expect(costOf('nonsense-1', { input_tokens: 1, output_tokens: 1 })).to.equal(null);
    expect(priceUsage(null, findKnownPrices('gpt-5'))).to.equal(null);
    expect(costOf('gpt-5', { output_tokens: 1 })).to.equal(null);
    expect(costOf('gpt-5', { input_tokens: 1, output_tokens: null })).to.equal(null);
    expect(costOf('gpt-5', { input_tokens: Number.NaN, output_tokens: 1 })).to.equal(null);
    expect(costOf('gemini-2.5-pro', { input_tokens: 200_000, output_tokens: 1 })).to.be.a('number');
    expect(costOf('gemini-2.5-pro', { input_tokens: 200_001, output_tokens: 1 }), 'costs more from here').to.equal(
      null,
    );
  });

  it('is never negative or NaN, and grows with every total', () => {
    const count = fc.nat(10_000_000);
    const price = fc.double({ min: 0, max: 1000, noNaN: true });
    const orNull = fc.option(price, { nil: null });
    const prices: fc.Arbitrary<Prices> = fc.record({
      input: price,
      output: price,
      cacheRead: orNull,
      cacheWrite: orNull,
      cacheWriteHour: orNull,
      upToPromptTokens: fc.constant(null),
    });
    fc.assert(
      fc.property(prices, count, count, count, count, count, (known, input, output, read, written, hour) => {
        const usage = {
          input_tokens: input,
          output_tokens: output,
          cache_read_input_tokens: read,
          cache_creation_input_tokens: written,
          cache_creation: { ephemeral_1h_input_tokens: hour },
        };
        const cost = priceUsage(usage, known) ?? Number.NaN;
        expect(cost).to.be.at.least(0);
        expect(priceUsage({ ...usage, output_tokens: output + 1 }, known)).to.be.at.least(cost);
      }),
    );
  });
});
