import Anthropic from '@anthropic-ai/sdk';
import { expect } from 'chai';
import { SCENARIOS } from '#services/simulator/scenarios/index.ts';
import type { Scene } from '#services/simulator/script.ts';
import { text, thinking, toolUse } from '#services/simulator/script.ts';
import { createSimulator, type Simulator } from '#services/simulator/service.ts';

const REQUEST: Anthropic.MessageCreateParamsNonStreaming = {
  model: 'claude-opus-5-5',
  max_tokens: 1_000,
  messages: [{ role: 'user', content: 'Run echo hello' }],
  tools: [
    {
      name: 'Bash',
      input_schema: { type: 'object', properties: { command: { type: 'string' } }, required: ['command'] },
    },
    { name: 'Read', input_schema: { type: 'object' } },
  ],
};

/** Scenes that answer a stream and a JSON request alike. */
const GOOD = [
  'agent',
  'text',
  'tool-bash',
  'tool-any',
  'tool-read-parallel',
  'subagent',
  'thinking',
  'thinking-tool',
  'refusal',
  'max-tokens',
  'long-output',
  'utf8',
  'empty-text',
  'web-search',
  'web-search-tool',
  'unknown-parts',
  'title-json',
  'structured-output',
  'classifier',
];
/** Scenes about the quirks of one protocol's servers. */
const OF_ONE_PROTOCOL = /^(chat|responses|gemini|ollama|dialect|refuses)-/;
/** Scenes that harm streams only. */
const BROKEN_STREAMS = ['mid-error', 'garbage-json'];

describe('simulator scenes', () => {
  let simulator: Simulator;
  let client: Anthropic;
  before(async () => {
    simulator = await createSimulator({ listenAddress: '127.0.0.1:0', delayScale: 0 });
    client = new Anthropic({
      baseURL: simulator.url,
      apiKey: 'test-key',
      maxRetries: 0,
      timeout: 5_000,
      logLevel: 'off',
    });
  });
  after(() => simulator.stop());
  beforeEach(() => simulator.reset());

  const streamed = (): Promise<Anthropic.Message> => client.messages.stream(REQUEST).finalMessage();

  for (const name of GOOD) {
    it(`${name}: the SDK folds the stream into the message that is answered without a stream`, async () => {
      simulator.use(name);
      const fromStream = await streamed();
      simulator.reset();
      simulator.use(name);
      const { usage: jsonUsage, ...whole } = await client.messages.create(REQUEST);
      const { usage, ...folded } = fromStream;
      // What only a message_delta can carry is not folded by the SDK.
      const { stop_details: _, ...comparable } = whole as Anthropic.Message & { stop_details?: unknown };
      expect(folded).to.deep.include(JSON.parse(JSON.stringify(comparable)));
      expect(usage.output_tokens).to.equal(jsonUsage.output_tokens);
      expect(usage.input_tokens).to.be.greaterThan(0);
    });
  }

  it('that fail are refused by the SDK, every one of them', async () => {
    const quiet = new Set(['silence', 'silence-before-headers', 'slow-first-byte']);
    const failing = [...SCENARIOS.keys()].filter(
      (name) => !GOOD.includes(name) && !quiet.has(name) && !OF_ONE_PROTOCOL.test(name),
    );
    expect(failing).to.include.members(BROKEN_STREAMS).and.to.have.length.greaterThan(20);
    for (const name of failing) {
      simulator.use(name);
      const error = await streamed().then(
        () => null,
        (thrown: unknown) => thrown,
      );
      expect(error, name).to.be.instanceOf(Error);
    }
  });

  it('of one call each give the stop reason that fits, unless they say another', async () => {
    const cases: Array<[Scene, string]> = [
      [{ content: [text('done')] }, 'end_turn'],
      [{ content: [text('calling'), toolUse('Bash', { command: 'ls' })] }, 'tool_use'],
      [{ content: [text('too long')], stopReason: 'max_tokens' }, 'max_tokens'],
      [{ content: [], stopReason: 'refusal' }, 'refusal'],
      [{ content: [text('x')], stopReason: 'stop_sequence', stopSequence: 'x' }, 'stop_sequence'],
    ];
    for (const [scene, expected] of cases) {
      simulator.use(scene);
      expect((await streamed()).stop_reason).to.equal(expected);
    }
  });

  it('keep blocks, signatures, tool ids and parallel calls in their order', async () => {
    const content = [
      thinking('hm', 'sig=='),
      { type: 'redacted_thinking', data: 'AAAA' },
      text('two calls'),
      toolUse('Read', { file_path: 'a' }, 'toolu_a'),
      toolUse('Read', { file_path: 'b', nested: { list: [1, 'ü', null] } }, 'toolu_b'),
    ];
    simulator.use({ content });
    expect(JSON.parse(JSON.stringify((await streamed()).content))).to.deep.equal(content);
  });

  it('send broken tool arguments where they are asked to', async () => {
    simulator.use({ content: [{ ...toolUse('Bash', { command: 'ls' }), rawInput: '{"command": "l' }] });
    const events: string[] = [];
    for await (const event of client.messages.stream(REQUEST)) events.push(JSON.stringify(event));
    const json = events.filter((event) => event.includes('input_json_delta')).map((event) => JSON.parse(event).delta);
    expect(json.map((delta) => delta.partial_json).join('')).to.equal('{"command": "l');
  });

  it('name the model asked for, else the one of the simulator, else the one of the scene', async () => {
    simulator.use({ content: [text('x')] });
    expect((await streamed()).model).to.equal('claude-opus-5-5');
    simulator.use({ content: [text('x')], model: 'other-model' });
    expect((await streamed()).model).to.equal('other-model');
    const named = await createSimulator({ listenAddress: '127.0.0.1:0', model: 'glm-5-fp8', defaultScene: 'text' });
    try {
      const other = new Anthropic({ baseURL: named.url, apiKey: 'test-key', maxRetries: 0 });
      expect((await other.messages.create(REQUEST)).model).to.equal('glm-5-fp8');
    } finally {
      await named.stop();
    }
  });

  it('report usage as they are told, and cache use as the request marks it', async () => {
    simulator.use({
      content: [text('x')],
      usage: { input_tokens: 12, cache_read_input_tokens: 900, output_tokens: 7 },
    });
    expect((await streamed()).usage).to.include({ input_tokens: 12, cache_read_input_tokens: 900, output_tokens: 7 });
    simulator.use('text');
    const marked = { type: 'text' as const, text: 'a '.repeat(400), cache_control: { type: 'ephemeral' as const } };
    const first = await client.messages.create({ ...REQUEST, system: [marked] });
    const turn = [...REQUEST.messages, { role: 'assistant' as const, content: 'ok' }, ...REQUEST.messages];
    const second = await client.messages.create({ ...REQUEST, system: [marked], messages: turn });
    expect(first.usage.cache_creation_input_tokens).to.be.greaterThan(0);
    expect(first.usage.cache_read_input_tokens).to.equal(0);
    expect(second.usage.cache_read_input_tokens).to.be.greaterThan(0);
    expect(second.usage.cache_creation_input_tokens).to.equal(0);
  });

  it('answer an unknown name with the list of those there are', () => {
    expect(() => simulator.use('no-such-scene'))
      .to.throw('no-such-scene')
      .and.to.match(/tool-bash/);
  });

  it('are not started with the name of none', async () => {
    const error = await createSimulator({ listenAddress: '127.0.0.1:0', defaultScene: 'nothing' }).catch((e) => e);
    expect(error).to.be.instanceOf(Error).with.property('message').that.includes('nothing');
  });
});
