import { expect } from 'chai';
import { azure } from '#shared/providers/azure.ts';
import { PROVIDERS } from '#shared/providers/index.ts';
import { convertWith } from '../../support/target.ts';

const REQUEST = { model: 'claude-x', max_tokens: 10, messages: [{ role: 'user', content: 'hi' }] };
const RESOURCE = 'https://res.openai.azure.com';

describe('Azure OpenAI', () => {
  for (const [baseUrl, apiVersion, deployment, path, model] of [
    [RESOURCE, '2024-10-21', 'my-dep', '/openai/deployments/my-dep/chat/completions?api-version=2024-10-21', 'my-dep'],
    [
      RESOURCE,
      '2025-04-01-preview',
      null,
      '/openai/deployments/gpt-5/chat/completions?api-version=2025-04-01-preview',
      'gpt-5',
    ],
    [RESOURCE, null, 'my-dep', '/openai/v1/chat/completions', 'my-dep'],
    [RESOURCE, 'v1', null, '/openai/v1/chat/completions', 'gpt-5'],
    [RESOURCE, 'preview', null, '/openai/v1/chat/completions?api-version=preview', 'gpt-5'],
    [
      `${RESOURCE}/openai`,
      '2024-10-21',
      'my-dep',
      '/deployments/my-dep/chat/completions?api-version=2024-10-21',
      'my-dep',
    ],
    [`${RESOURCE}/openai/v1`, null, null, '/chat/completions', 'gpt-5'],
    [`${RESOURCE}/openai/deployments/my-dep`, null, null, '/chat/completions?api-version=2024-10-21', 'gpt-5'],
    [`${RESOURCE}/openai/deployments/my-dep`, '2024-06-01', null, '/chat/completions?api-version=2024-06-01', 'gpt-5'],
    [
      `${RESOURCE}/openai/deployments/my-dep/chat/completions?api-version=2024-08-01`,
      null,
      null,
      '?api-version=2024-08-01',
      'gpt-5',
    ],
  ] as const) {
    it(`S1-07 adds "${path}" to ${baseUrl} with version ${apiVersion} and deployment ${deployment}`, () => {
      const converted = convertWith(azure, REQUEST, { model: 'gpt-5', target: { baseUrl, apiVersion, deployment } });
      expect(converted.path).to.equal(path);
      expect(converted.json.model).to.equal(model);
    });
  }

  it('takes its key in a header of its own', () => {
    expect(PROVIDERS.find(({ type }) => type === 'azure')?.keyHeader).to.equal('api-key');
  });

  it('conv M-02 speaks of the model, not of the deployment', () => {
    const target = { baseUrl: RESOURCE, deployment: 'team-chat' };
    expect(convertWith(azure, REQUEST, { model: 'o3', target }).json).to.include({
      model: 'team-chat',
      max_completion_tokens: 10,
    });
    expect(convertWith(azure, REQUEST, { model: 'gpt-4o', target }).json).to.include({
      model: 'team-chat',
      max_tokens: 10,
    });
  });

  it('conv Q-09 refuses documents, of which Azure takes none', () => {
    const pdf = { type: 'document', source: { type: 'base64', media_type: 'application/pdf', data: 'JVBERi0=' } };
    const request = { ...REQUEST, messages: [{ role: 'user', content: [pdf] }] };
    expect(() => convertWith(azure, request, { target: { baseUrl: RESOURCE } })).to.throw(
      'document at messages[0].content[0]',
    );
  });
});
