// Faults that scripts/fuzz.ts found, each with the least input that showed it.
import { expect } from 'chai';
import { GatewayError } from '#shared/errors.ts';
import { PROFILE_PROVIDERS } from '#shared/providers/anthropic.ts';
import { gemini } from '#shared/providers/gemini.ts';
import { PROVIDERS } from '#shared/providers/index.ts';
import { ollama } from '#shared/providers/ollama.ts';
import { openaiResponses } from '#shared/providers/openai-responses.ts';
import { openrouter } from '#shared/providers/openrouter.ts';
import type { Provider } from '#shared/providers/provider.ts';
import { encodeThinkingState } from '#shared/providers/thinking-state.ts';
import { convertBody } from '../../support/convert-body.ts';
import { type ConvertedStream, feedStream } from '../../support/convert-stream.ts';

function feed(provider: Provider, ...events: Array<Record<string, unknown>>): ConvertedStream {
  const lines = events.map((event) => (provider.framing === 'sse' ? 'data: ' : '') + JSON.stringify(event));
  return feedStream(provider, lines.map((line) => `${line}\n\n`).join(''));
}

function profile(name: string): Provider {
  const found = PROFILE_PROVIDERS.get(name);
  if (!found) throw new Error(`no profile ${name}`);
  return found;
}

function expectBroken({ error, events }: ConvertedStream): void {
  expect(error).to.be.instanceOf(GatewayError);
  expect(events.map(({ type }) => type)).not.to.include('message_stop');
}

const CONVERTING = PROVIDERS.filter(({ type }) => type !== 'azure');

function refusal(provider: Provider, fields: Record<string, unknown>): string {
  try {
    convertBody(provider, fields);
  } catch (error) {
    if (error instanceof GatewayError) return error.message;
    throw error;
  }
  return 'carried';
}

const ITEM = { type: 'function_call', id: 'fc_1', call_id: 'call_1', name: 'Bash', arguments: '{"command":"ls"}' };

describe('found by fuzzing', () => {
  it('takes one call at two places of a response for one call', () => {
    const { message } = feed(
      openaiResponses,
      { type: 'response.output_item.added', output_index: 0, item: { ...ITEM, arguments: '' } },
      { type: 'response.output_item.done', output_index: 7, item: ITEM },
      { type: 'response.completed', response: { object: 'response', status: 'completed', output: [ITEM] } },
    );
    expect(message?.content).to.deep.equal([
      { type: 'tool_use', id: 'call_1', name: 'Bash', input: { command: 'ls' } },
    ]);
  });

  it('takes a response that failed for failed, also without its status and error', () => {
    const delta = { type: 'response.output_text.delta', output_index: 0, delta: 'Half' };
    for (const response of [{}, { status: null, error: null }, { status: 'completed' }])
      expectBroken(feed(openaiResponses, delta, { type: 'response.failed', response }));
  });

  it('takes a response in one document for broken when it is not over', () => {
    for (const status of ['in_progress', 'queued', 'failed'])
      expectBroken(feedStream(openaiResponses, JSON.stringify({ object: 'response', status, output: [] })));
  });

  it('gives two calls that Gemini gave one id an id each', () => {
    const call = { functionCall: { id: 'same', name: 'Bash', args: {} } };
    const candidates = [{ content: { parts: [call, call] }, finishReason: 'STOP' }];
    const ids = feed(gemini, { candidates }).message?.content.map(({ id }) => id) ?? [];
    expect(ids).to.have.length(2);
    expect(new Set(ids).size).to.equal(2);
  });

  it('takes a count of tokens below 0 for none', () => {
    const line = {
      message: { content: 'Hi.' },
      done: true,
      done_reason: 'stop',
      prompt_eval_count: -5,
      eval_count: -1,
    };
    expect(feed(ollama, line).message?.usage).to.include({ input_tokens: 42, output_tokens: 1 });
  });

  it('takes a count of tokens that is an object for none', () => {
    const { message } = feed(
      profile('generic'),
      { type: 'message_start', message: { usage: { input_tokens: {} } } },
      { type: 'content_block_start', index: 0, content_block: { type: 'text', text: 'Hi.' } },
      { type: 'message_delta', delta: { stop_reason: 'end_turn' }, usage: { output_tokens: {} } },
      { type: 'message_stop' },
    );
    expect(message?.usage).to.include({ input_tokens: 42, output_tokens: 1 });
  });

  it('breaks off at a call of the server itself that has no id, or that of another', () => {
    for (const ids of [[null], ['srvtoolu_1', 'srvtoolu_1']]) {
      const blocks = ids.flatMap((id, index) => [
        { type: 'content_block_start', index, content_block: { type: 'server_tool_use', id, name: 'web_search' } },
        { type: 'content_block_stop', index },
      ]);
      expectBroken(feed(profile('generic'), ...blocks, { type: 'message_stop' }));
    }
  });

  it('breaks off at a call of the server itself whose input is no object, or whose id a tool call has', () => {
    const start = (index: number, content_block: Record<string, unknown>) => [
      { type: 'content_block_start', index, content_block },
      { type: 'content_block_stop', index },
    ];
    const call = { type: 'server_tool_use', id: 'a', name: 'web_search', input: 0 };
    expectBroken(feed(profile('generic'), ...start(0, call), { type: 'message_stop' }));
    const tool = { type: 'tool_use', id: 'a', name: 'Read', input: {} };
    expectBroken(
      feed(profile('generic'), ...start(0, tool), ...start(1, { ...call, input: {} }), { type: 'message_stop' }),
    );
  });

  it('keeps what a block of the future calls its input as it is', () => {
    const block = { type: 'future_block', input: 5 };
    const { message } = feed(
      profile('generic'),
      { type: 'content_block_start', index: 0, content_block: block },
      { type: 'content_block_stop', index: 0 },
      { type: 'message_delta', delta: { stop_reason: 'end_turn' }, usage: {} },
      { type: 'message_stop' },
    );
    expect(message?.content).to.deep.equal([block]);
  });

  for (const provider of CONVERTING) {
    it(`refuses to send ${provider.type} a conversation of which nothing is left`, () => {
      const messages = [{ role: 'assistant', content: [{ type: 'thinking', thinking: 'Hm.', signature: 'foreign' }] }];
      expect(refusal(provider, { messages })).to.equal('messages: at least one message is required');
    });

    it(`refuses to send ${provider.type} an image in a system message`, () => {
      const messages = [
        {
          role: 'system',
          content: [{ type: 'image', source: { type: 'base64', media_type: 'image/png', data: 'eA==' } }],
        },
        { role: 'user', content: 'Hi' },
      ];
      expect(refusal(provider, { messages })).to.equal('image at messages[0].content[0]: a system message holds text');
    });

    it(`refuses to send ${provider.type} an image without bytes`, () => {
      const source = { type: 'base64', media_type: 'image/png', data: '' };
      const messages = [{ role: 'user', content: [{ type: 'image', source }] }];
      expect(refusal(provider, { messages })).to.match(/^image at messages\[0\]\.content\[0\]: /);
    });

    it(`sends ${provider.type} a document of nothing as words`, () => {
      const document = { type: 'document', source: { type: 'text', media_type: 'text/plain', data: '' } };
      const { json } = convertBody(provider, { messages: [{ role: 'user', content: [document] }] });
      expect(JSON.stringify(json)).to.include('[empty document]');
    });
  }

  it('sends back of broken reasoning state only what can be reasoning', () => {
    const signature = encodeThinkingState('openai-chat', {
      details: [[], 'x', { type: 'reasoning.text', text: 'Hm.' }],
    });
    const content = [
      { type: 'thinking', thinking: 'Hm.', signature },
      { type: 'tool_use', id: 'a', name: 'Read', input: {} },
    ];
    const { json } = convertBody(openrouter, { messages: [{ role: 'assistant', content }] });
    const details = [{ type: 'reasoning.text', text: 'Hm.' }];
    expect(json.messages).to.have.nested.property('[0].reasoning_details').that.deep.equals(details);
  });

  it('sends a search that is allowed no domain of a name without the list', () => {
    const tools = [{ type: 'web_search_20250305', name: 'web_search', allowed_domains: [''] }];
    expect(convertBody(openaiResponses, { tools }).json.tools).to.deep.equal([{ type: 'web_search' }]);
  });

  it('sends no MCP servers on, also when there are none', () => {
    expect(convertBody(profile('generic'), { mcp_servers: [] }).json).not.to.have.property('mcp_servers');
  });

  it('refuses a top_k that is no whole number by its name, where the server takes no other', () => {
    expect(convertBody(gemini, { top_k: 40 }).json.generationConfig).to.include({ topK: 40 });
    expect(() => convertBody(gemini, { top_k: 5e-324 })).to.throw(GatewayError, 'top_k: must be a whole number');
  });
});
