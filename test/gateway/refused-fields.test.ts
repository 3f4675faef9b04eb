// Fields that servers refuse in words of their own: the client notices nothing, the server is asked once more, and only
// the first time; every other target is asked as before.
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import Anthropic from '@anthropic-ai/sdk';
import { expect } from 'chai';
import { createSimulator, type Simulator } from '#services/simulator/service.ts';
import { VENDOR_REFUSALS } from '#services/simulator/vendor-refusals.ts';
import { type Fields, fieldsOf, listOf } from '#shared/providers/fields.ts';
import { profilesOf } from '#shared/providers/index.ts';
import { failureOf } from '../support/failure-of.ts';
import { startTestGateway, type TestGateway } from '../support/gateway.ts';

type Ask = Anthropic.MessageCreateParamsNonStreaming;

const BETA = 'context-management-2025-06-27,effort-2025-11-24,advanced-tool-use-2025-11-20';

/** As an agent asks, with what is new and what is not everybody's. */
const ASK = {
  model: 'claude-x',
  max_tokens: 4096,
  system: [
    { type: 'text', text: 'You are an agent.' },
    { type: 'text', text: 'Be brief.', cache_control: { type: 'ephemeral' } },
  ],
  messages: [{ role: 'user', content: [{ type: 'text', text: 'Look.', cache_control: { type: 'ephemeral' } }] }],
  tools: [
    {
      name: 'Read',
      input_schema: { type: 'object', properties: { file_path: { type: 'string' } } },
      defer_loading: false,
      input_examples: [{ file_path: '/a' }],
      streaming_hint: 'eager',
    },
  ],
  tool_choice: { type: 'any', disable_parallel_tool_use: true },
  top_k: 64,
  thinking: { type: 'adaptive' },
  output_config: { effort: 'high' },
  context_management: { edits: [{ type: 'clear_thinking_20251015', keep: 'all' }] },
  metadata: { user_id: JSON.stringify({ device_id: 'd', account_uuid: '', session_id: 's' }) },
  turn_budget: { turns: 3 },
} as unknown as Ask;

interface Case {
  refusal: string;
  settings: Record<string, string>;
  ask?: Ask;
  note: string;
}

const target = (type: string, model: string, rest: Record<string, string> = {}): Record<string, string> => ({
  'target.type': type,
  'target.model': model,
  ...rest,
});
const messages = (profile: string): Record<string, string> =>
  target('anthropic', 'some-model', { 'target.profile': profile });
const WITH_TEMPERATURE = { ...ASK, temperature: 0.2, thinking: { type: 'disabled' } } as Ask;
const WITH_SEARCH = {
  ...ASK,
  tools: [...(ASK.tools ?? []), { type: 'web_search_20250305', name: 'web_search' }],
} as Ask;

const CASES: Case[] = [
  {
    refusal: 'openai-temperature',
    settings: target('openai-responses', 'gpt-4.1'),
    ask: WITH_TEMPERATURE,
    note: 'omitted:temperature',
  },
  { refusal: 'openai-summary', settings: target('openai-responses', 'gpt-5.4'), note: 'omitted:reasoning.summary' },
  { refusal: 'openai-encrypted-content', settings: target('openai-responses', 'gpt-5.4'), note: 'omitted:include' },
  { refusal: 'openai-tool-strict', settings: target('openai-responses', 'gpt-5.4'), note: 'omitted:tools.strict' },
  {
    refusal: 'codex-max-output-tokens',
    settings: target('openai-responses', 'gpt-5.4'),
    note: 'omitted:max_output_tokens',
  },
  { refusal: 'azure-stream-options', settings: target('azure', 'gpt-4.1'), note: '' },
  { refusal: 'azure-parallel-calls', settings: target('azure', 'gpt-4.1'), note: '' },
  { refusal: 'azure-max-tokens', settings: target('azure', 'some-deployment'), note: '' },
  { refusal: 'google-json-schema', settings: target('gemini', 'gemini-2.5-pro'), note: '' },
  {
    refusal: 'google-thinking-level',
    settings: target('gemini', 'gemini-next'),
    note: 'omitted:generationConfig.thinkingConfig.thinkingLevel',
  },
  {
    refusal: 'google-thinking',
    settings: target('gemini', 'gemini-next'),
    note: 'omitted:generationConfig.thinkingConfig',
  },
  {
    refusal: 'google-include-thoughts',
    settings: target('gemini', 'gemini-2.5-pro'),
    note: 'omitted:generation_config.thinking_config.includeThoughts',
  },
  { refusal: 'google-top-k', settings: target('gemini', 'gemini-2.5-pro'), note: 'omitted:generationConfig.topK' },
  {
    refusal: 'google-search-beside-functions',
    settings: target('gemini', 'gemini-next'),
    ask: WITH_SEARCH,
    note: 'omitted:functions',
  },
  { refusal: 'ollama-thinking', settings: target('ollama', 'gpt-oss-tuned'), note: 'omitted:think' },
  { refusal: 'ollama-shift', settings: target('ollama', 'llama3.2'), note: 'omitted:shift' },
  { refusal: 'messages-new-field', settings: messages('generic'), note: 'omitted:turn_budget' },
  { refusal: 'messages-deepseek-field', settings: messages('deepseek'), note: 'omitted:turn_budget' },
  { refusal: 'messages-cache-marks', settings: messages('litellm'), note: 'omitted:cache_control' },
  { refusal: 'messages-tool-field', settings: messages('openrouter'), note: 'omitted:tools.custom.streaming_hint' },
  { refusal: 'messages-vllm-metadata', settings: messages('vllm'), note: 'omitted:metadata' },
  { refusal: 'messages-fastapi-top-k', settings: messages('sglang'), note: 'omitted:top_k' },
];

describe('C-12 fields that an upstream refuses', () => {
  let server: Simulator;
  let gateway: TestGateway;
  let client: Anthropic;

  async function start(settings: Record<string, unknown>): Promise<void> {
    gateway = await startTestGateway({ settings: { 'target.url': server.url, ...settings } });
    const headers = { 'anthropic-beta': BETA };
    client = new Anthropic({ baseURL: gateway.url, apiKey: 'client-key', maxRetries: 0, defaultHeaders: headers });
  }
  const bodies = (): Fields[] => server.seen().map(({ body }) => fieldsOf(body));

  before(async () => {
    server = await createSimulator({ listenAddress: '127.0.0.1:0', seed: 1, delayScale: 0 });
  });
  after(() => server.stop());
  beforeEach(() => server.reset());
  afterEach(() => gateway.stop());

  for (const { refusal, settings, ask = ASK, note } of CASES) {
    it(`C-12 are learned in the words of ${refusal}: refused once, then left out at once, streamed or not`, async () => {
      await start(settings);
      server.use(`refuses-${refusal}`);
      const { data, response } = await client.messages.create(ask).withResponse();
      expect(data.stop_reason).to.equal('tool_use');
      expect(server.seen()).to.have.length(2);
      expect(response.headers.get('x-ccproxy-route')).to.include(note);
      const streamed = await client.messages.stream(ask).finalMessage();
      expect(streamed.stop_reason).to.equal('tool_use');
      expect(server.seen()).to.have.length(3);
      expect(bodies()[2]).to.deep.equal(bodies()[1]);
      const [first, second] = bodies();
      expect(keysOf(second)).to.include.members(ESSENTIAL.filter((key) => keysOf(first).includes(key)));
    });
  }

  for (const profile of profilesOf('anthropic')) {
    it(`C-12 are, for ${profile}, left out together with the beta they belong to, and before anybody refuses them`, async () => {
      await start(messages(profile));
      server.use('refuses-messages-context-management');
      const { data, response } = await client.messages.create(ASK).withResponse();
      expect(data.stop_reason).to.equal('tool_use');
      expect(server.seen()).to.have.length(1);
      expect(server.seen()[0]?.headers).not.to.have.property('anthropic-beta');
      expect(bodies()[0]).not.to.have.any.keys('context_management', 'output_config');
      expect(fieldsOf(listOf(bodies()[0]?.tools)[0])).not.to.have.any.keys('defer_loading', 'input_examples');
      expect(response.headers.get('x-ccproxy-route')).to.include('omitted:context_management');
    });
  }

  it('C-12 are forgotten for no other target: each is asked for all it may take until it refuses by itself', async () => {
    const other = await createSimulator({ listenAddress: '127.0.0.1:0', seed: 2, delayScale: 0 });
    const folder = mkdtempSync(join(tmpdir(), 'cc-proxy-test-'));
    try {
      const file = join(folder, 'cc-proxy.toml');
      const provider = (name: string, url: string): string =>
        `[providers.${name}]\ntype = "anthropic"\nprofile = "generic"\nbase_url = "${url}"\n[models."${name}-model"]\nprovider = "${name}"\n`;
      writeFileSync(file, provider('one', server.url) + provider('two', other.url));
      gateway = await startTestGateway({ settings: {}, env: { CC_PROXY_CONFIG: file } });
      client = new Anthropic({ baseURL: gateway.url, apiKey: 'client-key', maxRetries: 0 });
      server.use('refuses-messages-new-field');
      for (const model of ['one-model', 'two-model', 'one-model']) await client.messages.create({ ...ASK, model });
      expect(bodies().map((body) => 'turn_budget' in body)).to.deep.equal([true, false, false]);
      expect(other.seen().map(({ body }) => 'turn_budget' in fieldsOf(body))).to.deep.equal([true]);
    } finally {
      await other.stop();
      rmSync(folder, { recursive: true, force: true });
    }
  });

  it('C-12 cost one more call and never a third: a second refusal is the answer, in its own words', async () => {
    await start(messages('generic'));
    server.use(({ body }) => ({
      status: 400,
      error: {
        message: `${'turn_budget' in fieldsOf(body) ? 'turn_budget' : 'top_k'}: Extra inputs are not permitted`,
      },
    }));
    const error = await failureOf(client.messages.create(ASK));
    expect(error.status).to.equal(400);
    expect(error.message).to.include('top_k: Extra inputs are not permitted');
    expect(server.seen()).to.have.length(2);
  });

  it('C-12 are never what is said or asked to be done: that is refused once, as it was', async () => {
    const places = [
      'messages.0.content.0.text',
      'tools',
      'tools.0.custom.input_schema.properties',
      'max_tokens',
      'system',
    ];
    await start(messages('generic'));
    for (const place of places) {
      server.reset();
      server.use({ status: 400, error: { message: `${place}: Extra inputs are not permitted` } });
      const error = await failureOf(client.messages.create(ASK));
      expect(error.message, place).to.include(place);
      expect(server.seen(), place).to.have.length(1);
    }
  });

  it('C-12 are not for us to take from a request whose bytes pass: the client reads the refusal and knows what to do', async () => {
    await start(target('anthropic', 'some-model'));
    server.use('refuses-messages-context-management');
    const error = await failureOf(client.messages.create(ASK));
    expect(error.message).to.include('context_management: Extra inputs are not permitted');
    expect(server.seen()).to.have.length(1);
    expect(server.seen()[0]?.headers).to.have.property('anthropic-beta', BETA);
  });

  it('C-12 each refusal that the simulator knows is one of those', () => {
    const tried = new Set([...CASES.map(({ refusal }) => refusal), 'messages-context-management']);
    expect(VENDOR_REFUSALS.filter((name) => !tried.has(name))).to.deep.equal([]);
  });
});

const ESSENTIAL = ['model', 'messages', 'input', 'contents', 'tools', 'system', 'systemInstruction', 'instructions'];

function keysOf(body: Fields | undefined): string[] {
  return Object.keys(body ?? {});
}
