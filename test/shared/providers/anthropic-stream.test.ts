import { readFileSync } from 'node:fs';
import { expect } from 'chai';
import { GatewayError } from '#shared/errors.ts';
import { PROFILE_PROVIDERS } from '#shared/providers/anthropic.ts';
import type { Provider } from '#shared/providers/provider.ts';
import { isOwnThinkingState } from '#shared/providers/thinking-state.ts';
import type { Message } from '#shared/wire/anthropic.ts';
import { type ConvertedStream, type FeedOptions, feedStream } from '../../support/convert-stream.ts';

const FOLDER = new URL('../../fixtures/anthropic/', import.meta.url);

function provider(name: string): Provider {
  const found = PROFILE_PROVIDERS.get(name);
  if (!found) throw new Error(`no profile ${name}`);
  return found;
}

function bytesOf(name: string): Buffer {
  return readFileSync(new URL(`streams/synthetic-${name}.sse`, FOLDER));
}

function read(profile: string, bytes: string | Buffer, memory: FeedOptions['memory'] = {}): Message {
  const { message, error } = feedStream(provider(profile), bytes, { memory });
  if (error !== null) throw error;
  if (message === null) throw new Error('no message');
  return message;
}

function errorOf({ error, events }: ConvertedStream): GatewayError {
  expect(error).to.be.instanceOf(GatewayError);
  expect(events.map(({ type }) => type)).not.to.include('message_stop');
  return error as GatewayError;
}

const sse = (...events: Array<Record<string, unknown>>): string =>
  events.map((event) => `event: ${event.type}\ndata: ${JSON.stringify(event)}\n\n`).join('');
const TEXT = sse(
  { type: 'content_block_start', index: 0, content_block: { type: 'text', text: '' } },
  { type: 'content_block_delta', index: 0, delta: { type: 'text_delta', text: 'Hi.' } },
);
const STOP = sse({ type: 'content_block_stop', index: 0 });
const END = sse({ type: 'message_delta', delta: { stop_reason: 'end_turn' }, usage: { output_tokens: 2 } });
const LAST = sse({ type: 'message_stop' });

describe('a Messages server that deviates: its stream', () => {
  it('conv T-05 marks thinking that no server checks as ours, and says tool_use with a call', () => {
    const message = read('vllm', bytesOf('vllm-thinking-tool'));
    const [thinking, ...rest] = message.content;
    expect(thinking).to.include({ type: 'thinking', thinking: 'Die Datei zuerst – 先に' });
    expect(isOwnThinkingState(thinking?.signature)).to.equal(true);
    expect(rest).to.deep.equal([
      { type: 'text', text: 'Reading it.' },
      { type: 'tool_use', id: 'chatcmpl-tool-77aa', name: 'Read', input: { file_path: '/a.txt' } },
    ]);
    expect(message).to.deep.include({ type: 'message', role: 'assistant', model: 'claude-x', stop_reason: 'tool_use' });
    expect(message.usage).to.include({ input_tokens: 311, output_tokens: 42 });
  });

  it('names the model that answered: the first, or the one that took over', () => {
    const start = sse({ type: 'message_start', message: { model: 'model-a', usage: {} } });
    const over = { type: 'fallback', from: { model: 'model-a' }, to: { model: 'model-b' } };
    const fallback = sse({ type: 'content_block_start', index: 0, content_block: over }) + STOP;
    expect(feedStream(provider('vllm'), start + TEXT + STOP + END + LAST).model).to.equal('model-a');
    expect(feedStream(provider('vllm'), start + fallback + END + LAST).model).to.equal('model-b');
  });

  it('conv U-02 counts what came from the cache once, where a server counts it twice', () => {
    expect(read('sglang', bytesOf('sglang-cached')).usage).to.include({
      ...{ input_tokens: 100, cache_read_input_tokens: 900, output_tokens: 3 },
    });
    expect(read('generic', bytesOf('sglang-cached')).usage).to.include({ input_tokens: 1000 });
  });

  it('C-05 an input of 0 leaves the estimate in message_start', () => {
    const { events } = feedStream(provider('sglang'), bytesOf('sglang-cached'));
    expect(events[0]).to.have.nested.property('message.usage.input_tokens', 42);
  });

  it('C-01 closes blocks in time that a server closes late', () => {
    const message = read('llamacpp', bytesOf('llamacpp-late-stops'));
    expect(message.content.map(({ type }) => type)).to.deep.equal(['thinking', 'text', 'tool_use', 'tool_use']);
    expect(message.content.slice(2).map(({ input }) => input)).to.deep.equal([{ file_path: '/a' }, { command: 'ls' }]);
    expect(message.usage).to.include({ input_tokens: 80, cache_read_input_tokens: 20, output_tokens: 25 });
  });

  it('conv P-04 conv U-07 reads a second message_start without counting twice', () => {
    const message = read('litellm', bytesOf('litellm-twice'));
    expect(message.usage).to.include({ input_tokens: 50, cache_creation_input_tokens: 7, output_tokens: 9 });
    expect(message.stop_reason).to.equal('end_turn');
  });

  it('conv P-03 passes signatures that Anthropic behind the server checks, and redacted thinking', () => {
    expect(read('litellm', bytesOf('litellm-twice')).content.slice(0, 2)).to.deep.equal([
      { type: 'thinking', thinking: 'Hm.', signature: 'EqQBCkgIBBABGAI' },
      { type: 'redacted_thinking', data: 'EmwKAhgB' },
    ]);
  });

  it('C-02 keeps calls apart that a server sends side by side, and gives them ids of their own', () => {
    const { content } = read('generic', bytesOf('side-by-side'), { idSeed: 'seed' });
    expect(content.map(({ name, input }) => [name, input])).to.deep.equal([
      ['Read', { file_path: '/a' }],
      ['Grep', { pattern: 'x' }],
      ['Glob', { pattern: '*' }],
      ['Now', {}],
    ]);
    const ids = content.map(({ id }) => String(id));
    expect(new Set(ids).size).to.equal(4);
    for (const id of ids) expect(id).to.match(/^[a-zA-Z0-9_-]+$/);
    expect(read('generic', bytesOf('side-by-side'), { idSeed: 'seed' }).content).to.deep.equal(content);
    const again = read('generic', bytesOf('side-by-side'), { idSeed: 'another request' }).content;
    expect(again.at(-1)?.id).not.to.equal(content.at(-1)?.id);
  });

  it('conv P-03 passes a search of the server, its results and citations', () => {
    const { content, usage } = read('litellm', bytesOf('search'));
    expect(content.map(({ type }) => type)).to.deep.equal(['server_tool_use', 'web_search_tool_result', 'text']);
    expect(content[0]?.input).to.deep.equal({ query: 'weather' });
    expect(content[2]).to.have.nested.property('citations[0].url', 'https://example.org/');
    expect(usage.server_tool_use).to.deep.equal({ web_search_requests: 1 });
  });

  it('conv R-04 shows that arguments were cut', () => {
    const message = read('generic', bytesOf('cut-arguments'));
    expect(message).to.deep.include({ stop_reason: 'max_tokens' });
    expect(message.content[0]?.input).to.deep.equal({});
  });

  it('conv P-02 passes the details of a refusal', () => {
    const message = read('generic', bytesOf('refusal'));
    expect(message).to.deep.include({ stop_reason: 'refusal', stop_details: { type: 'refusal', category: null } });
  });

  it('conv E-09 is broken by an error event, in the words of the upstream', () => {
    const failed = feedStream(provider('sglang'), bytesOf('failed'));
    expect(errorOf(failed)).to.include({ code: 'api_error', message: 'engine died: CUDA out of memory' });
  });

  it('conv P-09 is whole without message_stop once it said how it ended and its blocks are closed', () => {
    expect(read('generic', TEXT + STOP + END).content).to.deep.equal([{ type: 'text', text: 'Hi.' }]);
    expect(read('generic', `${TEXT}${STOP}${END}event: message_stop\ndata: {"type":"mess`).stop_reason).to.equal(
      'end_turn',
    );
    errorOf(feedStream(provider('generic'), TEXT + END));
    errorOf(feedStream(provider('generic'), TEXT + STOP));
    expect(read('generic', TEXT + END + LAST).stop_reason).to.equal('end_turn');
    expect(read('generic', TEXT + STOP + LAST).stop_reason).to.equal('end_turn');
  });

  for (const [said, shown] of [
    ['length', 'max_tokens'],
    ['content_filter', 'refusal'],
    ['tool_calls', 'end_turn'],
    ['whatever', 'end_turn'],
    ['pause_turn', 'pause_turn'],
    ['stop_sequence', 'stop_sequence'],
  ]) {
    it(`conv R-07 reads the stop reason ${said} as ${shown} when there is no call`, () => {
      const end = sse({ type: 'message_delta', delta: { stop_reason: said, stop_sequence: '!' } });
      expect(read('generic', TEXT + STOP + end + LAST)).to.include({ stop_reason: shown, stop_sequence: '!' });
    });
  }

  it('conv T-11 drops thinking that the client switched off', () => {
    const { content } = read('vllm', bytesOf('vllm-thinking-tool'), { thinking: 'none' });
    expect(content.map(({ type }) => type)).to.deep.equal(['text', 'tool_use']);
  });

  it('reads text whose block never started, and text that came with the start', () => {
    const bare = sse({ type: 'content_block_delta', index: 4, delta: { type: 'text_delta', text: 'Hi' } });
    const filled = sse({ type: 'content_block_start', index: 0, content_block: { type: 'text', text: ' there' } });
    expect(read('generic', bare + filled + STOP + END).content).to.deep.equal([{ type: 'text', text: 'Hi there' }]);
  });

  it('conv S-26 reads one JSON message where a stream was asked for', () => {
    const whole = {
      id: 'x',
      content: [
        { type: 'thinking', thinking: 'Hm.', signature: 'abc' },
        { type: 'text', text: 'Hi.', citations: null },
        { type: 'tool_use', id: 'call_1', name: 'Read', input: { file_path: '/a' } },
      ],
      stop_reason: 'tool_use',
      usage: { input_tokens: 5, output_tokens: 6 },
    };
    const message = read('vllm', JSON.stringify(whole));
    expect(message.content.map(({ type }) => type)).to.deep.equal(['thinking', 'text', 'tool_use']);
    expect(message.content[2]).to.deep.equal(whole.content[2]);
    expect(message).to.deep.include({ stop_reason: 'tool_use' });
    expect(read('vllm', JSON.stringify({ content: 'Hi.', stop_reason: 'stop' })).content).to.deep.equal([
      { type: 'text', text: 'Hi.' },
    ]);
  });

  for (const [name, body] of [
    ['an error', '{"type":"error","error":{"type":"overloaded_error","message":"busy"}}'],
    ['an error of another protocol', '{"error":{"message":"busy","code":503}}'],
    ['another protocol', '{"choices":[]}'],
    ['no JSON', '{"type":'],
    ['a list', '[{"type":"message"}]'],
  ] as const) {
    it(`conv E-08 is an error where the one document is ${name}`, () => {
      errorOf(feedStream(provider('generic'), body));
    });
  }

  for (const broken of [
    { type: 'content_block_start', index: 0, content_block: { type: 'tool_use', id: 'a', input: {} } },
    { type: 'content_block_delta', index: 0, delta: { type: 'input_json_delta', partial_json: '{}' } },
  ]) {
    it(`is broken by what belongs to no tool: ${broken.type}`, () => {
      errorOf(feedStream(provider('generic'), sse(broken) + END + LAST));
    });
  }
});
