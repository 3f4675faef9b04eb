import { expect } from 'chai';
import { rewriteRequest, usesServerTool } from '#services/comparator/comparison/rewrite-request.ts';
import type { MessagesRequest } from '#shared/wire/anthropic.ts';

const SELF_HOSTED = { model: 'glm-5', anthropicFeatures: false };
const ANTHROPIC = { model: 'claude-other-1', anthropicFeatures: true };
const USER = { role: 'user', content: 'hi' };

function rewrite(fields: Partial<MessagesRequest>, target = SELF_HOSTED) {
  const request = { model: 'glm-5', max_tokens: 10, messages: [USER], ...fields } as MessagesRequest;
  const before = structuredClone(request);
  const result = rewriteRequest(request, { ...target, model: 'glm-5' });
  expect(request, 'the request given is left alone').to.deep.equal(before);
  return result;
}

describe('rewrite-request', () => {
  it('changes and names nothing that needs no change', () => {
    const { request, applied } = rewrite({
      stream: true,
      temperature: 0.3,
      tools: [{ name: 'Read' }],
      system: 'be kind',
    });
    expect(applied).to.deep.equal([]);
    expect(request).to.deep.equal({
      model: 'glm-5',
      max_tokens: 10,
      messages: [USER],
      stream: true,
      temperature: 0.3,
      tools: [{ name: 'Read' }],
      system: 'be kind',
    });
  });

  it("asks for the target's model, or the client's where the target has none", () => {
    const request = { model: 'claude-x', messages: [USER] } as MessagesRequest;
    expect(rewriteRequest(request, SELF_HOSTED)).to.deep.include({ applied: ['model'] });
    expect(rewriteRequest(request, { ...SELF_HOSTED, model: null }).request.model).to.equal('claude-x');
  });

  it('drops the billing block, which differs in each request and would spoil every prefix cache', () => {
    const billing = { type: 'text', text: 'x-anthropic-billing-header: cc_version=1; cch=abc;' };
    const prompt = { type: 'text', text: 'You are helpful.', cache_control: { type: 'ephemeral' } };
    const { request, applied } = rewrite({ system: [billing, prompt] });
    expect(request.system).to.deep.equal([prompt]);
    expect(applied).to.deep.equal(['drop_billing_header']);
    expect(rewrite({ system: [billing] }).request).to.not.have.property('system');
  });

  it('drops thinking of earlier turns and leaves no turn empty', () => {
    const thought = { type: 'thinking', thinking: 'hm', signature: 's' };
    const hidden = { type: 'redacted_thinking', data: 'x' };
    const { request, applied } = rewrite({
      messages: [
        USER,
        { role: 'assistant', content: [thought, { type: 'text', text: 'a' }] },
        USER,
        { role: 'assistant', content: [thought, hidden] },
        USER,
      ],
    });
    expect(request.messages.map(({ content }) => content)).to.deep.equal([
      'hi',
      [{ type: 'text', text: 'a' }],
      'hi',
      [{ type: 'text', text: '(no visible content)' }],
      'hi',
    ]);
    expect(applied).to.deep.equal(['drop_thinking_history']);
  });

  it('drops the fields that only Anthropic knows, and keeps them for Anthropic', () => {
    const fields = {
      thinking: { type: 'adaptive' },
      output_config: { effort: 'high' },
      context_management: { edits: [] },
    };
    expect(rewrite(fields).applied).to.deep.equal(['drop_thinking', 'drop_context_management', 'drop_output_config']);
    expect(rewrite(fields, ANTHROPIC).applied).to.deep.equal([]);
  });

  it('asks Anthropic without thinking when the open turn lost its own', () => {
    const turn = {
      role: 'assistant',
      content: [
        { type: 'thinking', thinking: 'x' },
        { type: 'tool_use', id: 't', name: 'A', input: {} },
      ],
    };
    const { request, applied } = rewrite(
      { thinking: { type: 'enabled', budget_tokens: 1024 }, context_management: {}, messages: [USER, turn, USER] },
      ANTHROPIC,
    );
    expect(applied).to.deep.equal(['drop_thinking_history', 'drop_thinking', 'drop_context_management']);
    expect(request).to.not.have.any.keys('thinking', 'context_management');
  });

  it('drops tools that run on servers, what chose them, and their traces in the history', () => {
    const search = { type: 'web_search_20250305', name: 'web_search' };
    const { request, applied } = rewrite({
      tools: [search, { name: 'Read' }],
      tool_choice: { type: 'tool', name: 'web_search' },
      mcp_servers: [{ url: 'x' }],
      messages: [
        USER,
        {
          role: 'assistant',
          content: [
            { type: 'server_tool_use', id: 's', name: 'web_search', input: {} },
            { type: 'web_search_tool_result', tool_use_id: 's', content: [] },
            { type: 'text', text: 'found' },
          ],
        },
        USER,
      ],
    });
    expect(applied).to.deep.equal(['drop_server_tools', 'drop_server_tool_history', 'drop_mcp_servers']);
    expect(request.tools).to.deep.equal([{ name: 'Read' }]);
    expect(request.messages[1]?.content).to.deep.equal([{ type: 'text', text: 'found' }]);
    expect(request).to.not.have.any.keys('tool_choice', 'mcp_servers');
    const only = rewrite({ tools: [search], tool_choice: { type: 'auto' } }).request;
    expect(only).to.not.have.any.keys('tools', 'tool_choice');
  });

  it('drops who the user is, safeguards and thread for every target', () => {
    for (const target of [SELF_HOSTED, ANTHROPIC]) {
      const { request, applied } = rewrite(
        { metadata: { user_id: 'u', kept: 1 }, safeguards: {}, thread: 'create' },
        target,
      );
      expect(applied).to.deep.equal(['drop_user_id', 'drop_safeguards', 'drop_thread']);
      expect(request.metadata).to.deep.equal({ kept: 1 });
    }
  });

  it('keeps the limit of tokens and adds no sampling parameter', () => {
    const { request } = rewrite({ max_tokens: 64_000, thinking: { type: 'enabled' } });
    expect(Object.keys(request).sort()).to.deep.equal(['max_tokens', 'messages', 'model']);
    expect(request.max_tokens).to.equal(64_000);
  });

  it('survives a request of any shape', () => {
    const odd = {
      model: 'm',
      messages: [null, { role: 'user' }, { content: [null, 1, {}] }],
      tools: [null],
      system: [null],
    };
    expect(() => rewriteRequest(odd as unknown as MessagesRequest, SELF_HOSTED)).to.not.throw();
    expect(() => rewriteRequest({ model: 'm', messages: 'x' } as unknown as MessagesRequest, ANTHROPIC)).to.not.throw();
  });

  it('knows an answer that used a tool on a server', () => {
    expect(usesServerTool([{ type: 'text', text: 'a' }, { type: 'server_tool_use' }])).to.equal(true);
    expect(usesServerTool([{ type: 'tool_use', id: 't', name: 'A', input: {} }])).to.equal(false);
  });
});
