// The real SDK, through the gateway, to servers of Chat Completions.
import Anthropic from '@anthropic-ai/sdk';
import { expect } from 'chai';
import { createSimulator, type Simulator } from '#services/simulator/service.ts';
import { fieldsOf, listOf } from '#shared/providers/fields.ts';
import { startTestGateway, type TestGateway } from '../support/gateway.ts';

const TOOLS: Anthropic.Tool[] = [
  {
    name: 'Read',
    input_schema: { type: 'object', properties: { file_path: { type: 'string' } }, required: ['file_path'] },
  },
  {
    name: 'Bash',
    input_schema: { type: 'object', properties: { command: { type: 'string' } }, required: ['command'] },
  },
];

interface Asked {
  message: Anthropic.Message | null;
  error: unknown;
}

describe('a client of the real SDK before a server of Chat Completions', () => {
  let server: Simulator;
  let gateway: TestGateway;
  let client: Anthropic;

  before(async () => {
    server = await createSimulator({ listenAddress: '127.0.0.1:0', seed: 1, delayScale: 0 });
    gateway = await startTestGateway({
      settings: {
        'target.url': `${server.url}/v1`,
        'target.type': 'openai-chat',
        'target.model': 'some-model',
        'target.api_key': 'upstream-key',
      },
    });
    client = new Anthropic({ baseURL: gateway.url, apiKey: 'client-key', maxRetries: 0 });
  });
  after(async () => {
    await gateway.stop();
    await server.stop();
  });
  beforeEach(() => server.reset());

  const request = (messages?: Anthropic.MessageParam[]): Anthropic.MessageCreateParamsNonStreaming => ({
    model: 'claude-x',
    max_tokens: 1024,
    messages: messages ?? [{ role: 'user', content: 'hi' }],
    tools: TOOLS,
    thinking: { type: 'enabled', budget_tokens: 1024 },
  });

  async function ask(isStream: boolean, messages?: Anthropic.MessageParam[]): Promise<Asked> {
    try {
      const message = isStream
        ? await client.messages.stream(request(messages)).finalMessage()
        : await client.messages.create(request(messages));
      return { message, error: null };
    } catch (error) {
      return { message: null, error };
    }
  }

  async function messageOf(scene: string, isStream: boolean): Promise<Anthropic.Message> {
    server.use(scene);
    const { message, error } = await ask(isStream);
    if (message === null) throw error;
    return message;
  }

  async function errorOf(scene: string, isStream: boolean): Promise<InstanceType<typeof Anthropic.APIError>> {
    server.use(scene);
    const { message, error } = await ask(isStream);
    expect(message, `${scene} gave a message`).to.equal(null);
    expect(error).to.be.instanceOf(Anthropic.APIError);
    return error as InstanceType<typeof Anthropic.APIError>;
  }

  for (const isStream of [true, false]) {
    describe(isStream ? 'with a stream' : 'without a stream', () => {
      it('gets a text, and the server its key, model and a request for a stream', async () => {
        const message = await messageOf('text', isStream);
        expect(message).to.deep.include({ model: 'claude-x', role: 'assistant', stop_reason: 'end_turn' });
        expect(message.id).to.match(/^msg_/);
        expect(message.content[0]).to.have.property('type', 'text');
        expect(message.usage.output_tokens).to.be.above(0);
        const [seen] = server.seen();
        expect(seen?.path).to.equal('/v1/chat/completions');
        expect(seen?.headers.authorization).to.equal('Bearer upstream-key');
        expect(seen?.headers).not.to.have.any.keys('x-api-key', 'anthropic-version', 'anthropic-beta');
        expect(seen?.body).to.deep.include({ model: 'some-model', stream: true, max_tokens: 1024 });
      });

      it('conv T-05 gets thinking, a text and parallel calls, and can answer them', async () => {
        const message = await messageOf('chat-reasoning-content', isStream);
        expect(message.content.map(({ type }) => type)).to.deep.equal(['thinking', 'text', 'tool_use', 'tool_use']);
        expect(message.stop_reason).to.equal('tool_use');
        const results = message.content.flatMap((block): Anthropic.ToolResultBlockParam[] =>
          block.type === 'tool_use' ? [{ type: 'tool_result', tool_use_id: block.id, content: 'done' }] : [],
        );
        const { message: next } = await ask(isStream, [
          { role: 'user', content: 'hi' },
          { role: 'assistant', content: message.content as Anthropic.ContentBlockParam[] },
          { role: 'user', content: results },
        ]);
        expect(next?.stop_reason).to.equal('end_turn');
        const sent = listOf(fieldsOf(server.seen().at(-1)?.body).messages).map(fieldsOf);
        expect(sent.map(({ role }) => role)).to.deep.equal(['user', 'assistant', 'tool', 'tool']);
        expect(JSON.stringify(sent)).not.to.include('ccproxy1');
      });

      for (const [scene, status, type] of [
        ['error-400', 400, 'invalid_request_error'],
        ['error-401', 502, 'api_error'],
        ['error-402', 402, 'billing_error'],
        ['error-404', 404, 'not_found_error'],
        ['error-429', 429, 'rate_limit_error'],
        ['error-500', 500, 'api_error'],
        ['error-502-html', 502, 'api_error'],
        ['chat-400-vllm', 400, 'invalid_request_error'],
        ['chat-400-detail', 400, 'invalid_request_error'],
        ['chat-400-string', 400, 'invalid_request_error'],
        ['chat-401-azure', 502, 'api_error'],
        ['chat-error-200', 502, 'api_error'],
      ] as const) {
        it(`conv E-01 gets ${status} ${type} for the scene ${scene}`, async () => {
          const error = await errorOf(scene, isStream);
          expect(error.status).to.equal(status);
          expect(error.type).to.equal(type);
          expect(error.error).to.have.nested.property('error.message').that.is.a('string').with.length.above(0);
        });
      }

      it('conv E-02 gets the sentence after which it compacts, also from inside the stream', async () => {
        for (const scene of ['context-overflow', 'chat-error-overflow']) {
          const error = await errorOf(scene, isStream);
          expect(error.status, scene).to.equal(400);
          expect(error.message, scene).to.match(/prompt is too long/);
        }
      });

      it('conv H-02 gets a whole number of seconds to wait', async () => {
        expect((await errorOf('error-429', isStream)).headers?.get('retry-after')).to.equal('7');
      });

      for (const scene of [
        'cut-before-headers',
        'cut-after-headers',
        'cut-between-events',
        'cut-inside-event',
        'chat-nothing-ends',
        'chat-finish-error',
        'chat-arguments-broken',
        'chat-error-chunk',
        'chat-error-event',
        'chat-error-openrouter',
        'chat-error-chunk-first',
        'garbage-html',
        'garbage-not-json',
        'garbage-empty',
      ]) {
        it(`conv S-06 E-09 C-03 gets an error, and no message, for the scene ${scene}`, async () => {
          await errorOf(scene, isStream);
        });
      }
    });
  }

  it('conv R-04 gets a call that the limit cut as an answer that was cut, not as a call', async () => {
    for (const isStream of [true, false]) {
      const message = await messageOf('chat-length-in-call', isStream);
      expect(message.stop_reason).to.equal('max_tokens');
      expect(message.content.at(-1)).to.have.property('input').that.is.an('object');
    }
  });

  describe('gets the same message with a stream and without', () => {
    const scenes = [
      ...['reasoning', 'reasoning-details', 'reasoning-parts', 'content-parts', 'reasoning-none'],
      ...['index-from-1', 'index-gaps', 'index-all-0', 'index-none', 'id-null', 'id-empty', 'id-repeated', 'id-late'],
      ...['name-late', 'name-repeated', 'call-whole', 'call-whole-finish', 'arguments-object', 'interleaved'],
      ...[
        'call-content-empty',
        'call-content-null',
        'function-call',
        'finish-with-last',
        'finish-stop',
        'finish-unknown',
      ],
      ...['no-done', 'no-final-newline', 'refusal', 'content-filter', 'stop-sequence', 'empty'],
      ...['usage-every-chunk', 'usage-in-finish', 'usage-null', 'usage-never', 'usage-twice', 'usage-groq'],
      ...['usage-deepseek', 'usage-xai', 'usage-cached', 'first-azure', 'first-with-delta', 'comments', 'keep-alive'],
      ...['no-space', 'crlf', 'second-choice', 'json-anyway', 'stream-anyway', 'id-never', 'arguments-missing'],
      ...['index-all-0-pieces'],
    ];
    for (const scene of scenes) {
      it(`conv M-09 S-26 for the scene chat-${scene}`, async () => {
        const streamed = await messageOf(`chat-${scene}`, true);
        server.reset();
        const whole = await messageOf(`chat-${scene}`, false);
        const bare = ({ content, stop_reason, stop_sequence, usage, model }: Anthropic.Message): unknown =>
          JSON.parse(
            JSON.stringify({
              content,
              stop_reason,
              stop_sequence,
              model,
              output: usage.output_tokens,
              input: usage.input_tokens,
            }),
          );
        expect(bare(streamed)).to.deep.equal(bare(whole));
        const calls = whole.content.filter(({ type }) => type === 'tool_use');
        if (calls.length > 0) expect(whole.stop_reason).to.equal('tool_use');
        expect(new Set(calls.map((call) => ('id' in call ? call.id : ''))).size).to.equal(calls.length);
      });
    }
  });
});

describe('settings for servers of Chat Completions', () => {
  it('S1-07 reach a deployment of Azure with its own key header', async () => {
    const server = await createSimulator({ listenAddress: '127.0.0.1:0', seed: 1, delayScale: 0 });
    const gateway = await startTestGateway({
      settings: {
        'target.url': server.url,
        'target.type': 'azure',
        'target.model': 'gpt-5.2',
        'target.deployment': 'my-dep',
        'target.api_version': '2024-10-21',
        'target.api_key': 'azure-key',
      },
    });
    try {
      const client = new Anthropic({ baseURL: gateway.url, apiKey: 'client-key', maxRetries: 0 });
      server.use('text');
      const message = await client.messages.create({
        model: 'claude-x',
        max_tokens: 64,
        messages: [{ role: 'user', content: 'hi' }],
      });
      expect(message.stop_reason).to.equal('end_turn');
      const [seen] = server.seen();
      expect(seen?.url).to.equal('/openai/deployments/my-dep/chat/completions?api-version=2024-10-21');
      expect(seen?.headers).to.include({ 'api-key': 'azure-key' }).and.not.to.have.property('authorization');
    } finally {
      await gateway.stop();
      await server.stop();
    }
  });

  it('S1-06 take openai for openai-chat', async () => {
    const server = await createSimulator({ listenAddress: '127.0.0.1:0', seed: 1, delayScale: 0 });
    const gateway = await startTestGateway({
      settings: { 'target.url': server.url, 'target.type': 'openai', 'target.model': 'm' },
    });
    try {
      const client = new Anthropic({ baseURL: gateway.url, apiKey: 'client-key', maxRetries: 0 });
      server.use('text');
      await client.messages.create({ model: 'claude-x', max_tokens: 64, messages: [{ role: 'user', content: 'hi' }] });
      expect(server.seen()[0]?.path).to.equal('/v1/chat/completions');
    } finally {
      await gateway.stop();
      await server.stop();
    }
  });
});
