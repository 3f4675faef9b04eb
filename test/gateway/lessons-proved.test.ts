// What one client's request makes an upstream say must not change how the requests of others are sent: a lesson is kept
// when the second call shows that it was one.
import Anthropic from '@anthropic-ai/sdk';
import { expect } from 'chai';
import { createSimulator, type SeenRequest, type Simulator } from '#services/simulator/service.ts';
import { type Fields, fieldsOf, listOf } from '#shared/providers/fields.ts';
import { failureOf } from '../support/failure-of.ts';
import { startTestGateway, type TestGateway } from '../support/gateway.ts';

const ASK: Anthropic.MessageCreateParamsNonStreaming = {
  model: 'claude-x',
  max_tokens: 512,
  messages: [{ role: 'user', content: 'hi' }],
};
const READ: Anthropic.Tool = { name: 'Read', input_schema: { type: 'object', properties: {} } };

describe('C-12 lessons of a refusal', () => {
  let server: Simulator;
  let gateway: TestGateway;
  let client: Anthropic;

  async function start(type: string, model: string, more: Record<string, unknown> = {}): Promise<void> {
    const url = type === 'anthropic' ? server.url : `${server.url}/v1`;
    gateway = await startTestGateway({
      settings: { 'target.type': type, 'target.url': url, 'target.model': model, ...more },
    });
    client = new Anthropic({ baseURL: gateway.url, apiKey: 'client-key', maxRetries: 0 });
  }
  const bodies = (): Fields[] => server.seen().map(({ body }) => fieldsOf(body));
  const send = (more: Record<string, unknown> = {}): Promise<Anthropic.Message> =>
    client.messages.create({ ...ASK, ...more } as Anthropic.MessageCreateParamsNonStreaming);
  const refused = (message: string, more: Fields = {}) => ({
    status: 400,
    body: JSON.stringify({ error: { message, type: 'invalid_request_error', ...more } }),
  });

  before(async () => {
    server = await createSimulator({ listenAddress: '127.0.0.1:0', seed: 1, delayScale: 0 });
  });
  after(() => server.stop());
  beforeEach(() => server.reset());
  afterEach(() => gateway.stop());

  it('C-12 are forgotten when the same is refused again: words of a client in a refusal teach nothing', async () => {
    await start('openai-chat', 'some-model');
    const isBad = ({ raw }: SeenRequest): boolean => raw.includes('evil');
    server.use((seen) => (isBad(seen) ? refused('Tool evil: unsupported parameter `tool_choice`') : 'text'));
    const tools = [{ ...READ, name: 'evil' }];
    expect((await failureOf(send({ tools, tool_choice: { type: 'any' } }))).status).to.equal(400);
    expect(server.seen()).to.have.length(2);
    await send({ tools: [READ], tool_choice: { type: 'any' } });
    expect(bodies().at(-1)?.tool_choice).to.equal('required');
  });

  it('C-12 are forgotten when the second call fails in another way', async () => {
    await start('openai-chat', 'some-model');
    let calls = 0;
    server.use(() => {
      calls++;
      if (calls === 1) return refused("Unsupported parameter: 'temperature' is not supported with this model.");
      return calls === 2 ? { status: 500 } : 'text';
    });
    expect((await failureOf(send({ temperature: 0.5 }))).status).to.equal(500);
    await send({ temperature: 0.5 });
    expect(bodies().map((body) => 'temperature' in body)).to.deep.equal([true, false, true]);
  });

  it('C-12 of one effort keep no other effort from the requests that follow', async () => {
    await start('openai-responses', 'some-model');
    server.use(({ body }) =>
      fieldsOf(fieldsOf(body).reasoning).effort === 'high'
        ? refused("Unsupported value: 'high' is not supported with the 'some-model' model.", {
            param: 'reasoning.effort',
            code: 'unsupported_value',
          })
        : 'text',
    );
    await send({ thinking: { type: 'adaptive' }, output_config: { effort: 'high' } });
    expect(server.seen()).to.have.length(2);
    await send({ thinking: { type: 'adaptive' }, output_config: { effort: 'low' } });
    expect(bodies().map(({ reasoning }) => fieldsOf(reasoning).effort)).to.deep.equal(['high', undefined, 'low']);
  });

  it('C-12 of a field beside another one hold for the request that has both', async () => {
    await start('openai-chat', 'some-model');
    server.use(({ body }) =>
      'temperature' in fieldsOf(body) && 'tools' in fieldsOf(body)
        ? refused('`temperature` is not supported when tools are given')
        : 'text',
    );
    await send({ temperature: 0.5, tools: [READ] });
    await send({ temperature: 0.5 });
    expect(bodies().map((body) => 'temperature' in body)).to.deep.equal([true, false, true]);
  });

  it('C-12 of what one long prompt left of the window limit no other answer', async () => {
    await start('openai-chat', 'some-model');
    server.use(({ body, raw }) =>
      raw.includes('long') && Number(fieldsOf(body).max_tokens) > 100
        ? refused('max_tokens must be less than or equal to 100 for this prompt')
        : 'text',
    );
    await send({ messages: [{ role: 'user', content: 'long' }] });
    await send();
    expect(bodies().map(({ max_tokens }) => max_tokens)).to.deep.equal([512, 100, 512]);
  });

  it("C-12 are none where a client's own schema is wrong", async () => {
    await start('openai', 'gpt-4.1');
    const format = (minLength?: number) => ({
      output_config: {
        format: {
          type: 'json_schema',
          schema: {
            type: 'object',
            properties: { a: { type: 'string', ...(minLength ? { minLength } : {}) } },
            required: ['a'],
            additionalProperties: false,
          },
        },
      },
    });
    server.use(({ raw }) =>
      raw.includes('minLength')
        ? refused(
            "Invalid schema for response_format 'x': In context=('properties', 'a'), 'minLength' is not permitted.",
            {
              param: 'response_format',
            },
          )
        : 'text',
    );
    expect((await failureOf(send(format(3)))).message).to.include('minLength');
    expect(server.seen()).to.have.length(1);
    await send(format());
    expect(fieldsOf(bodies().at(-1)?.response_format).type).to.equal('json_schema');
  });

  it('C-12 are of the fields that are refused, not of those whose value is wrong', async () => {
    await start('openai-chat', 'some-model', { 'target.vendor': 'vllm' });
    const detail = [
      { type: 'extra_forbidden', loc: ['body', 'parallel_tool_calls'], msg: 'Extra inputs are not permitted' },
      { type: 'less_than_equal', loc: ['body', 'temperature'], msg: 'Input should be less than or equal to 0.5' },
    ];
    server.use(({ body }) => {
      const wrong = detail.filter(({ loc, type }) =>
        type === 'extra_forbidden' ? String(loc[1]) in fieldsOf(body) : Number(fieldsOf(body).temperature) > 0.5,
      );
      return wrong.length > 0 ? { status: 422, body: JSON.stringify({ detail: wrong }) } : 'text';
    });
    const tools = { tools: [READ], tool_choice: { type: 'auto', disable_parallel_tool_use: true } };
    expect((await failureOf(send({ ...tools, temperature: 0.9 }))).status).to.equal(400);
    await send({ ...tools, temperature: 0.3 });
    const last = bodies().at(-1);
    expect(last).to.include({ temperature: 0.3 }).and.not.have.property('parallel_tool_calls');
    expect(listOf(last?.tools)).to.have.length(1);
  });

  for (const [mode, calls, types] of [
    ['route', 1, ['server_tool_use', 'web_search_tool_result', 'text']],
    ['emulate', 2, ['text']],
  ] as const) {
    it(`C-12 that leave nobody to search are followed as web_search.mode = "${mode}" says, by no call in vain`, async () => {
      await start('openai', 'gpt-4o-search-preview', {
        ...{
          'target.vendor': 'openai',
          'web_search.mode': mode,
          'web_search.url': server.url,
          'web_search.api_key': 'k',
        },
        ...(mode === 'emulate' ? { 'web_search.provider': 'tavily' } : {}),
      });
      server.use(({ body }) =>
        'web_search_options' in fieldsOf(body)
          ? refused("Unknown parameter: 'web_search_options'.", { param: 'web_search_options' })
          : 'text',
      );
      const message = await send({ tools: [{ type: 'web_search_20250305', name: 'web_search' }] });
      expect(message.content.map(({ type }) => type)).to.deep.equal(types);
      expect(server.seen()).to.have.length(calls);
    });
  }
});
