import { expect } from 'chai';
import { type CallSecondaryParts, callSecondary } from '#services/comparator/comparison/call-secondary.ts';
import { Stopping } from '#services/comparator/stopping.ts';
import { createSimulator, type Scene, type Simulator } from '#services/simulator/service.ts';
import { systemClock } from '#shared/clock.ts';
import { observe } from '#shared/exchange/read-exchange.ts';
import type { Target } from '#shared/providers/target.ts';
import { createAgent } from '#shared/upstream/agent.ts';
import { callUpstream } from '#shared/upstream/call-upstream.ts';
import { createTraitMemory } from '#shared/upstream/learned-traits.ts';
import { makeEntry, TEST_REQUEST, testTarget } from '../../support/comparator.ts';
import { pipelineOf } from '../../support/pipelines.ts';

const SCENE: Scene = { content: [{ type: 'text', text: 'a rather long answer in several deltas' }] };

describe('call-secondary', () => {
  let simulator: Simulator;
  const agent = createAgent(500);

  before(async () => {
    simulator = await createSimulator({ listenAddress: '127.0.0.1:0' });
  });
  after(async () => {
    await simulator.stop();
    await agent.destroy();
  });
  beforeEach(() => simulator.reset());

  const entry = makeEntry({
    shadow: ['glm-5'],
    entry: { clientHeaders: { authorization: 'Bearer client-secret', 'x-api-key': 'client-secret', cookie: 'c=1' } },
  });
  const call = (overrides: Partial<CallSecondaryParts> = {}, target: Partial<Target> = {}) =>
    callSecondary(
      { target: testTarget('glm-5', simulator.url, target), entry, body: Buffer.from(JSON.stringify(TEST_REQUEST)) },
      {
        callTarget: (request, _target, options) => callUpstream(request, { ...options, dispatcher: agent }),
        clock: systemClock,
        firstByteTimeoutMs: 10_000,
        timeoutMs: 20_000,
        answerMaxBytes: 1_000_000,
        signal: new AbortController().signal,
        learned: createTraitMemory({ nowMs: systemClock.nowMs }),
        onLearned: () => {},
        ...overrides,
      },
    );

  it('records status, bytes and rising arrival times of a whole answer', async () => {
    simulator.use({ ...SCENE, split: 'event', delays: { betweenMs: 2 } });
    const answer = await call();
    expect(answer).to.include({ status: 200, end: 'complete' });
    const times = answer.chunks.map((chunk) => chunk.atMs);
    expect(times.length).to.be.greaterThan(3);
    expect(times).to.deep.equal(times.toSorted((a, b) => a - b));
    expect(answer.headersAtMs).to.be.at.most(times[0] ?? 0);
    expect(answer.endAtMs).to.be.at.least(times.at(-1) ?? 0);
    expect(await observe(answer)).to.include({ outcome: 'ok', streamed: true });
  });

  it('asks through the pipeline of its target and with its headers, as the gateway does', async () => {
    simulator.use({ content: [{ type: 'text', text: '<think>Hm.</think>Yes.' }] });
    const pipeline = pipelineOf([{ use: 'body-set', path: '$.odd', value: 1 }], ['think-tags']);
    const headers = ['x-team', 'agents'];
    for (const target of [{ type: 'openai-chat' }, { type: 'anthropic' }]) {
      const answer = await call({}, { ...target, pipeline, headers });
      const seen = simulator.seen().at(-1);
      expect(seen?.headers).to.include({ 'x-team': 'agents', 'x-ccproxy-shadow': '1' });
      if (target.type === 'anthropic') expect(seen?.body).to.include({ odd: 1, stream: true });
      const { message } = await observe(answer);
      const said = message?.content.map(({ type, text }) => [type, text]);
      expect(said?.at(-1), target.type).to.deep.equal(['text', 'Yes.']);
    }
  });

  it('sends the headers of a native target in place of those of the same name', async () => {
    simulator.use(SCENE);
    await call({}, { headers: ['anthropic-beta', 'own', 'x-team', 'agents'] });
    expect(simulator.seen().at(-1)?.headers).to.include({ 'anthropic-beta': 'own', 'x-team': 'agents' });
  });

  it('never sends a credential of the client (P2), also where the target takes the caller’s own', async () => {
    simulator.use(SCENE);
    await call({}, { credential: { kind: 'client' } });
    await call({}, { credential: { kind: 'none' } });
    for (const seen of simulator.seen()) {
      expect(seen.headers).to.not.have.any.keys('authorization', 'x-api-key', 'cookie');
      expect(JSON.stringify(seen.rawHeaders)).to.not.include('client-secret');
    }
    expect(simulator.seen()).to.have.length(2);
  });

  it('keeps no cookie of the answer', async () => {
    simulator.use({ ...SCENE, headers: { 'set-cookie': 'session=secret', 'x-kept': 'yes' } });
    const { rawHeaders } = await call();
    const names = rawHeaders.filter((_, index) => index % 2 === 0).map((name) => name.toLowerCase());
    expect(names).to.include('x-kept').and.not.include('set-cookie');
  });

  it('records each way to fail as an answer', async () => {
    const end = async (scene: Scene, overrides: Partial<CallSecondaryParts> = {}) => {
      simulator.use(scene);
      return (await call(overrides)).end;
    };
    expect(await end({ fault: { kind: 'silence-before-headers' } }, { timeoutMs: 100 })).to.equal('timeout_total');
    expect(await end({ ...SCENE, fault: { kind: 'silence', after: 2 } }, { timeoutMs: 100 })).to.equal('timeout_total');
    expect(await end({ ...SCENE, fault: { kind: 'cut', after: 2, manner: 'reset' } })).to.equal('reset');
    expect((await call({}, { baseUrl: 'http://127.0.0.1:9' })).end).to.equal('connect_error');
  });

  it('breaks off an answer that is too long to keep, and never takes it for whole', async () => {
    simulator.use({ content: [{ type: 'text', text: 'x'.repeat(200_000) }] });
    const answer = await call({ answerMaxBytes: 20_000 });
    expect(answer.end).to.equal('reset');
    expect(answer.chunks.reduce((sum, chunk) => sum + chunk.bytes.length, 0)).to.be.at.most(20_000);
    expect((await observe(answer)).outcome).to.equal('stream_broken');
    await simulator.until((seen) => seen.some(({ hungUp }) => hungUp));
  });

  it('rejects at a stop, before and during the answer, and closes the connection', async () => {
    for (const fault of [{ kind: 'silence-before-headers' }, { kind: 'silence', after: 2 }] as const) {
      simulator.reset();
      simulator.use({ ...SCENE, fault });
      const stop = new AbortController();
      const answer = call({ signal: stop.signal }).catch((error: unknown) => error);
      await simulator.until((seen) => seen.length === 1);
      stop.abort();
      expect(await answer).to.be.instanceOf(Stopping);
      await simulator.until((seen) => seen[0]?.hungUp === true);
    }
  });

  it('conv M-02 asks once more without what the target refused, and later at once', async () => {
    simulator.use('chat-refuses-max-tokens');
    const learned = createTraitMemory({ nowMs: systemClock.nowMs });
    const taught: string[] = [];
    const onLearned = ({ name }: Target): unknown => taught.push(name);
    const target = { type: 'openai-chat', baseUrl: `${simulator.url}/v1` };
    for (let turn = 0; turn < 2; turn++) {
      expect(await observe(await call({ learned, onLearned }, target))).to.include({ outcome: 'ok' });
    }
    expect(taught).to.deep.equal(['glm-5']);
    const seen = simulator.seen();
    expect(seen.map(({ body }) => 'max_tokens' in Object(body))).to.deep.equal([true, false, false]);
    expect(seen.map(({ headers }) => headers['x-ccproxy-shadow'])).to.deep.equal(['1', '1', '1']);
  });
});
