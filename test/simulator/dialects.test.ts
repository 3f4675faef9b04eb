import { expect } from 'chai';
import { SCENARIOS } from '#services/simulator/scenarios/index.ts';
import { createSimulator, type SceneSource, type Simulator } from '#services/simulator/service.ts';

type Event = Record<string, unknown> & { type: string };

const REQUEST = { model: 'm', max_tokens: 100, stream: true, messages: [{ role: 'user', content: 'Read both files' }] };

describe('simulated dialects of the Messages API', () => {
  let simulator: Simulator;
  before(async () => {
    simulator = await createSimulator({ listenAddress: '127.0.0.1:0', defaultScene: 'text', delayScale: 0 });
  });
  after(() => simulator.stop());
  beforeEach(() => simulator.reset());

  async function wire(scene: SceneSource, more: Record<string, unknown> = {}): Promise<string> {
    simulator.use(scene);
    const body = JSON.stringify({ ...REQUEST, ...more });
    return (await fetch(`${simulator.url}/v1/messages`, { method: 'POST', body })).text();
  }
  const events = async (scene: SceneSource): Promise<Event[]> =>
    [...(await wire(scene)).matchAll(/^data: (\{.*\})$/gm)].map(([, data = '']) => JSON.parse(data) as Event);
  const of = (sent: Event[], type: string): Event[] => sent.filter((event) => event.type === type);

  it('start without type and role, twice, without usage, without input tokens', async () => {
    const start = async (name: string): Promise<Record<string, unknown>> =>
      of(await events(name), 'message_start')[0]?.message as Record<string, unknown>;
    expect(await start('dialect-start-bare')).to.not.have.any.keys('type', 'role');
    expect(of(await events('dialect-start-twice'), 'message_start')).to.have.length(2);
    expect(await start('dialect-start-no-usage')).to.not.have.property('usage');
    expect((await start('dialect-start-input-0')).usage).to.include({ input_tokens: 0 });
  });

  it('stop blocks late, start calls without input, lose deltas', async () => {
    const late = (await events('dialect-late-stops')).map((event) => event.type);
    expect(late.slice(-6)).to.deep.equal([...Array(4).fill('content_block_stop'), 'message_delta', 'message_stop']);
    const starts = of(await events('dialect-tool-start-no-input'), 'content_block_start');
    expect(starts.at(-1)?.content_block).to.include({ type: 'tool_use' }).and.to.not.have.property('input');
    const told = (sent: Event[]): number => of(sent, 'content_block_delta').length;
    expect(told(await events('dialect-loses-first-delta'))).to.be.lessThan(told(await events('dialect-no-pings')));
  });

  it('sign nothing, emptily, or at random', async () => {
    const signatures = async (name: string): Promise<unknown[]> =>
      of(await events(name), 'content_block_delta')
        .map((event) => event.delta as Record<string, unknown>)
        .filter((delta) => delta.type === 'signature_delta')
        .map((delta) => delta.signature);
    expect(await signatures('dialect-signature-missing')).to.deep.equal([]);
    expect(await signatures('dialect-signature-empty')).to.deep.equal(['']);
    expect((await signatures('dialect-signature-random'))[0]).to.match(/^\w{32}$/);
  });

  it('count otherwise', async () => {
    const usage = async (name: string): Promise<unknown> => of(await events(name), 'message_delta')[0]?.usage;
    expect(await usage('dialect-usage-output-only')).to.have.keys('output_tokens');
    expect(await usage('dialect-usage-with-cache')).to.include({ input_tokens: 1_000, cache_read_input_tokens: 900 });
    expect(await usage('dialect-usage-never')).to.equal(undefined);
    const whole = JSON.parse(await wire('dialect-usage-with-cache', { stream: false })) as { usage: object };
    expect(whole.usage).to.include({ input_tokens: 1_000 });
  });

  it('frame and end otherwise', async () => {
    expect(await wire('dialect-no-event-names')).to.match(/^data: /);
    expect((await events('dialect-no-pings')).some((event) => event.type === 'ping')).to.equal(false);
    expect((await wire('dialect-done-marker')).endsWith('data: [DONE]\n\n')).to.equal(true);
    const reason = async (name: string): Promise<unknown> => of(await events(name), 'message_delta')[0]?.delta;
    expect(await reason('dialect-stop-reason-missing')).to.include({ stop_reason: null });
    expect(await reason('dialect-stop-reason-unknown')).to.include({ stop_reason: 'stop' });
    expect((await events('dialect-error-then-nothing')).at(-1)).to.have.nested.property('error.type', 'internal_error');
  });

  it('refuse in their own shapes, and what Anthropic takes', async () => {
    expect(JSON.parse(await wire('dialect-400-vllm')).error).to.include({ type: 'BadRequestError' });
    expect(JSON.parse(await wire('dialect-400-openai'))).to.have.keys('error');
    expect(JSON.parse(await wire('dialect-400-detail'))).to.have.keys('detail');
    expect(JSON.parse(await wire('dialect-400-string')).error).to.be.a('string');
    expect(JSON.parse(await wire('dialect-500-sglang')).error).to.include({ type: 'internal_error' });
    const system = { messages: [...REQUEST.messages, { role: 'system', content: 'x' }] };
    expect(await wire('dialect-refuses-system-role', system)).to.include('messages.1.role');
    expect(await wire('dialect-refuses-system-role')).to.include('message_start');
    expect(await wire('dialect-refuses-adaptive', { thinking: { type: 'adaptive' } })).to.include('thinking.type');
    const sealed = [{ role: 'assistant', content: [{ type: 'redacted_thinking', data: 'x' }] }];
    expect(await wire('dialect-refuses-redacted', { messages: sealed })).to.include('redacted_thinking');
    expect(await wire('dialect-refuses-context-management', { context_management: {} })).to.include('not permitted');
  });

  it('are put together as servers have them', async () => {
    const servers = ['vllm', 'sglang', 'llamacpp', 'ollama', 'litellm'].map((name) => `dialect-${name}`);
    for (const name of servers) expect(await wire(name), name).to.include('message_stop');
    for (const name of [...SCENARIOS.keys()].filter((each) => each.startsWith('dialect-'))) {
      expect(await wire(name), name).to.not.equal('');
    }
  });
});
