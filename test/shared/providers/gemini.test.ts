import { expect } from 'chai';
import { describeConvertedRoute } from '../../support/converted-client.ts';

describeConvertedRoute({
  type: 'gemini',
  model: 'gemini-3-pro-preview',
  streams: { text: 'text', thinkingTool: 'thinking-tool', parallelTools: 'parallel-tools', failed: 'failed' },
  limited: '429-rate-limit',
  key: ['x-goog-api-key', 'upstream-key'],
  path: '/v1beta/models/gemini-3-pro-preview:streamGenerateContent?alt=sse',
  expectReplay: ({ contents }) => {
    const [, model, user] = contents as Array<{ role: string; parts: unknown[] }>;
    expect(model).to.deep.equal({
      role: 'model',
      parts: [{ functionCall: { name: 'Read', args: { file_path: '/a.txt' } }, thoughtSignature: 'c2lnLWE=' }],
    });
    expect(user).to.deep.equal({
      role: 'user',
      parts: [{ functionResponse: { name: 'Read', response: { output: 'line 1' } } }],
    });
  },
});
