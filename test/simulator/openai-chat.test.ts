import { expect } from 'chai';
import OpenAI, { AzureOpenAI } from 'openai';
import { SCENARIOS } from '#services/simulator/scenarios/index.ts';
import { type Scene, text, thinking, toolUse } from '#services/simulator/script.ts';
import { createSimulator, type SceneSource, type Simulator } from '#services/simulator/service.ts';
import { callOnWire } from './raw-client.ts';

type Chunk = Record<string, unknown> & {
  choices: Array<{ index: number; delta: Record<string, unknown>; finish_reason: string | null }>;
  usage?: Record<string, unknown> | null;
};

const TOOLS = ['Read', 'Bash'].map((name) => ({
  type: 'function' as const,
  function: { name, parameters: { type: 'object', properties: { path: { type: 'string' } }, required: ['path'] } },
}));
const REQUEST = { model: 'gpt-5.6', messages: [{ role: 'user' as const, content: 'Read both files' }], tools: TOOLS };

describe('simulated Chat Completions', () => {
  let simulator: Simulator;
  let client: OpenAI;
  before(async () => {
    simulator = await createSimulator({ listenAddress: '127.0.0.1:0', defaultScene: 'text', delayScale: 0 });
    client = new OpenAI({ baseURL: `${simulator.url}/v1`, apiKey: 'test-key', maxRetries: 0, logLevel: 'off' });
  });
  after(() => simulator.stop());
  beforeEach(() => simulator.reset());

  async function wire(scene: SceneSource, more: Record<string, unknown> = {}): Promise<string> {
    simulator.use(scene);
    const body = JSON.stringify({ ...REQUEST, stream: true, stream_options: { include_usage: true }, ...more });
    return (await fetch(`${simulator.url}/v1/chat/completions`, { method: 'POST', body })).text();
  }
  function chunksIn(stream: string): Chunk[] {
    const frames = stream.split('\n\n').filter((frame) => frame.startsWith('data: {'));
    return frames.map((frame) => JSON.parse(frame.slice('data: '.length)) as Chunk);
  }
  const chunks = async (scene: SceneSource, more?: Record<string, unknown>): Promise<Chunk[]> =>
    chunksIn(await wire(scene, more));
  const toolDeltas = async (scene: SceneSource): Promise<Array<Record<string, unknown>>> =>
    (await chunks(scene)).flatMap((chunk) => (chunk.choices[0]?.delta.tool_calls ?? []) as Record<string, unknown>[]);

  it('streams what the SDK folds into the completion that is answered without a stream', async () => {
    const content = [
      thinking('hm'),
      text('Grüße 👩‍👩‍👧'),
      toolUse('Read', { path: 'a' }),
      toolUse('Read', { path: 'ü' }),
    ];
    simulator.use({ content });
    const folded = await client.chat.completions
      .stream({ ...REQUEST, stream_options: { include_usage: true } })
      .finalChatCompletion();
    simulator.reset();
    simulator.use({ content });
    const whole = await client.chat.completions.create(REQUEST);
    expect(folded.id)
      .to.equal(whole.id)
      .and.to.match(/^chatcmpl-\w{29}$/);
    expect(folded.choices[0]?.finish_reason).to.equal('tool_calls');
    expect(folded.choices[0]?.message.content).to.equal('Grüße 👩‍👩‍👧');
    const calls = (completion: OpenAI.ChatCompletion): unknown =>
      completion.choices[0]?.message.tool_calls?.map((call) => [
        call.id,
        call.type === 'function' && call.function.arguments,
      ]);
    expect(calls(folded)).to.deep.equal(calls(whole)).and.to.have.length(2);
    expect(folded.usage?.completion_tokens).to.equal(whole.usage?.completion_tokens);
    expect(whole.choices[0]?.message).to.have.property('reasoning_content', 'hm');
  });

  it('sends the role first, the usage alone and last, [DONE] at the end', async () => {
    const stream = await wire({ content: [text('hello')] });
    const sent = chunksIn(stream);
    expect(sent[0]?.choices[0]?.delta).to.deep.equal({ role: 'assistant', content: '', refusal: null });
    expect(sent.at(-2)?.choices[0]).to.deep.include({ delta: {}, finish_reason: 'stop' });
    expect(sent.at(-1)).to.have.property('choices').that.deep.equals([]);
    expect(sent.at(-1)?.usage).to.include.keys('prompt_tokens', 'completion_tokens', 'total_tokens');
    expect(sent.slice(0, -1).every((chunk) => chunk.usage === null)).to.equal(true);
    expect(stream.endsWith('data: [DONE]\n\n')).to.equal(true);
    const unasked = await chunks({ content: [text('hello')] }, { stream_options: undefined });
    expect(unasked.some((chunk) => 'usage' in chunk)).to.equal(false);
  });

  it('answers on every path that servers give this protocol', async () => {
    for (const path of [
      '/chat/completions',
      '/v1/chat/completions',
      '/api/v1/chat/completions',
      '/openai/v1/chat/completions',
    ]) {
      const answer = await fetch(simulator.url + path, { method: 'POST', body: JSON.stringify(REQUEST) });
      expect(await answer.json(), path).to.have.property('object', 'chat.completion');
    }
    expect(simulator.seen().map((seen) => [seen.scene, (seen.body as { model: string }).model])).to.deep.include([
      'text',
      'gpt-5.6',
    ]);
  });

  it('is an Azure deployment to its SDK, and wants an API version', async () => {
    const azure = new AzureOpenAI({
      endpoint: simulator.url,
      apiKey: 'k',
      apiVersion: '2025-04-01-preview',
      deployment: 'my-deployment',
      maxRetries: 0,
    });
    const stream = await azure.chat.completions.create({ ...REQUEST, stream: true });
    const sent: Chunk[] = [];
    for await (const chunk of stream) sent.push(chunk as unknown as Chunk);
    expect(sent[0]).to.deep.include({ choices: [], id: '', model: '' });
    const path = '/openai/deployments/d/chat/completions';
    const without = await fetch(simulator.url + path, { method: 'POST', body: JSON.stringify(REQUEST) });
    expect([without.status, await without.json()]).to.deep.equal([
      404,
      { error: { code: '404', message: 'Resource not found' } },
    ]);
  });

  it('takes images and answers them', async () => {
    const image = { type: 'image_url' as const, image_url: { url: 'data:image/png;base64,iVBORw0KGgo=' } };
    const content = [{ type: 'text' as const, text: 'What is this?' }, image];
    const answer = await client.chat.completions.create({ model: 'm', messages: [{ role: 'user', content }] });
    expect(answer.choices[0]?.message.content).to.match(/^Hello/);
  });

  it('lists its models to a client with a bearer key, and Anthropic’s to one of theirs', async () => {
    const names: string[] = [];
    for await (const model of client.models.list()) names.push(model.id);
    expect(names).to.include('gpt-5.6');
    const headers = { authorization: 'Bearer k', 'anthropic-version': '2023-06-01' };
    const other = (await (await fetch(`${simulator.url}/v1/models`, { headers })).json()) as {
      data: Array<{ id: string }>;
    };
    expect(other.data[0]?.id).to.match(/^claude/);
  });

  it('refuses in OpenAI’s words, so that the SDK throws its own errors', async () => {
    const cases: Array<[string, number, string | null, string]> = [
      ['context-overflow', 400, 'context_length_exceeded', 'BadRequestError'],
      ['error-401', 401, 'invalid_api_key', 'AuthenticationError'],
      ['error-404', 404, 'model_not_found', 'NotFoundError'],
      ['error-429', 429, 'rate_limit_exceeded', 'RateLimitError'],
      ['quota', 429, 'insufficient_quota', 'RateLimitError'],
      ['error-500', 500, null, 'InternalServerError'],
    ];
    for (const [scene, status, code, name] of cases) {
      simulator.use(scene);
      const error = await client.chat.completions.create(REQUEST).catch((thrown: unknown) => thrown);
      expect(error, scene).to.be.instanceOf(OpenAI.APIError).and.to.include({ status, code });
      expect((error as Error).constructor.name).to.equal(name);
    }
    simulator.use('error-429');
    const limited = await fetch(`${simulator.url}/v1/chat/completions`, {
      method: 'POST',
      body: JSON.stringify(REQUEST),
    });
    expect(limited.headers.get('retry-after')).to.equal('7');
    expect(limited.headers.get('x-ratelimit-remaining-requests')).to.equal('0');
  });

  it('refuses what OpenAI refuses: calls without results, results without calls, long names, foreign words', async () => {
    const call = { id: 'call_1', type: 'function', function: { name: 'Read', arguments: '{}' } };
    const user = { role: 'user', content: 'x' };
    const called = { role: 'assistant', content: null, tool_calls: [call] };
    const result = { role: 'tool', tool_call_id: 'call_1', content: 'read' };
    const tool = { type: 'function', function: { name: 'n'.repeat(65) } };
    const cases: Array<[Record<string, unknown>, string]> = [
      [{ messages: [user, called] }, 'did not have response messages: call_1'],
      [{ messages: [user, called, user, result] }, 'did not have response messages: call_1'],
      [{ messages: [user, result] }, "messages with role 'tool' must be a response"],
      [{ messages: [user, { role: 'assistant', content: null }] }, 'expected a string, got null'],
      [{ tools: [tool] }, 'maximum length 64'],
      [{ tools: [] }, 'empty array'],
      [{ tools: undefined, tool_choice: 'auto' }, "only allowed when 'tools' are specified"],
      [{ system: 'x' }, 'Unrecognized request argument supplied: system'],
    ];
    for (const [more, words] of cases)
      expect(JSON.parse(await wire('text', more)).error.message, words).to.include(words);
    expect(await wire('text', { messages: [user, called, result] })).to.match(/^data: /);
  });

  it('breaks a stream by a data chunk with an error, which the SDK throws', async () => {
    simulator.use('late-error');
    const error = await client.chat.completions
      .stream(REQUEST)
      .finalMessage()
      .catch((thrown: unknown) => thrown);
    expect(error).to.be.instanceOf(OpenAI.APIError);
  });

  describe('quirks on the wire', () => {
    it('index from 1, with gaps, all 0, none', async () => {
      const indexes = async (name: string): Promise<unknown[]> => [
        ...new Set((await toolDeltas(name)).map((delta) => delta.index)),
      ];
      expect(await indexes('chat-index-from-1')).to.deep.equal([1, 2]);
      expect(await indexes('chat-index-gaps')).to.deep.equal([0, 3]);
      expect(await indexes('chat-index-all-0')).to.deep.equal([0]);
      expect(await indexes('chat-index-none')).to.deep.equal([undefined]);
      expect(new Set((await toolDeltas('chat-index-all-0')).map((delta) => delta.id))).to.have.length(2);
    });

    it('id and name null, empty, late, repeated, never', async () => {
      const told = async (name: string): Promise<unknown[][]> => {
        const deltas = (await toolDeltas(name)).slice(0, 3);
        return deltas.map((delta) => [delta.id, (delta.function as { name?: unknown }).name]);
      };
      const id = /^call_\w{24}$/;
      expect((await told('chat-id-null'))[1]).to.deep.equal([null, null]);
      expect((await told('chat-id-empty'))[1]).to.deep.equal(['', '']);
      const [late, lateNext] = await told('chat-id-late');
      expect(late).to.deep.equal([undefined, 'Read']);
      expect(lateNext?.[0]).to.match(id);
      expect((await told('chat-name-late')).map(([, name]) => name)).to.deep.equal([undefined, 'Read', undefined]);
      const repeated = await told('chat-id-repeated');
      expect(new Set(repeated.map(([each]) => each))).to.have.length(1);
      expect(repeated.map(([, name]) => name)).to.deep.equal(['Read', 'Read', 'Read']);
      expect((await told('chat-id-never')).map(([each]) => each)).to.deep.equal([undefined, undefined, undefined]);
    });

    it('whole calls, calls as objects, empty calls without arguments, interleaved calls', async () => {
      const whole = await toolDeltas('chat-call-whole');
      expect(whole).to.have.length(2);
      expect(whole[0])
        .to.have.nested.property('function.arguments')
        .that.matches(/^\{"file_path":".*"\}$/);
      const objects = await toolDeltas('chat-arguments-object');
      expect(objects[0]).to.have.nested.property('function.arguments').that.is.an('object');
      const [missing] = await toolDeltas('chat-arguments-missing');
      expect(missing?.function).to.deep.equal({ name: 'Read' });
      const indexes = (await toolDeltas('chat-interleaved')).map((delta) => delta.index);
      expect(indexes.slice(0, 4)).to.deep.equal([0, 1, 0, 1]);
      const [legacy] = (await chunks('chat-function-call')).filter((chunk) => chunk.choices[0]?.delta.function_call);
      expect(legacy?.choices[0]?.delta.function_call).to.deep.equal({ name: 'Read', arguments: '' });
    });

    it('reasoning in each of its places', async () => {
      const deltas = async (name: string): Promise<Array<Record<string, unknown>>> =>
        (await chunks(name)).flatMap((chunk) => (chunk.choices[0] ? [chunk.choices[0].delta] : []));
      const has = async (name: string, key: string): Promise<boolean> =>
        (await deltas(name)).some((delta) => key in delta);
      expect(await has('chat-reasoning-content', 'reasoning_content')).to.equal(true);
      expect(await has('chat-reasoning', 'reasoning')).to.equal(true);
      expect(await has('chat-reasoning-none', 'reasoning_content')).to.equal(false);
      const details = (await deltas('chat-reasoning-details')).filter((delta) => delta.reasoning_details);
      expect(details.at(-1)).to.have.nested.property('reasoning_details[0].signature');
      const parts = (await deltas('chat-content-parts')).map((delta) => delta.content).filter(Array.isArray);
      expect(parts.map((each) => each[0].type)).to.include.members(['thinking', 'text']);
      expect(await wire('chat-reasoning-tags')).to.include('<think>');
    });

    it('finish reasons with the last delta, wrong, missing; streams without [DONE]', async () => {
      const finishes = async (name: string): Promise<unknown[]> =>
        (await chunks(name)).flatMap((chunk) => chunk.choices[0]?.finish_reason ?? []);
      const [last] = (await chunks('chat-call-whole-finish')).filter((chunk) => chunk.choices[0]?.finish_reason);
      expect(last?.choices[0]?.delta).to.have.property('tool_calls');
      expect(await finishes('chat-finish-stop')).to.deep.equal(['stop']);
      expect(await finishes('chat-finish-never')).to.deep.equal([]);
      expect(await wire('chat-finish-never')).to.include('[DONE]');
      expect(await wire('chat-no-done')).to.not.include('[DONE]');
      expect((await wire('chat-no-final-newline')).endsWith('data: [DONE]')).to.equal(true);
      expect(await finishes('chat-content-filter')).to.deep.equal(['content_filter']);
      expect(await finishes('chat-length-in-call')).to.deep.equal(['length']);
      expect((await chunks('chat-refusal')).some((chunk) => chunk.choices[0]?.delta.refusal)).to.equal(true);
      expect(await wire('chat-stop-sequence', { stop: ['</block>'] })).to.include('"stop_reason":"</block>"');
    });

    it('usage in every chunk, in the finish chunk, null, never, twice, of Groq, DeepSeek and xAI', async () => {
      const usages = async (name: string): Promise<Array<Record<string, unknown>>> =>
        (await chunks(name)).flatMap((chunk) => (chunk.usage ? [chunk.usage] : []));
      expect(await usages('chat-usage-every-chunk')).to.have.length.greaterThan(5);
      expect((await chunks('chat-usage-in-finish')).at(-1)).to.have.nested.property('choices[0].finish_reason');
      expect(await usages('chat-usage-null')).to.have.length(0);
      expect((await chunks('chat-usage-never')).some((chunk) => 'usage' in chunk)).to.equal(false);
      expect(await usages('chat-usage-twice')).to.have.length(2);
      expect((await chunks('chat-usage-groq')).at(-1)).to.have.nested.property('x_groq.usage.prompt_tokens');
      expect((await usages('chat-usage-deepseek'))[0]).to.include.keys('prompt_cache_hit_tokens');
      const [xai] = await usages('chat-usage-xai');
      expect(Number(xai?.total_tokens)).to.be.greaterThan(Number(xai?.prompt_tokens) + Number(xai?.completion_tokens));
      const [cached] = await usages('chat-usage-cached');
      expect(cached).to.deep.include({ prompt_tokens: 7_936, completion_tokens: 40 });
      expect(cached?.prompt_tokens_details).to.deep.include({ cached_tokens: 7_168, cache_write_tokens: 256 });
    });

    it('frames: Azure’s opening, comments, no space, CRLF, a second choice, JSON instead of a stream and back', async () => {
      expect((await chunks('chat-first-azure'))[0]).to.deep.include({ choices: [], id: '' });
      expect((await chunks('chat-first-with-delta'))[0]?.choices[0]?.delta).to.include.keys(
        'role',
        'reasoning_content',
      );
      expect(await wire('chat-comments')).to.match(/^: OPENROUTER PROCESSING\n\n/);
      expect(await wire('chat-keep-alive')).to.match(/^: keep-alive\n\n/);
      expect(await wire('chat-no-space')).to.match(/^data:\{/);
      expect(await wire('chat-crlf')).to.match(/^data: \{.*\}\r\n\r\n/);
      expect((await chunks('chat-second-choice'))[1]?.choices[0]?.index).to.equal(1);
      expect(JSON.parse(await wire('chat-json-anyway'))).to.have.property('object', 'chat.completion');
      expect(await wire('chat-stream-anyway', { stream: false })).to.match(/^data: \{/);
    });

    it('servers that refuse what others take, and take the rest', async () => {
      const later = [
        { role: 'user', content: 'x' },
        { role: 'system', content: 'y' },
      ];
      const cases: Array<[string, Record<string, unknown>, Record<string, unknown>]> = [
        ['chat-refuses-stream-options', {}, { stream_options: undefined }],
        ['chat-refuses-max-tokens', { max_tokens: 5 }, { max_completion_tokens: 5 }],
        ['chat-refuses-required-choice', { tool_choice: 'required' }, { tool_choice: 'auto' }],
        ['chat-refuses-parallel-flag', { parallel_tool_calls: false }, {}],
        ['chat-refuses-developer', { messages: [{ role: 'developer', content: 'x' }] }, {}],
        ['chat-refuses-system-later', { messages: later }, { messages: later.toReversed() }],
      ];
      for (const [name, refused, taken] of cases) {
        expect(await wire(name, refused), name).to.include('unsupported_parameter');
        expect(await wire(name, taken), name).to.match(/^data: /);
      }
    });

    it('errors within a stream and in the bodies of other servers', async () => {
      const last = async (name: string): Promise<string> => (await wire(name)).trimEnd().split('\n\n').at(-1) ?? '';
      expect(JSON.parse((await last('chat-error-chunk')).slice(6))).to.have.nested.property(
        'error.type',
        'server_error',
      );
      expect(await wire('chat-error-overflow')).to.match(/^data: .*context_length_exceeded/);
      expect(await last('chat-error-event')).to.match(/^event: error\ndata: /);
      expect(JSON.parse((await last('chat-error-openrouter')).slice(6))).to.include.keys(
        'error',
        'choices',
        'provider',
      );
      expect(JSON.parse(await wire('chat-error-200'))).to.have.nested.property('error.code', 502);
      expect(JSON.parse(await wire('chat-429-openrouter'))).to.have.nested.property('error.metadata.raw');
      expect(JSON.parse(await wire('chat-400-detail'))).to.have.keys('detail');
      expect(JSON.parse(await wire('chat-400-message'))).to.include.keys('message');
      expect(JSON.parse(await wire('chat-400-string')).error).to.be.a('string');
    });
  });

  it('takes a conversation through every scene of its own without failing to answer', async () => {
    const names = [...SCENARIOS.keys()].filter((name) => name.startsWith('chat-'));
    expect(names).to.have.length.greaterThan(50);
    for (const name of names) {
      for (const stream of [true, false]) expect(await wire(name, { stream }), name).to.not.equal('');
    }
  });

  it('holds the whole tool conversation of the agent', async () => {
    simulator.use('agent');
    const messages: OpenAI.ChatCompletionMessageParam[] = [
      { role: 'user', content: '<system-reminder>x</system-reminder>\nRun `echo hi`' },
    ];
    const first = await client.chat.completions.create({ ...REQUEST, messages });
    const call = first.choices[0]?.message.tool_calls?.[0];
    expect(call).to.have.nested.property('function.name', 'Bash');
    messages.push({ role: 'assistant', content: null, tool_calls: first.choices[0]?.message.tool_calls ?? [] });
    messages.push({ role: 'tool', tool_call_id: call?.id ?? '', content: 'hi-from-tool' });
    const second = await client.chat.completions.create({ ...REQUEST, messages });
    expect(second.choices[0]?.message.content).to.include('hi-from-tool');
  });

  it('is the same bytes for the same seed, however it is split', async () => {
    const run = async (split: Scene['split']): Promise<Buffer> => {
      simulator.reset();
      simulator.use({ content: [text('Grüße 👩‍👩‍👧'), toolUse('Read', { path: 'ü' })], ...(split ? { split } : {}) });
      const body = JSON.stringify({ ...REQUEST, stream: true });
      const answer = await callOnWire(simulator.url, { path: '/v1/chat/completions', body }).answer();
      if (typeof split === 'object' && 'bytes' in split) {
        expect(answer.chunks.slice(0, -1).every((chunk) => chunk.length === split.bytes)).to.equal(true);
      }
      return answer.body;
    };
    const whole = await run('whole');
    for (const split of ['event', { bytes: 1 }, { bytes: 7 }, { seed: 3 }] as const) {
      expect((await run(split)).equals(whole)).to.equal(true);
    }
  });

  it('is cut, ended early and spoilt like any other answer', async () => {
    const call = async (scene: Scene): Promise<{ isComplete: boolean; body: string }> => {
      simulator.use(scene);
      const body = JSON.stringify({ ...REQUEST, stream: true });
      const answer = await callOnWire(simulator.url, { path: '/v1/chat/completions', body }).answer();
      return { isComplete: answer.isComplete, body: answer.body.toString() };
    };
    const content = [text('a few words, to be cut')];
    const cut = await call({ content, fault: { kind: 'cut', after: 2 } });
    expect([cut.isComplete, cut.body.split('\n\n').length]).to.deep.equal([false, 3]);
    const inside = await call({ content, fault: { kind: 'cut-inside', after: 2, bytes: 10 } });
    expect(inside.body.split('\n\n').at(-1)).to.have.length(10);
    const early = await call({ content, fault: { kind: 'end-early', after: -1 } });
    expect([early.isComplete, early.body.includes('[DONE]')]).to.deep.equal([true, false]);
    const spoilt = await call({ content, fault: { kind: 'garbage', what: 'not-json' } });
    expect(spoilt.body).to.include('chat.completion.chunk');
  });
});
