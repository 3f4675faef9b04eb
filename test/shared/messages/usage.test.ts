import { expect } from 'chai';
import { addUsage, mergeUsage, promptTokens, usageCounts } from '#shared/messages/usage.ts';

describe('usage', () => {
  it('replaces totals instead of adding them', () => {
    const merged = mergeUsage({ input_tokens: 10, output_tokens: 1 }, { output_tokens: 55 });
    expect(merged).to.deep.equal({ input_tokens: 10, output_tokens: 55 });
  });

  it('keeps what was known when a later total is null or missing', () => {
    const merged = mergeUsage(
      { input_tokens: 10, cache_read_input_tokens: 3 },
      { input_tokens: null, service_tier: null, output_tokens: 2 },
    );
    expect(merged).to.deep.equal({
      input_tokens: 10,
      cache_read_input_tokens: 3,
      service_tier: null,
      output_tokens: 2,
    });
  });

  it('takes the true input total of servers that start with 0', () => {
    expect(mergeUsage({ input_tokens: 0 }, { input_tokens: 812 }).input_tokens).to.equal(812);
  });

  it('keeps nested and unknown totals', () => {
    const details = { output_tokens_details: { thinking_tokens: 7 }, brand_new: [1] };
    expect(mergeUsage({ input_tokens: 1 }, details)).to.deep.equal({ input_tokens: 1, ...details });
  });

  it('does not take a key named __proto__ for the prototype', () => {
    const merged = mergeUsage({}, JSON.parse('{"__proto__": {"input_tokens": 5}}'));
    expect(merged.input_tokens).to.equal(undefined);
  });

  it('counts only what was reported as a number', () => {
    expect(usageCounts({ input_tokens: 4, output_tokens: null, cache_read_input_tokens: 'x' as never })).to.deep.equal({
      input_tokens: 4,
      output_tokens: null,
      cache_read_input_tokens: null,
      cache_creation_input_tokens: null,
    });
  });

  it('adds cached tokens to the size of the prompt, and knows none when none was reported', () => {
    const usage = { input_tokens: 4, cache_read_input_tokens: 30, cache_creation_input_tokens: 200 };
    expect(promptTokens(usage)).to.equal(234);
    expect(promptTokens({ output_tokens: 3 })).to.equal(null);
    expect(promptTokens(null)).to.equal(null);
  });
});

describe('usage of answers that are one', () => {
  it('adds up what is counted, within counts too, and keeps what is not', () => {
    const sum = addUsage(
      { input_tokens: 10, output_tokens: 1, service_tier: 'a', cache_creation: { ephemeral_5m_input_tokens: 2 } },
      { input_tokens: 5, output_tokens: 2, service_tier: 'b', cache_creation: { ephemeral_5m_input_tokens: 3 } },
    );
    expect(sum).to.deep.equal({
      ...{ input_tokens: 15, output_tokens: 3, service_tier: 'b' },
      cache_creation: { ephemeral_5m_input_tokens: 5 },
    });
  });

  it('takes what only one of them tells, and nothing for what is null', () => {
    expect(addUsage({}, { input_tokens: 5, x: null })).to.deep.equal({ input_tokens: 5, x: null });
    expect(
      addUsage({ input_tokens: 5 }, { input_tokens: null, server_tool_use: { web_search_requests: 1 } }),
    ).to.deep.equal({ input_tokens: 5, server_tool_use: { web_search_requests: 1 } });
    const odd = addUsage({}, JSON.parse('{"__proto__": {"a": 1}}'));
    expect(Object.keys(odd)).to.deep.equal(['__proto__']);
  });
});
