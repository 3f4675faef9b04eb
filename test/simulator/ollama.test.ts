import { expect } from 'chai';
import { SCENARIOS } from '#services/simulator/scenarios/index.ts';
import { text, thinking, toolUse } from '#services/simulator/script.ts';
import { createSimulator, type SceneSource, type Simulator } from '#services/simulator/service.ts';
import { callOnWire } from './raw-client.ts';

type Line = Record<string, unknown> & {
  message: {
    content: string;
    thinking?: string;
    tool_calls?: Array<{ id?: string; function: Record<string, unknown> }>;
  };
  done: boolean;
};

const TOOLS = [{ type: 'function', function: { name: 'Read', parameters: { type: 'object', properties: {} } } }];
const REQUEST = { model: 'qwen3', messages: [{ role: 'user', content: 'Read both files' }], tools: TOOLS };

describe('simulated Ollama', () => {
  let simulator: Simulator;
  before(async () => {
    simulator = await createSimulator({ listenAddress: '127.0.0.1:0', defaultScene: 'text', delayScale: 0 });
  });
  after(() => simulator.stop());
  beforeEach(() => simulator.reset());

  const post = (path: string, body: unknown): Promise<Response> =>
    fetch(simulator.url + path, { method: 'POST', body: JSON.stringify(body) });
  async function wire(scene: SceneSource, more: Record<string, unknown> = {}): Promise<string> {
    simulator.use(scene);
    return (await post('/api/chat', { ...REQUEST, ...more })).text();
  }
  const lines = async (scene: SceneSource, more?: Record<string, unknown>): Promise<Line[]> =>
    (await wire(scene, more))
      .trim()
      .split('\n')
      .map((line) => JSON.parse(line) as Line);
  const callsIn = (sent: Line[]): Array<{ id?: string; function: Record<string, unknown> }> =>
    sent.flatMap((line) => line.message.tool_calls ?? []);

  it('streams lines unless told not to, and tells the same without a stream', async () => {
    const content = [
      thinking('hm'),
      text('Grüße 👩‍👩‍👧'),
      toolUse('Read', { path: 'a' }),
      toolUse('Read', { path: 'ü' }),
    ];
    const sent = await lines({ content });
    simulator.reset();
    const [whole] = await lines({ content }, { stream: false });
    expect(sent.map((line) => line.message.content).join(''))
      .to.equal('Grüße 👩‍👩‍👧')
      .and.to.equal(whole?.message.content);
    expect(whole?.message.thinking).to.equal('hm');
    expect(callsIn(sent)).to.deep.equal(whole?.message.tool_calls).and.to.have.length(2);
    expect(callsIn(sent)[1]?.function).to.deep.equal({ index: 1, name: 'Read', arguments: { path: 'ü' } });
    expect(sent.slice(0, -1).every((line) => !line.done)).to.equal(true);
  });

  it('ends with a reason, counts and durations', async () => {
    const response = await post('/api/chat', REQUEST);
    expect(response.headers.get('content-type')).to.equal('application/x-ndjson');
    const last = JSON.parse((await response.text()).trim().split('\n').at(-1) ?? '') as Line;
    expect(last).to.include({ done: true, done_reason: 'stop' });
    const counts = [
      'total_duration',
      'load_duration',
      'prompt_eval_count',
      'prompt_eval_duration',
      'eval_count',
      'eval_duration',
    ];
    for (const name of counts) expect(last[name], name).to.be.a('number').that.is.greaterThan(0);
    expect(last.message).to.deep.equal({ role: 'assistant', content: '' });
  });

  it('does not think when told so, and takes images', async () => {
    expect(await wire('thinking')).to.include('"thinking"');
    expect(await wire('thinking', { think: false })).to.not.include('"thinking"');
    const messages = [{ role: 'user', content: 'What is this?', images: ['iVBORw0KGgo='] }];
    expect(await wire('text', { messages, stream: false })).to.include('Hello!');
  });

  it('refuses what it cannot decode, in its own words', async () => {
    expect(
      JSON.parse(await wire('text', { messages: [{ role: 'user', content: [{ type: 'text', text: 'x' }] }] })).error,
    ).to.match(/^json: cannot unmarshal array/);
    const call = { function: { name: 'Read', arguments: '{}' } };
    const messages = [{ role: 'assistant', content: '', tool_calls: [call] }];
    expect(JSON.parse(await wire('text', { messages })).error).to.match(/cannot unmarshal string/);
    expect(JSON.parse(await wire('error-404')).error).to.equal("model 'no-such-model' not found");
    expect(JSON.parse(await wire('context-overflow')).error).to.include('context length');
    expect(JSON.parse(await wire('ollama-no-tools')).error).to.include('does not support tools');
  });

  it('tells its version, its models and what they can', async () => {
    const get = async (path: string): Promise<Record<string, unknown>> =>
      (await (await fetch(simulator.url + path)).json()) as Record<string, unknown>;
    expect((await get('/api/version')).version).to.match(/^\d+\.\d+\.\d+$/);
    expect((await get('/api/tags')).models)
      .to.be.an('array')
      .with.length.greaterThan(0);
    const shown = (await (await post('/api/show', { model: 'qwen3' })).json()) as Record<string, unknown>;
    expect(shown.capabilities).to.include.members(['tools', 'thinking', 'vision']);
  });

  it('shows its quirks on the wire', async () => {
    expect(callsIn(await lines('tool-read-parallel'))[0]?.id).to.match(/^call_\w{8}$/);
    expect(callsIn(await lines('ollama-no-call-ids')).map((call) => call.id)).to.deep.equal([undefined, undefined]);
    const together = (await lines('ollama-calls-together')).filter((line) => line.message.tool_calls);
    expect(together).to.have.length(1);
    expect(await wire('ollama-think-tags')).to.include('<think>');
    const last = async (name: string, more?: Record<string, unknown>): Promise<Line | undefined> =>
      (await lines(name, more)).at(-1);
    const messages = [{ role: 'user', content: 'x'.repeat(40_000) }];
    expect(await last('ollama-truncated', { messages })).to.include({ prompt_eval_count: 4_095 });
    const options = { num_ctx: 8_192 };
    expect(await last('ollama-truncated', { messages, options })).to.include({ prompt_eval_count: 8_191 });
    expect(await last('ollama-done-with-last')).to.have.nested.property('message.tool_calls');
    expect(await last('ollama-no-done-reason')).to.not.have.property('done_reason');
    expect(await last('ollama-done-load')).to.include({ done_reason: 'load', done: true });
    expect(await last('ollama-no-done')).to.include({ done: false });
    expect(await last('ollama-no-counts')).to.not.have.property('eval_count');
    expect(await last('ollama-length')).to.include({ done_reason: 'length' });
    expect((await wire('ollama-no-final-newline')).endsWith('}')).to.equal(true);
    expect((await wire('text')).endsWith('}\n')).to.equal(true);
    expect(await last('ollama-error')).to.have.keys('error');
    expect(await lines('ollama-error-first')).to.have.length(1);
    expect(await lines('ollama-json-anyway')).to.have.length(1);
    expect(await lines('ollama-stream-anyway', { stream: false })).to.have.length.greaterThan(3);
  });

  it('answers in every scene of its own', async () => {
    const names = [...SCENARIOS.keys()].filter((name) => name.startsWith('ollama-'));
    expect(names).to.have.length.greaterThan(12);
    for (const name of names) {
      for (const stream of [true, false]) expect(await wire(name, { stream }), name).to.not.equal('');
    }
  });

  it('is the same bytes for the same seed, however it is split, and is cut like any other', async () => {
    const run = async (more: Record<string, unknown>): Promise<Buffer> => {
      simulator.reset();
      simulator.use({ content: [thinking('hm'), text('Grüße 👩‍👩‍👧'), toolUse('Read', { p: 'ü' })], ...more });
      return (await callOnWire(simulator.url, { path: '/api/chat', body: JSON.stringify(REQUEST) }).answer()).body;
    };
    const whole = await run({ split: 'whole' });
    for (const split of ['event', { bytes: 1 }, { bytes: 7 }, { seed: 3 }]) {
      expect((await run({ split })).equals(whole)).to.equal(true);
    }
    const cut = await run({ fault: { kind: 'cut-inside', after: 1, bytes: 9 } });
    expect(cut.equals(whole.subarray(0, whole.indexOf('\n') + 1 + 9))).to.equal(true);
  });
});
