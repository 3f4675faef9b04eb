import { readFileSync } from 'node:fs';
import { expect } from 'chai';
import { fieldsOf, listOf } from '#shared/providers/fields.ts';
import { chatTraits } from '#shared/providers/openai-chat/vendors.ts';
import { openrouter } from '#shared/providers/openrouter.ts';
import { feedStream } from '../../support/convert-stream.ts';
import { type ConvertedBody, convertWith } from '../../support/target.ts';

const MARK = { cache_control: { type: 'ephemeral' } };
const TOOL = { name: 'Bash', input_schema: { type: 'object' } };
const convert = (request: Record<string, unknown>, model = 'anthropic/claude-sonnet-4.5'): ConvertedBody =>
  convertWith(
    openrouter,
    { model: 'claude-x', max_tokens: 10, messages: [{ role: 'user', content: 'hi' }], ...request },
    { model, target: { baseUrl: 'https://openrouter.ai/api/v1' } },
  );

describe('OpenRouter', () => {
  it('S1-09 is found below its base URL, with /api/v1 or without', () => {
    const pathOf = (baseUrl: string): string =>
      convertWith(openrouter, { messages: [{ role: 'user', content: 'x' }] }, { target: { baseUrl } }).path;
    expect(pathOf('https://openrouter.ai/api/v1')).to.equal('/chat/completions');
    expect(pathOf('https://openrouter.ai/api')).to.equal('/v1/chat/completions');
    expect(pathOf('https://openrouter.ai')).to.equal('/api/v1/chat/completions');
  });

  it('conv C-01 C-02 S4-02 keeps cache marks on texts, for models that need them alone', () => {
    const request = {
      system: [
        { type: 'text', text: 'One.', ...MARK },
        { type: 'text', text: 'Two.' },
      ],
      messages: [
        { role: 'user', content: [{ type: 'text', text: 'a', ...MARK }] },
        { role: 'assistant', content: [{ type: 'tool_use', id: 't1', name: 'Bash', input: {}, ...MARK }] },
        { role: 'user', content: [{ type: 'tool_result', tool_use_id: 't1', content: 'r', ...MARK }] },
      ],
      tools: [{ ...TOOL, ...MARK }],
    };
    const messages = listOf(convert(request).json.messages).map(fieldsOf);
    expect(messages[0]?.content).to.deep.equal([
      { type: 'text', text: 'One.', ...MARK },
      { type: 'text', text: 'Two.' },
    ]);
    expect(messages[1]?.content).to.deep.equal([{ type: 'text', text: 'a', ...MARK }]);
    expect(messages[3]).to.deep.equal({
      role: 'tool',
      tool_call_id: 't1',
      content: [{ type: 'text', text: 'r', ...MARK }],
    });
    expect(convert(request, 'openai/gpt-4o').body.toString()).not.to.include('cache_control');
  });

  it('conv T-08 gives reasoning details back unchanged with the next request', () => {
    const bytes = readFileSync(
      new URL('../../fixtures/openai-chat/streams/synthetic-openrouter-reasoning-details.sse', import.meta.url),
    );
    const traits = chatTraits('openrouter', 'anthropic/claude-sonnet-4.5');
    const memory = { traits, pickyTools: new Map(), wantsSearch: false };
    const { message } = feedStream(openrouter, bytes, { memory });
    const content = message?.content ?? [];
    const call = content.find(({ type }) => type === 'tool_use');
    const messages = [
      { role: 'user', content: 'hi' },
      { role: 'assistant', content },
      { role: 'user', content: [{ type: 'tool_result', tool_use_id: call?.id, content: 'x' }] },
    ];
    const [, assistant] = listOf(convert({ messages }).json.messages).map(fieldsOf);
    expect(assistant?.reasoning_details).to.deep.equal([
      {
        type: 'reasoning.text',
        text: 'Let me think.',
        format: 'anthropic-claude-v1',
        index: 0,
        signature: 'EqQBCgIYAhIM',
      },
    ]);
    expect(fieldsOf(listOf(assistant?.tool_calls)[0]).id).to.equal(call?.id);
    expect(assistant).not.to.have.property('reasoning_content');
  });

  it('conv T-01 asks for a budget where one is given, else for an effort', () => {
    expect(convert({ thinking: { type: 'enabled', budget_tokens: 5000 } }).json.reasoning).to.deep.equal({
      max_tokens: 5000,
    });
    expect(convert({ output_config: { effort: 'high' } }).json.reasoning).to.deep.equal({ effort: 'high' });
  });

  it('conv U-06 W-01 asks for its counts, and for the web plugin where a search is wanted', () => {
    const tools = [{ type: 'web_search_20250305', name: 'web_search' }];
    expect(convert({ tools }).json).to.deep.include({ usage: { include: true }, plugins: [{ id: 'web' }] });
    expect(convert({}).json).not.to.have.property('plugins');
  });
});
