// A call to a model as flat attributes: what Phoenix reads, in which order, and within which bounds.
import { SemanticConventions } from '@arizeai/openinference-semantic-conventions';
import { expect } from 'chai';
import fc from 'fast-check';
import type { Observation } from '#shared/exchange/observation.ts';
import type { Attributes } from '#shared/telemetry/attribute-values.ts';
import { type LlmAttributesInput, llmAttributes } from '#shared/telemetry/llm-attributes.ts';
import type { Message, MessagesRequest } from '#shared/wire/anthropic.ts';

function message(more: Partial<Message> = {}): Message {
  return {
    id: 'msg_1',
    type: 'message',
    role: 'assistant',
    model: 'glm-5',
    content: [{ type: 'text', text: 'done' }],
    stop_reason: 'end_turn',
    stop_sequence: null,
    usage: {},
    ...more,
  };
}

function observation(more: Partial<Observation> = {}): Observation {
  return {
    outcome: 'ok',
    httpStatus: 200,
    streamed: true,
    message: message(),
    model: 'glm-5',
    complete: true,
    error: null,
    stopReason: 'end_turn',
    usage: { input_tokens: 10, cache_creation_input_tokens: 20, cache_read_input_tokens: 30, output_tokens: 11 },
    toolCalls: [],
    text: 'done',
    thinkingBytes: 0,
    visibleBytes: 4,
    timing: {
      headersMs: 5,
      firstByteMs: 5,
      messageStartMs: 6,
      ttftMs: 100,
      ttfvtMs: 120,
      lastDeltaMs: 1100,
      durationMs: 1200,
    },
    requestId: 'req_1',
    ...more,
  };
}

function request(more: Partial<MessagesRequest> = {}): MessagesRequest {
  return { model: 'claude-opus-5', messages: [{ role: 'user', content: 'hello' }], max_tokens: 100, ...more };
}

function describeCall(more: Partial<LlmAttributesInput> = {}): Attributes {
  return llmAttributes({
    request: request(),
    requestBytes: 123,
    observation: observation(),
    modelAsked: 'claude-opus-5',
    modelSent: 'glm-5',
    provider: 'zai',
    content: true,
    redact: (text) => text,
    ...more,
  });
}

function bytesOf(attributes: Attributes): number {
  return Object.entries(attributes).reduce(
    (sum, [key, value]) => sum + Buffer.byteLength(key) + (typeof value === 'string' ? Buffer.byteLength(value) : 8),
    0,
  );
}

/** The messages below a prefix, by index, each with its suffixes. */
function messagesOf(attributes: Attributes, prefix: string): Array<Record<string, unknown>> {
  const list: Array<Record<string, unknown>> = [];
  for (const [key, value] of Object.entries(attributes)) {
    if (!key.startsWith(`${prefix}.`)) continue;
    const [index = '', ...rest] = key.slice(prefix.length + 1).split('.');
    const at = Number(index);
    list[at] = { ...list[at], [rest.join('.')]: value };
  }
  return list;
}

const inputs = (attributes: Attributes): Array<Record<string, unknown>> => messagesOf(attributes, 'llm.input_messages');
const outputs = (attributes: Attributes): Array<Record<string, unknown>> =>
  messagesOf(attributes, 'llm.output_messages');

function hasGap(list: readonly unknown[]): boolean {
  return Array.from(list).includes(undefined);
}

describe('llmAttributes', () => {
  it('carries the ids, times and counts that people filter by', () => {
    expect(describeCall({ sessionId: 's-1' })).to.include({
      'openinference.span.kind': 'LLM',
      ttft_ms: 100,
      total_duration_ms: 1200,
      anthropic_request_id: 'req_1',
      'anthropic.request.id': 'req_1',
      'session.id': 's-1',
      'llm.model_name': 'glm-5',
      'llm.request.model_name': 'claude-opus-5',
      'llm.response.model_name': 'glm-5',
      'llm.provider': 'zai',
      'llm.system': 'zai',
      'llm.finish_reason': 'end_turn',
      'llm.token_count.prompt': 60,
      'llm.token_count.completion': 11,
      'llm.token_count.total': 71,
      'llm.token_count.prompt_details.cache_read': 30,
      'llm.token_count.prompt_details.cache_write': 20,
      'gen_ai.operation.name': 'chat',
      'gen_ai.request.model': 'glm-5',
      'gen_ai.usage.input_tokens': 60,
      'gen_ai.response.time_to_first_chunk': 0.1,
      'ccproxy.itl_mean_ms': 100,
      'ccproxy.tokens_per_s': 11,
      'ccproxy.model.rewritten': true,
      'ccproxy.request.bytes': 123,
      'ccproxy.request.message_count': 1,
      'ccproxy.content.truncated': false,
      'input.value': 'hello',
      'input.mime_type': 'text/plain',
      'output.value': 'done',
    });
  });

  it('puts every number and id before any text', () => {
    const keys = Object.keys(describeCall());
    const firstText = keys.findIndex((key) => /^(input|output)\.|_messages\./.test(key));
    expect(keys.slice(firstText).filter((key) => !/^(input|output)\.|_messages\./.test(key))).to.deep.equal([]);
    expect(keys.indexOf('llm.token_count.prompt')).to.be.within(0, firstText);
  });

  it('names the vendor of the model that answered', () => {
    const system = (model: string): unknown =>
      describeCall({ observation: observation({ model }), provider: 'mine' })['llm.system'];
    expect(system('claude-opus-5')).to.equal('anthropic');
    expect(system('openai/gpt-6-codex')).to.equal('openai');
    expect(system('o3')).to.equal('openai');
    expect(system('deepseek-r1-distill-llama-70b')).to.equal('deepseek');
    expect(system('grok-4')).to.equal('xai');
    expect(system('qwen3-coder')).to.equal('mine');
  });

  it('reports no first token for an answer that was not streamed, and no count that is unknown', () => {
    const timing = { ...observation().timing, ttftMs: null, ttfvtMs: null, lastDeltaMs: null };
    const attributes = describeCall({
      observation: observation({ timing, usage: { input_tokens: 4 }, stopReason: null }),
    });
    expect(attributes).to.not.have.any.keys(
      'ttft_ms',
      'ccproxy.itl_mean_ms',
      'gen_ai.response.time_to_first_chunk',
      'llm.token_count.completion',
      'llm.token_count.total',
      'llm.token_count.prompt_details.cache_read',
      'llm.finish_reason',
    );
    expect(attributes).to.include({ 'llm.token_count.prompt': 4 });
  });

  it('names no user where a client says its session alone, and no session that is no UUID', () => {
    const said = (user_id: string): unknown[] => {
      const attributes = describeCall({ request: request({ metadata: { user_id } }) });
      return [attributes['session.id'] ?? null, attributes['user.id'] !== undefined];
    };
    expect(said('{"session_id":"s"}')).to.deep.equal(['s', false]);
    expect(said('{"session_id":"s","account_uuid":""}')).to.deep.equal(['s', false]);
    expect(said('{}')).to.deep.equal([null, false]);
    expect(said('user_1_session_SESS-123')).to.deep.equal([null, true]);
    expect(said('bob')).to.deep.equal([null, true]);
  });

  it('reads session and user from both forms of the client, and never shows the account', () => {
    const account = 'aaaaaaaa-1111-4222-8333-bbbbbbbbbbbb';
    const session = '3f1c9a52-7d0e-4b8a-9e61-2a4c8f7b1d03';
    for (const user_id of [
      `user_0123abcd_account_${account}_session_${session}`,
      JSON.stringify({ device_id: 'd', account_uuid: account, session_id: session }),
    ]) {
      const attributes = describeCall({ request: request({ metadata: { user_id } }) });
      expect(attributes['session.id']).to.equal(session);
      expect(attributes['user.id']).to.match(/^[0-9a-f]{32}$/);
      expect(JSON.stringify(attributes)).to.not.include(account);
    }
  });

  it('gives the settings of the call as JSON, without conversation, tools, user and credentials', () => {
    const attributes = describeCall({
      request: request({
        temperature: 0,
        system: 'secret system',
        tools: [{ name: 't' }],
        metadata: { user_id: 'u' },
        mcp_servers: [{ url: 'https://m.invalid', authorization_token: 'mcp-credential' }],
      }),
    });
    expect(JSON.parse(String(attributes['llm.invocation_parameters']))).to.deep.equal({
      model: 'claude-opus-5',
      max_tokens: 100,
      temperature: 0,
      mcp_servers: [{ url: 'https://m.invalid', authorization_token: '[redacted]' }],
    });
    const long = describeCall({ request: request({ output_config: { format: 'x'.repeat(100_000) }, temperature: 1 }) });
    expect(JSON.parse(String(long['llm.invocation_parameters']))).to.deep.equal({
      model: 'claude-opus-5',
      max_tokens: 100,
      temperature: 1,
    });
  });

  it('flattens a conversation: system first, one message for each tool result, every block kept', () => {
    const attributes = describeCall({
      request: request({
        system: [{ type: 'text', text: 'be brief', cache_control: { type: 'ephemeral' } }],
        messages: [
          {
            role: 'user',
            content: [
              { type: 'text', text: 'look' },
              { type: 'image', source: { type: 'base64', media_type: 'image/png', data: 'AAAA' } },
            ],
          },
          {
            role: 'assistant',
            content: [
              { type: 'thinking', thinking: 'hm', signature: 'sig' },
              { type: 'redacted_thinking', data: 'opaque' },
              { type: 'tool_use', id: 't1', name: 'Read', input: { path: 'a' } },
              { type: 'tool_use', id: 't2', name: 'Bash', input: { command: 'ls' } },
            ],
          },
          {
            role: 'user',
            content: [
              { type: 'tool_result', tool_use_id: 't1', content: 'A' },
              { type: 'tool_result', tool_use_id: 't2', content: [{ type: 'text', text: 'B' }] },
              { type: 'text', text: 'go on' },
              { type: 'hologram', shape: 'cube' },
            ],
          },
        ],
      }),
    });
    expect(inputs(attributes)).to.deep.equal([
      {
        'message.role': 'system',
        'message.contents.0.message_content.type': 'text',
        'message.contents.0.message_content.text': 'be brief',
      },
      {
        'message.role': 'user',
        'message.contents.0.message_content.type': 'text',
        'message.contents.0.message_content.text': 'look',
        'message.contents.1.message_content.type': 'image',
        'message.contents.1.message_content.image.image.url': 'data:image/png;base64,AAAA',
      },
      {
        'message.role': 'assistant',
        'message.contents.0.message_content.type': 'reasoning',
        'message.contents.0.message_content.text': 'hm',
        'message.contents.0.message_content.signature': 'sig',
        'message.contents.1.message_content.type': 'reasoning',
        'message.contents.1.message_content.data': 'opaque',
        'message.tool_calls.0.tool_call.id': 't1',
        'message.tool_calls.0.tool_call.function.name': 'Read',
        'message.tool_calls.0.tool_call.function.arguments': '{"path":"a"}',
        'message.tool_calls.1.tool_call.id': 't2',
        'message.tool_calls.1.tool_call.function.name': 'Bash',
        'message.tool_calls.1.tool_call.function.arguments': '{"command":"ls"}',
      },
      { 'message.role': 'tool', 'message.tool_call_id': 't1', 'message.name': 'Read', 'message.content': 'A' },
      {
        'message.role': 'tool',
        'message.tool_call_id': 't2',
        'message.name': 'Bash',
        'message.content': '[{"type":"text","text":"B"}]',
      },
      {
        'message.role': 'user',
        'message.contents.0.message_content.type': 'text',
        'message.contents.0.message_content.text': 'go on',
        'message.contents.1.message_content.type': 'text',
        'message.contents.1.message_content.text': '{"type":"hologram","shape":"cube"}',
      },
    ]);
    expect(attributes['input.value']).to.equal('go on');
  });

  it('says what was asked of the model and what it cost, in the words of Anthropic’s SDK where it has them', () => {
    const usage = {
      ...{ input_tokens: 1, output_tokens: 2, cache_read_input_tokens: 0, service_tier: 'priority' },
      cache_creation: { ephemeral_5m_input_tokens: 3, ephemeral_1h_input_tokens: 4 },
      output_tokens_details: { thinking_tokens: 1 },
      iterations: [
        { type: 'compaction', input_tokens: 5, cache_read_input_tokens: 6, output_tokens: 7 },
        { type: 'message', input_tokens: 100 },
      ],
    };
    const attributes = describeCall({
      request: request({
        thinking: { type: 'enabled', budget_tokens: 1024 },
        service_tier: 'auto',
        output_config: { effort: 'high' },
      }),
      observation: observation({ usage }),
      headers: { 'anthropic-beta': 'a-1, b-2', 'anthropic-organization-id': 'org', 'anthropic-workspace-id': 'ws' },
      cost: { input: 0.25, cacheRead: 0, cacheWrite: 0.5, prompt: 0.75, completion: 1, total: 1.75 },
    });
    expect(attributes).to.deep.include({
      'anthropic.thinking.type': 'enabled',
      'anthropic.thinking.budget_tokens': 1024,
      'anthropic.request.service_tier': 'auto',
      'anthropic.response.service_tier': 'priority',
      'anthropic.beta': ['a-1', 'b-2'],
      'anthropic.organization.id': 'org',
      'anthropic.workspace.id': 'ws',
      'anthropic.usage.cache_creation.ephemeral_5m_input_tokens': 3,
      'anthropic.usage.cache_creation.ephemeral_1h_input_tokens': 4,
      'anthropic.usage.compaction.input_tokens': 11,
      'anthropic.usage.compaction.output_tokens': 7,
      'gen_ai.request.reasoning.level': 'high',
      'gen_ai.usage.cache_read.input_tokens': 0,
      'gen_ai.usage.reasoning.output_tokens': 1,
      'llm.token_count.completion_details.reasoning': 1,
      'llm.cost.prompt': 0.75,
      'llm.cost.completion': 1,
      'llm.cost.total': 1.75,
      'llm.cost.prompt_details.input': 0.25,
      'llm.cost.prompt_details.cache_write': 0.5,
    });
    expect(attributes).to.not.have.any.keys(
      'llm.token_count.prompt_details.cache_read',
      'llm.cost.prompt_details.cache_read',
    );
  });

  it('shows the tools that were offered, in their order, after all messages', () => {
    const tools = [
      { name: 'Bash', input_schema: { type: 'object' } },
      { type: 'web_search_20250305', name: 'web_search' },
    ];
    const attributes = describeCall({ request: request({ tools }) });
    const shown = tools.map((_, index) => JSON.parse(String(attributes[`llm.tools.${index}.tool.json_schema`])));
    expect(shown).to.deep.equal(tools);
    expect(Object.keys(attributes).at(-1)).to.match(/^llm\.tools\.1\./);
    const many = Array.from({ length: 50 }, (_, index) => ({ name: `t${index}`, description: 'd'.repeat(500) }));
    const cut = describeCall({ request: request({ tools: many }), maxContentBytes: 8_000 });
    expect(cut['ccproxy.content.truncated']).to.equal(true);
    expect(cut['llm.input_messages.0.message.content']).to.equal('hello');
    expect(bytesOf(cut)).to.be.at.most(8_000);
  });

  it('S0-24 hides what it is told to hide', () => {
    const image = { type: 'image', source: { type: 'base64', media_type: 'image/png', data: 'x'.repeat(50) } };
    const messages = [{ role: 'user' as const, content: [{ type: 'text', text: 'secret plan' }, image] }];
    const hidden = (hide: NonNullable<LlmAttributesInput['hide']>, more = {}): Attributes =>
      describeCall({ request: request({ messages, tools: [{ name: 'T' }] }), hide, ...more });
    const all = hidden([]);
    expect(JSON.stringify(all)).to.include('data:image/png;base64,');
    const url = 'llm.input_messages.0.message.contents.1.message_content.image.image.url';
    expect(hidden([], { longestImage: 10 })[url]).to.equal('__REDACTED__');
    const noInputs = hidden(['inputs']);
    expect(noInputs['input.value']).to.equal('__REDACTED__');
    expect(inputs(noInputs)).to.deep.equal([]);
    expect(outputs(noInputs)).to.deep.equal(outputs(all));
    const noOutputs = hidden(['outputs']);
    expect(noOutputs['output.value']).to.equal('__REDACTED__');
    expect(outputs(noOutputs)).to.deep.equal([]);
    expect(inputs(hidden(['input_messages']))).to.deep.equal([]);
    expect(outputs(hidden(['output_messages']))).to.deep.equal([]);
    expect(JSON.stringify(hidden(['input_text']))).to.not.include('secret plan');
    expect(hidden(['input_text'])).to.have.property(url);
    expect(hidden(['input_images'])).to.not.have.property(url);
    expect(JSON.stringify(hidden(['output_text']))).to.not.include('"done"');
    expect(Object.keys(hidden(['llm_tools'])).filter((key) => key.startsWith('llm.tools'))).to.deep.equal([]);
    expect(hidden(['llm_invocation_parameters'])).to.not.have.property('llm.invocation_parameters');
    expect(hidden(['prompts', 'choices'])).to.deep.equal(all);
    for (const part of ['inputs', 'outputs', 'llm_tools'] as const) {
      expect(hidden([part])['llm.token_count.total'], part).to.equal(71);
    }
  });

  it('hides images in tool results and documents with those that stand alone, whatever they look like', () => {
    const image = { type: 'image', source: { type: 'base64', media_type: 'image/png', data: 'A'.repeat(50) } };
    const linked = { type: 'image', source: { type: 'url', url: 'https://images.invalid/AAAAAAAAAA.png' } };
    const odd = { type: 'image', mimeType: 'image/png', data: 'A'.repeat(50) };
    const words = { type: 'text', text: 'words beside "type":"image"' };
    const shown = [words, image, linked, odd];
    const attributes = describeCall({
      hide: ['input_images'],
      request: request({
        messages: [
          { role: 'user', content: [image, { type: 'document', source: { type: 'content', content: shown } }] },
          { role: 'user', content: [{ type: 'tool_result', tool_use_id: 't', content: shown }] },
        ],
      }),
    });
    expect(JSON.stringify(attributes)).to.not.include('AAAAA');
    expect(JSON.parse(String(attributes['llm.input_messages.1.message.content']))).to.deep.equal([
      words,
      ...[image, linked, odd].map(() => ({ type: 'image', source: '__REDACTED__' })),
    ]);
  });

  it('holds images in tool results to the length that others may have, below the usual one and above', () => {
    const imageOf = (length: number): object => ({
      type: 'image',
      source: { type: 'base64', media_type: 'image/png', data: 'A'.repeat(length) },
    });
    const lengths = (longestImage: number): number[] => {
      // As MCP has them.
      const bare = { type: 'image', mimeType: 'image/png', data: 'A'.repeat(2000) };
      const content = [imageOf(20), imageOf(2000), imageOf(50_000), bare];
      const messages = [{ role: 'user' as const, content: [{ type: 'tool_result', tool_use_id: 't', content }] }];
      const attributes = describeCall({ request: request({ messages }), longestImage });
      const blocks = JSON.parse(String(attributes['llm.input_messages.0.message.content']));
      return blocks.map((image: Record<string, never>) => {
        const { data } = image.source ?? image;
        return String(data).replace('__REDACTED__', '').length;
      });
    };
    expect(lengths(10)).to.deep.equal([0, 0, 0, 0]);
    expect(lengths(1000)).to.deep.equal([20, 0, 0, 0]);
    expect(lengths(32_000)).to.deep.equal([20, 2000, 0, 2000]);
    expect(lengths(60_000)).to.deep.equal([20, 2000, 50_000, 2000]);
  });

  it('passes every name that comes from outside through the redactor, with content and without', () => {
    const key = (name: string): string => `planted-${name}`;
    const redact = (text: string): string => text.replace(/planted-\w+/g, '[[gone]]');
    const content = [{ type: 'tool_use', id: key('call'), name: key('tool'), input: {} }];
    for (const shows of [false, true]) {
      const attributes = describeCall({
        redact,
        content: shows,
        request: request({
          thinking: { type: key('thinking') },
          service_tier: key('tier'),
          output_config: { effort: key('effort') },
          metadata: { user_id: JSON.stringify({ session_id: key('session') }) },
          messages: [
            { role: key('role') as 'user', content: 'hello' },
            { role: 'assistant', content },
            { role: 'user', content: [{ type: 'tool_result', tool_use_id: key('call'), content: 'done' }] },
          ],
        }),
        observation: observation({
          requestId: key('request'),
          stopReason: key('stop'),
          usage: { service_tier: key('tier') },
          message: message({ id: key('message'), model: key('answered'), content }),
        }),
        modelAsked: key('asked'),
        modelSent: key('sent'),
        headers: {
          'anthropic-beta': `a, ${key('beta')}`,
          'anthropic-organization-id': key('organization'),
          'anthropic-workspace-id': key('workspace'),
        },
      });
      expect(JSON.stringify(attributes)).to.not.include('planted');
      expect(attributes).to.deep.include({
        'llm.request.model_name': '[[gone]]',
        'session.id': '[[gone]]',
        'anthropic.beta': ['a', '[[gone]]'],
      });
      const [, asked, result] = inputs(attributes);
      if (!shows) continue;
      expect(asked).to.include({ 'message.tool_calls.0.tool_call.id': '[[gone]]' });
      expect(result).to.include({ 'message.tool_call_id': '[[gone]]', 'message.name': '[[gone]]' });
    }
    expect(JSON.stringify(describeCall({ redact, sessionId: key('header') }))).to.not.include('planted');
  });

  it('keeps names short, and no half of a secret where one is cut', () => {
    const redact = (text: string): string => text.replace(/<[^>]+>/g, '***');
    const modelAsked = `${'m'.repeat(250)}<secret-of-some-length>${'m'.repeat(300_000)}`;
    const betas = Array.from({ length: 100 }, (_, index) => `b-${index}`).join(',');
    const attributes = describeCall({ redact, modelAsked, headers: { 'anthropic-beta': betas } });
    expect(attributes['llm.request.model_name']).to.equal(`${'m'.repeat(250)}***mmm`);
    expect(attributes['anthropic.beta']).to.have.length(64);
  });

  it('keeps the place of a tool call that text follows', () => {
    const content = [
      { type: 'tool_use', id: 't1', name: 'Read', input: {} },
      { type: 'text', text: 'after' },
    ];
    const [output] = outputs(describeCall({ observation: observation({ message: message({ content }) }) }));
    expect(output).to.include({
      'message.contents.0.message_content.type': 'tool_use',
      'message.contents.0.tool_call.id': 't1',
      'message.contents.1.message_content.text': 'after',
      'message.tool_calls.0.tool_call.id': 't1',
    });
  });

  it('leaves large images out, also inside tool results', () => {
    const data = 'A'.repeat(40_000);
    const image = { type: 'image', source: { type: 'base64', media_type: 'image/png', data } };
    const attributes = describeCall({
      request: request({
        messages: [{ role: 'user', content: [image, { type: 'tool_result', tool_use_id: 't', content: [image] }] }],
      }),
    });
    expect(JSON.stringify(attributes)).to.not.include('AAAAAAAAAA');
    expect(JSON.stringify(attributes).match(/__REDACTED__/g)).to.have.length(2);
  });

  it('shows the tool calls of an answer without text', () => {
    const toolCalls = [{ id: 't1', name: 'Read', input: { path: 'a' }, rawInput: '{"path":"a"}', jsonOk: true }];
    const attributes = describeCall({ observation: observation({ text: '', toolCalls }) });
    expect(attributes['output.mime_type']).to.equal('application/json');
    expect(JSON.parse(String(attributes['output.value']))).to.deep.equal([{ name: 'Read', input: { path: 'a' } }]);
  });

  it('carries no text at all when content is off', () => {
    const planted = 'planted-words';
    const attributes = describeCall({
      content: false,
      request: request({ system: planted, messages: [{ role: 'user', content: planted }] }),
      observation: observation({ text: planted, message: message({ content: [{ type: 'text', text: planted }] }) }),
    });
    expect(JSON.stringify(attributes)).to.not.include(planted);
    expect(attributes).to.include({ 'llm.token_count.prompt': 60, ttft_ms: 100 });
  });

  it('passes every text through the redactor before it is cut', () => {
    const secret = 'TOP-SECRET-VALUE';
    const content = [
      { type: 'text', text: `a ${secret}` },
      { type: 'thinking', thinking: secret },
      { type: 'tool_use', id: 't', name: 'Bash', input: { command: secret } },
      { type: 'tool_result', tool_use_id: 't', content: secret },
      { type: 'tool_result', tool_use_id: 't', content: [{ type: 'text', text: secret }] },
      { type: 'other', deep: [secret] },
    ];
    for (let budget = 3000; budget < 4000; budget += 7) {
      const attributes = describeCall({
        maxContentBytes: budget,
        redact: (text) => text.replaceAll(secret, '[gone]'),
        request: request({
          system: secret,
          stop_sequences: [secret],
          messages: [
            { role: 'user', content },
            { role: 'user', content: secret },
          ],
        }),
        observation: observation({ text: secret, message: message({ content }) }),
      });
      expect(JSON.stringify(attributes)).to.not.include('TOP-SEC');
    }
  });

  it('drops the oldest messages first when over budget, and says so', () => {
    const messages = Array.from({ length: 100 }, (_, index) => ({
      role: index % 2 === 0 ? 'user' : 'assistant',
      content: `${index}:${'x'.repeat(1000)}`,
    }));
    const attributes = describeCall({
      maxContentBytes: 30_000,
      request: request({ system: 'short system', messages }),
    });
    const kept = inputs(attributes);
    expect(attributes['ccproxy.content.truncated']).to.equal(true);
    expect(kept[0]).to.include({ 'message.role': 'system' });
    expect(kept.at(-1)?.['message.content']).to.match(/^99:/);
    expect(kept.length).to.be.within(15, 60);
    expect(kept[1]?.['message.content']).to.match(new RegExp(`^${100 - (kept.length - 1)}:`));
    expect(outputs(attributes)).to.have.length(1);
    expect(bytesOf(attributes)).to.be.at.most(30_000);
  });

  it('cuts a single message that is too long without splitting a character', () => {
    const attributes = describeCall({
      maxContentBytes: 10_000,
      request: request({ messages: [{ role: 'user', content: '😀'.repeat(100_000) }] }),
    });
    const text = String(inputs(attributes)[0]?.['message.content']);
    expect(text.length).to.be.above(100);
    expect(text).to.match(/^(😀)+$/u);
    expect(bytesOf(attributes)).to.be.at.most(10_000);
  });

  it('describes a call whose body could not be read and that got no answer', () => {
    const attributes = describeCall({
      request: null,
      observation: observation({ message: null, usage: null, text: '', stopReason: null, requestId: null }),
    });
    expect(attributes).to.include({ 'llm.model_name': 'glm-5', 'ccproxy.content.truncated': false });
    expect(inputs(attributes)).to.deep.equal([]);
  });

  it('uses no key under llm that the conventions do not know', () => {
    const known = new Set<string>(Object.values(SemanticConventions));
    const strange = Object.keys(describeCall({ sessionId: 's' })).filter(
      (key) =>
        /^(llm|input|output|session|user|openinference)\./.test(key) && !known.has(key) && !/_messages\.\d/.test(key),
    );
    expect(strange).to.deep.equal([]);
  });

  describe('for any JSON', () => {
    const block = fc.oneof(
      fc.record({ type: fc.constant('text'), text: fc.oneof(fc.string(), fc.jsonValue()) }),
      fc.record({ type: fc.constant('thinking'), thinking: fc.string(), signature: fc.string() }),
      fc.record({ type: fc.constant('tool_use'), id: fc.string(), name: fc.string(), input: fc.jsonValue() }),
      fc.record({ type: fc.constant('tool_result'), tool_use_id: fc.string(), content: fc.jsonValue() }),
      fc.record({ type: fc.constant('image'), source: fc.jsonValue() }),
      fc.jsonValue(),
    );
    const content = fc.oneof(fc.string({ unit: 'binary', maxLength: 3000 }), fc.array(block), fc.jsonValue());
    const messages = fc.oneof(
      fc.array(fc.oneof(fc.record({ role: fc.constantFrom('user', 'assistant'), content }), fc.jsonValue())),
      fc.jsonValue(),
    );
    const bodies = fc.record(
      { messages, system: content, tools: fc.jsonValue(), metadata: fc.jsonValue(), extra: fc.jsonValue() },
      { requiredKeys: [] },
    );

    it('never throws, never exceeds its budget, and numbers messages and contents without a gap', () => {
      fc.assert(
        fc.property(bodies, content, fc.integer({ min: 0, max: 20_000 }), (body, answer, budget) => {
          const input = {
            request: body as unknown as MessagesRequest,
            observation: observation({ message: { ...message(), content: answer as Message['content'] } }),
          };
          const facts = describeCall({ ...input, content: false });
          const attributes = describeCall({ ...input, maxContentBytes: budget });
          // The facts always stay; only text is cut.
          expect(bytesOf(attributes)).to.be.at.most(Math.max(budget, bytesOf(facts)) + 40);
          expect(attributes).to.include(facts);
          for (const list of [inputs(attributes), outputs(attributes)]) {
            expect(hasGap(list)).to.equal(false);
            for (const flat of list) {
              for (const part of ['message.contents', 'message.tool_calls']) {
                expect(hasGap(messagesOf(flat as Attributes, part))).to.equal(false);
              }
              expect(flat).to.have.property('message.role');
            }
          }
        }),
        { numRuns: 400 },
      );
    });

    it('survives nesting that the engine cannot print', () => {
      let deep: unknown = 'x';
      for (let level = 0; level < 50_000; level += 1) deep = [deep];
      const attributes = describeCall({
        request: request({ extra: deep, messages: [{ role: 'user', content: [{ type: 'odd', deep }] }] }),
      });
      expect(JSON.stringify(attributes)).to.include('unprintable');
    });

    it('keeps facts small whatever names a request uses', () => {
      fc.assert(
        fc.property(fc.string({ maxLength: 5000 }), fc.dictionary(fc.string(), fc.jsonValue()), (name, more) => {
          const facts = describeCall({
            content: false,
            modelAsked: name,
            provider: name,
            sessionId: name,
            request: { ...request(), ...more },
            observation: observation({
              requestId: name,
              stopReason: name,
              message: message({ id: name }),
              model: name,
            }),
          });
          expect(bytesOf(facts)).to.be.below(24_000);
        }),
      );
    });
  });
});
