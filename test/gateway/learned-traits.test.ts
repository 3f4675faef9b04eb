// A server that refuses what it can be asked without: the client notices nothing, the server is asked once more, and only
// the first time.
import Anthropic from '@anthropic-ai/sdk';
import { expect } from 'chai';
import { createSimulator, type SeenRequest, type Simulator } from '#services/simulator/service.ts';
import { fieldsOf, listOf } from '#shared/providers/fields.ts';
import { failureOf } from '../support/failure-of.ts';
import { startTestGateway, type TestGateway } from '../support/gateway.ts';

const ASK: Anthropic.MessageCreateParamsNonStreaming = {
  model: 'claude-x',
  max_tokens: 512,
  system: 'Be brief.',
  messages: [
    { role: 'user', content: 'Look at /a.txt' },
    { role: 'assistant', content: 'Which one?' },
    { role: 'user', content: 'That one.' },
  ],
  tools: [{ name: 'Read', input_schema: { type: 'object', properties: { file_path: { type: 'string' } } } }],
  tool_choice: { type: 'any', disable_parallel_tool_use: true },
};

const WITH_SYSTEM = {
  ...ASK,
  messages: [
    ...ASK.messages.slice(0, 1),
    { role: 'system', content: 'The plan mode is on.' },
    ...ASK.messages.slice(1),
  ],
} as Anthropic.MessageCreateParamsNonStreaming;

interface Case {
  scene: string;
  model: string;
  vendor?: string;
  ask?: Anthropic.MessageCreateParamsNonStreaming;
  /** Was it asked as the server wants it? */
  isLearned(body: Record<string, unknown>): boolean;
}

const rolesOf = (body: Record<string, unknown>): unknown[] =>
  listOf(body.messages).map((message) => fieldsOf(message).role);

const CASES: Case[] = [
  { scene: 'chat-refuses-stream-options', model: 'some-model', isLearned: (body) => !('stream_options' in body) },
  {
    scene: 'chat-refuses-max-tokens',
    model: 'some-model',
    isLearned: (body) => body.max_completion_tokens === 512 && !('max_tokens' in body),
  },
  { scene: 'chat-refuses-required-choice', model: 'some-model', isLearned: (body) => body.tool_choice !== 'required' },
  { scene: 'chat-refuses-parallel-flag', model: 'some-model', isLearned: (body) => !('parallel_tool_calls' in body) },
  {
    scene: 'chat-refuses-developer',
    model: 'gpt-5.2',
    vendor: 'openai',
    isLearned: (body) => rolesOf(body)[0] === 'system',
  },
  {
    scene: 'chat-refuses-system-later',
    model: 'some-model',
    ask: WITH_SYSTEM,
    isLearned: (body) => !rolesOf(body).slice(1).includes('system'),
  },
];

describe('conv M-02 conv U-06 capabilities that are learned', () => {
  let server: Simulator;
  let gateway: TestGateway;
  let client: Anthropic;

  async function start(model: string, vendor?: string): Promise<void> {
    gateway = await startTestGateway({
      settings: {
        'target.url': `${server.url}/v1`,
        'target.type': 'openai-chat',
        'target.model': model,
        ...(vendor === undefined ? {} : { 'target.vendor': vendor }),
      },
    });
    client = new Anthropic({ baseURL: gateway.url, apiKey: 'client-key', maxRetries: 0 });
  }
  const bodies = (): Array<Record<string, unknown>> => server.seen().map(({ body }) => fieldsOf(body));
  const attempts = (outcome: string): Promise<number> => gateway.metric('ccproxy_upstream_attempts_total', { outcome });

  before(async () => {
    server = await createSimulator({ listenAddress: '127.0.0.1:0', seed: 1, delayScale: 0 });
  });
  after(() => server.stop());
  beforeEach(() => server.reset());
  afterEach(() => gateway.stop());

  for (const { scene, model, vendor, ask = ASK, isLearned } of CASES) {
    it(`are those of ${scene}: asked twice once, then right at once, streamed or not`, async () => {
      await start(model, vendor);
      server.use(scene);
      const streamed = await client.messages.stream(ask).finalMessage();
      expect(streamed.stop_reason).to.equal('tool_use');
      expect(bodies().map(isLearned)).to.deep.equal([false, true]);
      const whole = await client.messages.create(ask);
      expect(whole.stop_reason).to.equal('tool_use');
      expect(bodies().map(isLearned)).to.deep.equal([false, true, true]);
      await gateway.until(async () => (await attempts('ok')) === 2);
      expect(await attempts('client_error')).to.equal(1);
      expect(gateway.lines.filter(({ event }) => event === 'upstream.capability_learned')).to.have.length(1);
    });
  }

  it('are never asked for more than once: a second refusal is the answer, and teaches the next request', async () => {
    await start('some-model');
    const refuse = ({ body }: SeenRequest) => {
      const said = fieldsOf(body);
      const field = ['max_tokens', 'parallel_tool_calls'].find((name) => name in said);
      const message = `Unsupported parameter: '${field}' is not supported with this model.`;
      return field === undefined ? 'text' : { status: 400, error: { message } };
    };
    server.use(refuse);
    const error = await failureOf(client.messages.create(ASK));
    expect(error.status).to.equal(400);
    expect(error.message).to.include('parallel_tool_calls');
    expect(server.seen()).to.have.length(2);
    expect((await client.messages.create(ASK)).stop_reason).to.equal('end_turn');
    expect(server.seen()).to.have.length(3);
  });

  it('are not made up: what is refused for another reason is refused once, in its own words', async () => {
    await start('some-model');
    for (const scene of ['error-400', 'context-overflow', 'chat-400-vllm', 'content-policy']) {
      server.reset();
      server.use(scene);
      const error = await failureOf(client.messages.create(ASK));
      expect(error.status, scene).to.equal(400);
      expect(server.seen(), scene).to.have.length(1);
    }
  });

  it('are not asked for again when the request would be the same', async () => {
    await start('some-model');
    server.use({ status: 400, error: { message: "Unsupported parameter: 'top_k' is not supported with this model." } });
    const error = await failureOf(client.messages.create(ASK));
    expect(error.message).to.include('top_k');
    expect(server.seen()).to.have.length(1);
  });

  it('are learned from a 422 too, and named in x-ccproxy-route', async () => {
    await start('some-model');
    server.use(({ body }) =>
      'temperature' in fieldsOf(body)
        ? {
            status: 422,
            body: JSON.stringify({ detail: [{ loc: ['body', 'temperature'], msg: 'Extra inputs are not permitted' }] }),
          }
        : 'text',
    );
    const { response } = await client.messages.create({ ...ASK, ...{ temperature: 0.5 } }).withResponse();
    expect(response.headers.get('x-ccproxy-route')).to.include('omitted:temperature');
  });

  it('end with the client: one that leaves during the second call closes it', async () => {
    await start('some-model');
    server.use(({ body }) =>
      'max_tokens' in fieldsOf(body)
        ? { status: 400, error: { message: "Unsupported parameter: 'max_tokens' is not supported with this model." } }
        : { content: [], fault: { kind: 'silence-before-headers' } },
    );
    const stream = client.messages.stream(ASK);
    const ended = stream.done().catch(() => {});
    await server.until((seen) => seen.length === 2);
    stream.abort();
    await ended;
    await server.until((seen) => seen[1]?.hungUp === true);
    await gateway.until(async () => (await attempts('client_abort')) === 1);
  });
});
