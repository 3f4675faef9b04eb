import { expect } from 'chai';
import { describeConvertedRoute } from '../../support/converted-client.ts';

describeConvertedRoute({
  type: 'openai-responses',
  model: 'gpt-5.4',
  streams: { text: 'text', thinkingTool: 'reasoning-tool', parallelTools: 'parallel-tools', failed: 'failed' },
  limited: '429-rate-limit',
  key: ['authorization', 'Bearer upstream-key'],
  path: '/v1/responses',
  expectReplay: ({ input }) => {
    const items = input as Array<Record<string, unknown>>;
    expect(items.map(({ type }) => type)).to.deep.equal([
      ...['message', 'reasoning', 'message', 'function_call'],
      'function_call_output',
    ]);
    expect(items[1]).to.deep.include({ id: 'rs_1', encrypted_content: 'gAAAA-whole' });
    expect(items[3]).to.include({ call_id: 'call_1' });
    expect(items[4]).to.include({ call_id: 'call_1', output: 'line 1' });
  },
});
