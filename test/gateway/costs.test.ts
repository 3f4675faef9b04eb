// What calls cost, on both legs, as counters: by your own prices, and never 0 where nobody knows.
import { expect } from 'chai';
import { type CompareBed, SECONDARY, startCompareBed } from '../support/compare-bed.ts';
import { until } from '../support/gateway.ts';
import { readMetrics } from '../support/read-metrics.ts';

const USAGE = {
  input_tokens: 1_000_000,
  output_tokens: 100_000,
  cache_read_input_tokens: 0,
  cache_creation_input_tokens: 0,
};
const CONTENT = [{ type: 'text' as const, text: 'All is well here.' }];

describe('costs', () => {
  let bed: CompareBed;
  before(async () => {
    bed = await startCompareBed({ [`prices.${SECONDARY}.input`]: 2, [`prices.${SECONDARY}.output`]: 10 });
  });
  after(() => bed.stop());

  const metric = async (name: string, leg: string): Promise<number> =>
    (await readMetrics(bed.started.opsUrl))(name, { leg });

  it('are counted for both legs, and calls of unknown cost beside them', async () => {
    bed.primary.use({ content: CONTENT, usage: USAGE });
    bed.secondary.use({ content: CONTENT, usage: USAGE });
    const { id } = await bed.ask({ body: { model: 'claude-opus-4-5' } });
    await bed.settled(id);
    // A million at $5 and a tenth at $25; a million at $2 and a tenth at $10.
    await until(async () => Math.abs((await metric('ccproxy_cost_usd_total', 'primary')) - 7.5) < 1e-9);
    await until(async () => Math.abs((await metric('ccproxy_cost_usd_total', 'target')) - 3) < 1e-9);
    expect(await metric('ccproxy_cost_unpriced_total', 'primary')).to.equal(0);

    await bed.settled((await bed.ask({ body: { model: 'a-model-nobody-sells' } })).id);
    await until(async () => (await metric('ccproxy_cost_unpriced_total', 'primary')) === 1);
    expect(await metric('ccproxy_cost_usd_total', 'primary')).to.be.closeTo(7.5, 1e-9);
  });
});
