import { readFileSync } from 'node:fs';
import { expect } from 'chai';
import { GatewayError } from '#shared/errors.ts';
import { ollama } from '#shared/providers/ollama.ts';
import { encodeThinkingState } from '#shared/providers/thinking-state.ts';
import type { Message } from '#shared/wire/anthropic.ts';
import { ANTHROPIC_ONLY, agentRequest } from '../../support/agent-request.ts';
import { convertBody } from '../../support/convert-body.ts';
import { type FeedOptions, feedStream } from '../../support/convert-stream.ts';
import { convertWith } from '../../support/target.ts';

const FOLDER = new URL('../../fixtures/ollama/', import.meta.url);

function bytesOf(name: string): Buffer {
  return readFileSync(new URL(`streams/synthetic-${name}.ndjson`, FOLDER));
}

function read(bytes: string | Buffer, memory: FeedOptions['memory'] = {}): Message {
  const { message, error } = feedStream(ollama, bytes, { memory });
  if (error !== null) throw error;
  if (message === null) throw new Error('no message');
  return message;
}

function expectBroken(bytes: string | Buffer): GatewayError {
  const { error, events } = feedStream(ollama, bytes);
  expect(error).to.be.instanceOf(GatewayError);
  expect(events.map(({ type }) => type)).not.to.include('message_stop');
  return error as GatewayError;
}

const user = (...content: unknown[]) => ({ role: 'user', content });
const assistant = (...content: unknown[]) => ({ role: 'assistant', content });
const text = (value: string) => ({ type: 'text', text: value });
const image = { type: 'image', source: { type: 'base64', media_type: 'image/png', data: 'iVBORw0=' } };

describe('Ollama: what it is sent', () => {
  it('conv Q-06 an agent’s whole request, with nothing left that only Anthropic knows', () => {
    const { json, path, notes, body } = convertWith(ollama, agentRequest(), {
      model: 'qwen3:8b',
      target: { contextWindow: 65_536 },
    });
    expect(path).to.equal('/api/chat');
    expect(json).to.deep.equal({
      model: 'qwen3:8b',
      messages: [
        { role: 'system', content: 'You are an agent.\n\nBe brief.' },
        { role: 'user', content: 'Look at both files.' },
        { role: 'user', content: 'And be quick.' },
        { role: 'user', content: '<system-reminder>\nWorking in /repo.\n</system-reminder>' },
        {
          role: 'assistant',
          content: 'Reading.',
          tool_calls: [
            { id: 'toolu_1', function: { name: 'Read', arguments: { file_path: '/a' } } },
            { id: 'toolu_2', function: { name: 'Bash', arguments: { command: 'cat /b' } } },
          ],
        },
        { role: 'tool', tool_name: 'Read', tool_call_id: 'toolu_1', content: 'line 1' },
        { role: 'tool', tool_name: 'Bash', tool_call_id: 'toolu_2', content: 'Error: no such file' },
        { role: 'user', content: 'Go on.' },
      ],
      tools: (json.tools as unknown[]).slice(0, 2),
      truncate: false,
      shift: false,
      options: { num_ctx: 65_536, num_predict: 32_000 },
      stream: true,
    });
    for (const key of ANTHROPIC_ONLY) expect(body.toString()).to.not.include(key);
    expect(notes).to.deep.equal([]);
  });

  it('C-27 S1-08 the window of the model, so that no prompt is cut without a word', () => {
    const known = convertBody(ollama, {}, { target: { contextWindow: 32_768 } });
    expect(known.json).to.have.nested.property('options.num_ctx', 32_768);
    expect(known.json).to.include({ truncate: false, shift: false });
    expect(known.json).to.not.have.property('keep_alive');
    const unknown = convertBody(ollama, {});
    expect(unknown.json).to.not.have.nested.property('options.num_ctx');
    expect(unknown.notes).to.include('num_ctx:default');
  });

  it('conv M-01 no more output than the model gives', () => {
    const { json, notes } = convertBody(ollama, { max_tokens: 9000 }, { target: { maxOutput: 4096 } });
    expect(json).to.have.nested.property('options.num_predict', 4096);
    expect(notes).to.include('max_tokens:4096');
  });

  it('conv M-05 M-07 sampling and stop sequences as options', () => {
    const { json } = convertBody(ollama, { temperature: 0.5, top_p: 0.9, top_k: 20, stop_sequences: ['</block>'] });
    expect(json.options).to.include({ temperature: 0.5, top_p: 0.9, top_k: 20 });
    expect(json).to.deep.nested.property('options.stop', ['</block>']);
  });

  for (const [model, thinking, effort, wanted] of [
    ['qwen3', { type: 'adaptive' }, 'high', undefined],
    ['qwen3', { type: 'enabled', budget_tokens: 31_999 }, undefined, undefined],
    ['qwen3', { type: 'disabled' }, undefined, false],
    ['qwen3', undefined, undefined, false],
    ['gpt-oss:20b', { type: 'adaptive' }, 'max', 'high'],
    ['gpt-oss:20b', { type: 'enabled', budget_tokens: 1024 }, undefined, 'low'],
    ['gpt-oss:20b', { type: 'disabled' }, undefined, 'low'],
    ['gpt-oss:20b', { type: 'adaptive' }, undefined, undefined],
  ] as const) {
    it(`conv T-01 T-11 think ${wanted} to ${model} for ${JSON.stringify(thinking)} at ${effort}`, () => {
      const { json } = convertBody(ollama, { thinking, output_config: { effort } }, { model });
      expect(json.think).to.equal(wanted);
    });
  }

  it('conv T-12 thinking that came from it, and no other', () => {
    const thinking = (owner: string) => ({
      type: 'thinking',
      thinking: owner,
      signature: encodeThinkingState(owner, {}),
    });
    const messages = [user(text('a')), assistant(thinking('ollama'), thinking('gemini'), text('b')), user(text('c'))];
    const sent = convertBody(ollama, { messages }).json.messages as unknown[];
    expect(sent[1]).to.deep.equal({ role: 'assistant', content: 'b', thinking: 'ollama' });
    const silent = [user(text('a')), assistant(thinking('gemini')), user(text('c'))];
    expect(convertBody(ollama, { messages: silent }).json.messages).to.have.length(2);
  });

  it('conv Q-08 images as base64 alone', () => {
    const { json } = convertBody(ollama, { messages: [user(text('see'), image)] });
    expect(json.messages).to.deep.equal([{ role: 'user', content: 'see', images: ['iVBORw0='] }]);
    const byUrl = { type: 'image', source: { type: 'url', url: 'https://example.org/a.png' } };
    expect(() => convertBody(ollama, { messages: [user(text('see'), byUrl)] })).to.throw(
      GatewayError,
      'image at messages[0].content[1]',
    );
  });

  it('conv X-04 images of results behind all results', () => {
    const call = (id: string) => ({ type: 'tool_use', id, name: 'Read', input: {} });
    const results = [
      { type: 'tool_result', tool_use_id: 'b', content: 'two' },
      { type: 'tool_result', tool_use_id: 'a', content: [text('one'), image] },
    ];
    const messages = [user(text('x')), assistant(call('a'), call('b')), user(...results)];
    const sent = convertBody(ollama, { messages }).json.messages as Array<Record<string, unknown>>;
    expect(sent.slice(2)).to.deep.equal([
      { role: 'tool', tool_name: 'Read', tool_call_id: 'a', content: 'one\n[image 1 below]' },
      { role: 'tool', tool_name: 'Read', tool_call_id: 'b', content: 'two' },
      { role: 'user', content: '', images: ['iVBORw0='] },
    ]);
  });

  it('conv Q-09 documents as text, and a refusal for those that are none', () => {
    const plain = { type: 'document', title: 'T', source: { type: 'text', data: 'body' } };
    expect(convertBody(ollama, { messages: [user(plain)] }).json.messages).to.deep.equal([
      { role: 'user', content: 'Document: T\nbody' },
    ]);
    const pdf = { type: 'document', source: { type: 'base64', media_type: 'application/pdf', data: 'JVBE' } };
    expect(() => convertBody(ollama, { messages: [user(pdf)] })).to.throw('document at messages[0].content[0]');
  });

  it('conv K-02 tools without a choice, or none at all', () => {
    const tools = [{ name: 'Read', description: 'Reads.', input_schema: { type: 'object', properties: {} } }];
    const any = convertBody(ollama, { tools, tool_choice: { type: 'any' } });
    expect(any.json).to.not.have.property('tool_choice');
    expect(any.notes).to.include('tool_choice:auto');
    expect(any.json.tools).to.deep.equal([
      {
        type: 'function',
        function: { name: 'Read', description: 'Reads.', parameters: { type: 'object', properties: {} } },
      },
    ]);
    expect(convertBody(ollama, { tools, tool_choice: { type: 'none' } }).json).to.not.have.property('tools');
  });

  it('conv O-02 a wanted schema as the format', () => {
    const schema = { type: 'object', properties: { title: { type: 'string' } } };
    expect(
      convertBody(ollama, { output_config: { format: { type: 'json_schema', schema } } }).json.format,
    ).to.deep.equal(schema);
  });
});

describe('Ollama: its stream', () => {
  it('conv S-26 reads its lines also where they come as events', () => {
    const bytes = bytesOf('thinking-tool');
    const asEvents = bytes
      .toString()
      .trimEnd()
      .split('\n')
      .map((line) => `data: ${line}\n\n`);
    expect(read(Buffer.from(asEvents.join('')))).to.deep.equal(read(bytes));
  });

  it('conv T-05 S-11 reads thinking, text and a call, and says tool_use', () => {
    const message = read(bytesOf('thinking-tool'));
    expect(message.content).to.deep.equal([
      { type: 'thinking', thinking: 'Die Datei zuerst – 先に', signature: encodeThinkingState('ollama', {}) },
      text('Reading it.'),
      { type: 'tool_use', id: 'call_a1', name: 'Read', input: { file_path: '/a.txt' } },
    ]);
    expect(message).to.deep.include({ model: 'claude-x', stop_reason: 'tool_use' });
    expect(message.usage).to.deep.equal({ input_tokens: 311, output_tokens: 42 });
  });

  it('conv S-10 gives calls ids that the server does not give, others in every request', () => {
    const { content } = read(bytesOf('calls-without-ids'), { idSeed: 'one' });
    expect(content.map(({ name, input }) => [name, input])).to.deep.equal([
      ['Read', { file_path: '/a' }],
      ['Now', {}],
      ['Read', { file_path: '/b' }],
    ]);
    const other = read(bytesOf('calls-without-ids'), { idSeed: 'two' }).content;
    const ids = [...content, ...other].map(({ id }) => String(id));
    expect(new Set(ids).size).to.equal(6);
    for (const id of ids) expect(id).to.match(/^toolu_[a-f0-9]{24}$/);
  });

  it('conv R-07 S-12 reads the reasons, also beside the last piece', () => {
    expect(read(bytesOf('length')).stop_reason).to.equal('max_tokens');
    expect(read(bytesOf('with-last'))).to.deep.include({ content: [text('All in one.')], stop_reason: 'end_turn' });
  });

  it('C-27 leaves the estimate of a prompt that was cut, and tells what was evaluated', () => {
    expect(read(bytesOf('cut-prompt')).usage).to.deep.equal({
      ...{ input_tokens: 42, output_tokens: 3, prompt_tokens_evaluated: 19 },
    });
  });

  it('conv T-11 drops thinking that the client switched off', () => {
    const { content } = read(bytesOf('thinking-tool'), { thinking: 'none' });
    expect(content.map(({ type }) => type)).to.deep.equal(['text', 'tool_use']);
  });

  it('conv E-09 is broken by an error line, in the words of the server', () => {
    expect(expectBroken(bytesOf('failed')).message).to.include('CUDA error');
  });

  it('takes a model that was only loaded for no answer', () => {
    expect(expectBroken(bytesOf('loaded')).message).to.include('no answer');
  });
});
