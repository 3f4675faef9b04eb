import { expect } from 'chai';
import { createAdmission } from '#services/gateway/admission.ts';
import { LEFT_TO_THE_COLLECTOR } from '#services/gateway/call-memory.ts';
import { createCallReader, readCall } from '#services/gateway/call-reading.ts';
import { toGatewayConfig } from '#services/gateway/config.ts';
import { createGatewayEvents, type GatewayEventsParts } from '#services/gateway/events.ts';
import { createExchangePreparer } from '#services/gateway/exchange-preparer.ts';
import type { FinishedCall } from '#services/gateway/messages/finished-call.ts';
import { toView } from '#services/gateway/messages/parse.ts';
import { prepareExchange } from '#services/gateway/prepare-exchange.ts';
import { createPublisher } from '#services/gateway/publisher.ts';
import { createPairIdentifier } from '#services/gateway/routing/identify-pair.ts';
import { createSimulator, type Simulator } from '#services/simulator/service.ts';
import type { Bus, PublishResult } from '#shared/bus/bus.ts';
import { DEFAULT_BUS_LIMITS } from '#shared/bus/limits.ts';
import { createMemoryBus } from '#shared/bus/memory.ts';
import { createUnreadBus } from '#shared/bus/unread.ts';
import { systemClock } from '#shared/clock.ts';
import { decodeEntry, type ExchangeEntry } from '#shared/exchange/exchange.ts';
import { createMetrics } from '#shared/telemetry/metrics.ts';
import { noTracing, type SpanRecord } from '#shared/telemetry/tracing.ts';
import { ThreadLostError } from '#shared/threads/ask-thread.ts';
import { answerEvents, chunksOf, recordedAnswer, sseBytes } from '../support/answer-bytes.ts';
import {
  type LogLine,
  recordingLogger,
  seriesValue,
  startTestGateway,
  type TestGateway,
  testConfig,
  until,
} from '../support/gateway.ts';
import { holdTimers, passOnceWaiting } from '../support/held-timers.ts';
import { messagesRequest, send } from '../support/raw-client.ts';
import { saidAttributes } from '../support/said-attributes.ts';

/** A gateway that stops waits so long for what is queued. */
const FLUSH_MS = 5000;

describe('handing exchanges over', () => {
  let passthrough: Simulator;
  let spans: SpanRecord[];
  let results: PublishResult[];
  let hold: Promise<void>;
  let atTheBus: number;
  let gateway: TestGateway;

  before(async () => {
    passthrough = await createSimulator({ listenAddress: '127.0.0.1:0', defaultScene: 'text', delayScale: 0 });
  });
  after(() => passthrough.stop());
  beforeEach(async () => {
    spans = [];
    results = [];
    hold = Promise.resolve();
    atTheBus = 0;
    const memory = createMemoryBus({ clock: systemClock, limits: DEFAULT_BUS_LIMITS });
    const bus: Bus = Object.assign(Object.create(memory) as Bus, {
      publish: async (publication: Parameters<Bus['publish']>[0]) => {
        atTheBus++;
        await hold;
        return results.shift() ?? memory.publish(publication);
      },
      hasRoomFor: () => true,
      counters: (group: Parameters<Bus['counters']>[0]) => memory.counters(group),
      backlog: (group: Parameters<Bus['backlog']>[0]) => memory.backlog(group),
    });
    gateway = await startTestGateway({
      settings: { 'target.url': passthrough.url, 'passthrough.url': passthrough.url, default_mode: 'compare' },
      parts: { bus, tracing: { ...noTracing, enabled: true, emit: (emitted) => void spans.push(...emitted) } },
    });
  });
  afterEach(() => gateway.stop());

  const turn = (content: string) =>
    messagesRequest({ body: { tools: [{ name: 'T' }], messages: [{ role: 'user', content }] } });
  const roots = (): SpanRecord[] => spans.filter((span) => span.name === 'proxy_request');

  it('says on the span that the exchange was published, or why it was not', async () => {
    results = ['ok', 'redis_error', 'redis_unknown', 'dropped_size'];
    for (const content of ['a', 'b', 'c', 'd']) await send(gateway.url, turn(content));
    await until(() => roots().length === 4);
    const handedOver = roots().map((root) => root.events.filter(({ name }) => name.startsWith('exchange_')));
    expect(handedOver.map(([event]) => [event?.name, event?.attributes?.['error.type']])).to.deep.equal([
      ['exchange_published', undefined],
      ['exchange_dropped', 'bus_error'],
      ['exchange_dropped', 'bus_error'],
      ['exchange_dropped', 'too_large'],
    ]);
    expect(roots().map(saidAttributes)[0]).to.include({ 'ccproxy.compare.sampled': true });
    expect(await gateway.metric('ccproxy_compare_enqueue_total', { result: 'redis_unknown' })).to.equal(1);
  });

  it('takes the repetition of a turn that could not be handed over for the first', async () => {
    results = ['redis_error'];
    for (let attempt = 0; attempt < 3; attempt++) await send(gateway.url, turn('same'));
    await until(() => roots().length === 3);
    expect(await gateway.metric('ccproxy_compare_enqueue_total', { result: 'ok' })).to.equal(1);
    expect(await gateway.metric('ccproxy_compare_skipped_total', { reason: 'retry' })).to.equal(1);
  });

  it('drops what comes while the queue is full, and counts each', async () => {
    let release = (): void => {};
    hold = new Promise((resolve) => {
      release = resolve;
    });
    await Promise.all(Array.from({ length: 262 }, (_, index) => send(gateway.url, turn(`turn ${index}`))));
    const dropped = () => gateway.metric('ccproxy_compare_enqueue_total', { result: 'dropped_full' });
    await until(async () => (await dropped()) === 6);
    release();
    await until(async () => (await gateway.metric('ccproxy_compare_enqueue_total', { result: 'ok' })) === 256);
    expect(await dropped()).to.equal(6);
  }).timeout(60_000);

  it('counts what a shutdown left in the queue, and what was under way', async () => {
    hold = new Promise(() => {});
    await Promise.all(Array.from({ length: 34 }, (_, index) => send(gateway.url, turn(`turn ${index}`))));
    await until(() => atTheBus === 32);
    await passOnceWaiting(FLUSH_MS, () => gateway.stop());
    expect(await gateway.metric('ccproxy_compare_skipped_total', { reason: 'shutdown' })).to.equal(2);
    expect(await gateway.metric('ccproxy_compare_enqueue_total', { result: 'redis_unknown' })).to.equal(32);
  });
});

describe('saying that exchanges were lost', () => {
  it('writes one line at once, and one for all that were lost for the same reason since, with their number', async () => {
    const lines: LogLine[] = [];
    const metrics = createMetrics({ processMetrics: false });
    const bus = createMemoryBus({ clock: systemClock, limits: DEFAULT_BUS_LIMITS });
    const events = createGatewayEvents({ log: recordingLogger(lines), metrics } as unknown as GatewayEventsParts);
    const publisher = createPublisher({
      ...{ bus, events, read: createCallReader(), preparer: createExchangePreparer() },
      config: toGatewayConfig(testConfig({ 'target.url': 'http://127.0.0.1:9' }), null),
      admission: { newSessionRate: 1, isFull: false, isAdmitted: () => true, admit: () => {} },
    });
    const calls = Array.from({ length: 300 }, (_, index) => comparedCall(`turn ${index}`));
    for (const call of calls) publisher.offer(call);
    const dropped = () => lines.filter(({ event }) => event === 'exchange.dropped').map(({ fields }) => fields);
    expect(dropped()).to.deep.equal([
      { request_id: 'turn 256', trace_id: 'a'.repeat(32), result: 'dropped_full', count: 1 },
    ]);
    await publisher.drain(10_000);
    expect(dropped().slice(1)).to.deep.equal([
      { request_id: 'turn 299', trace_id: 'a'.repeat(32), result: 'dropped_full', count: 43 },
    ]);
    expect(await seriesValue(metrics, 'ccproxy_compare_enqueue_total', { result: 'dropped_full' })).to.equal(44);
  });
});

describe('handing exchanges over without the thread that prepares them', () => {
  it('counts what a lost thread owed, and publishes on', async () => {
    const metrics = createMetrics({ processMetrics: false });
    const losses = [new ThreadLostError('it ended')];
    const memory = createMemoryBus({ clock: systemClock, limits: DEFAULT_BUS_LIMITS });
    const bus = Object.assign(memory, { hasRoomFor: () => false });
    const admission = createAdmission(bus, 1000, () => {});
    const publisher = createPublisher({
      config: toGatewayConfig(testConfig({ 'target.url': 'http://127.0.0.1:9' }), null),
      bus,
      admission,
      events: createGatewayEvents({ log: recordingLogger([]), metrics } as unknown as GatewayEventsParts),
      preparer: {
        prepare: async (question) => {
          const loss = losses.shift();
          if (loss) throw loss;
          return prepareExchange(question, createPairIdentifier());
        },
        close: async () => {},
      },
      read: createCallReader(),
    });
    const calls = ['a', 'b'].map(comparedCall);
    for (const call of calls) publisher.offer(call);
    const handovers = await Promise.all(calls.map((call) => publisher.outcome(call)));
    await publisher.drain(0);
    admission.stop();
    expect(handovers[0]).to.deep.equal({ kind: 'dropped', errorType: 'internal' });
    expect(handovers[1]).to.include({ kind: 'published', pairs: 1 });
    expect(handovers[1]?.session?.sessionSource).to.equal('fallback');
    expect(await seriesValue(metrics, 'ccproxy_compare_enqueue_total', { result: 'failed' })).to.equal(1);
    expect(await seriesValue(metrics, 'ccproxy_compare_enqueue_total', { result: 'ok' })).to.equal(1);
    expect(await seriesValue(metrics, 'ccproxy_history_records_total', { result: 'failed' })).to.equal(1);
    expect(await bus.counters('compare')).to.include({ published: 1 });
  });
});

describe('handing large exchanges over', () => {
  /** `onBegin` is told of each that is begun, by its first step. */
  function open(
    onBegin: (step: 'described in the thread' | 'read', id: string) => void,
    settings: Record<string, unknown>,
  ) {
    const bus = createMemoryBus({ clock: systemClock, limits: DEFAULT_BUS_LIMITS });
    const admission = createAdmission(bus, 1000, () => {});
    let described = 0;
    const publisher = createPublisher({
      ...{ bus, admission },
      read: (finished) => {
        onBegin('read', finished.id);
        return readCall(finished);
      },
      config: toGatewayConfig(testConfig({ 'target.url': 'http://127.0.0.1:9', ...settings }), null),
      events: createGatewayEvents({
        log: recordingLogger([]),
        metrics: createMetrics({ processMetrics: false }),
      } as unknown as GatewayEventsParts),
      preparer: {
        prepare: async (question) => {
          if (question.describe) onBegin('described in the thread', String(described++));
          return prepareExchange(question, createPairIdentifier());
        },
        close: async () => {},
      },
    });
    return {
      offer: publisher.offer,
      drain: async () => {
        await publisher.drain(10_000);
        admission.stop();
      },
    };
  }

  /** How many were begun in each turn of the event loop, in order. */
  async function begunATurn(
    calls: Array<FinishedCall>,
    settings: Record<string, unknown> = {},
    firstStep: 'described in the thread' | 'read' = 'described in the thread',
  ): Promise<number[]> {
    const turns = new Map<string, number>();
    let turn = 0;
    let ticking = setImmediate(function tick() {
      turn += 1;
      ticking = setImmediate(tick);
    });
    const publisher = open((step, id) => {
      if (step === firstStep) turns.set(id, turn);
    }, settings);
    for (const call of calls) publisher.offer(call);
    await publisher.drain();
    clearImmediate(ticking);
    expect(turns.size).to.equal(calls.length);
    return [...Map.groupBy(turns.values(), (begun) => begun).values()].map(({ length }) => length);
  }
  const longCalls = (count: number) =>
    Array.from({ length: count }, (_, index) => comparedCall(`${index} ${'long '.repeat(40_000)}`));

  it('begins when others had some time to come, or as many came as may be under way, or one is large', async () => {
    const timers = holdTimers(50);
    const turns = async (count: number): Promise<void> => {
      for (let passed = 0; passed < count; passed++) await new Promise(setImmediate);
    };
    try {
      let begun = 0;
      const publisher = open(() => begun++, { 'capture.level': 'metadata' });
      const calls = Array.from({ length: 33 }, (_, index) => comparedCall(`${index}`));
      for (const call of calls.slice(0, 31)) publisher.offer(call);
      await turns(32);
      expect(begun).to.equal(0);
      publisher.offer(calls[31] as FinishedCall);
      await turns(32);
      expect(begun).to.equal(32);
      publisher.offer(calls[32] as FinishedCall);
      await turns(32);
      expect(begun).to.equal(32);
      timers.pass(50);
      await turns(1);
      expect(begun).to.equal(33);
      publisher.offer(comparedCall('long '.repeat(900_000)));
      await turns(32);
      expect(begun).to.be.above(33);
      await publisher.drain();
    } finally {
      timers.release();
    }
  });

  it('begins few of them in a turn of the event loop', async () => {
    expect(await begunATurn(longCalls(12))).to.deep.equal([3, 3, 3, 3]);
  });

  it('begins more of them in a turn while many wait', async () => {
    const [first, ...others] = await begunATurn(longCalls(70));
    expect(first).to.equal(8);
    expect(others.at(-1)).to.be.below(4);
  });

  it('begins more of those of which only figures are published, by the length of their answers', async () => {
    const targetCalls = (responseBytes: number) =>
      Array.from({ length: 12 }, (_, index) => {
        const call = comparedCall(`${index}`);
        return { ...call, responseBytes, plan: call.plan && { ...call.plan, mode: 'target' as const, shadow: [] } };
      });
    const metadata = { 'capture.level': 'metadata' };
    expect(await begunATurn(targetCalls(30_000), metadata, 'read')).to.deep.equal([9, 3]);
    expect(await begunATurn(targetCalls(250_000), metadata, 'read')).to.deep.equal([2, 2, 2, 2, 2, 2]);
  });

  it('begins no more of them because only figures are published where the thread tells their session', async () => {
    const calls = longCalls(12).map((call) => ({
      ...call,
      plan: call.plan && { ...call.plan, mode: 'target' as const },
    }));
    expect(await begunATurn(calls, { 'capture.level': 'metadata' })).to.deep.equal([3, 3, 3, 3]);
  });
});

describe('handing exchanges over where the history may not see texts', () => {
  async function published(
    mode: 'target' | 'compare',
    settings: Record<string, unknown> = {},
    clientHeaders: Record<string, string> = {},
    content = 'hello',
    hasRoom = true,
    tools = 1,
  ) {
    const taken: Array<{ summary: unknown; skip: unknown; bytes: number; pairs: number; entry: ExchangeEntry }> = [];
    const bus: Bus = {
      ...createUnreadBus(),
      hasRoomFor: () => hasRoom,
      publish: async ({ fields, body, pairs }) => {
        const entry = decodeEntry(fields);
        taken.push({ summary: entry.summary, skip: entry.skip, bytes: body?.length ?? 0, pairs, entry });
        return 'ok';
      },
    };
    Reflect.deleteProperty(bus, 'readers');
    const metrics = createMetrics({ processMetrics: false });
    const admission = createAdmission(bus, 1000, () => {});
    const publisher = createPublisher({
      config: toGatewayConfig(
        testConfig({ 'target.url': 'http://127.0.0.1:9', 'capture.level': 'metadata', ...settings }),
        null,
      ),
      ...{ bus, admission, read: createCallReader(), preparer: createExchangePreparer() },
      events: createGatewayEvents({ log: recordingLogger([]), metrics } as unknown as GatewayEventsParts),
    });
    const call = { ...comparedCall(content, tools), clientHeaders };
    publisher.offer(mode === 'compare' ? call : { ...call, plan: call.plan && { ...call.plan, mode, shadow: [] } });
    await publisher.drain(10_000);
    admission.stop();
    return taken;
  }
  const summary = {
    outcome: 'ok',
    model: 'claude-test-1',
    complete: true,
    stopReason: 'end_turn',
    errorType: null,
    usage: { input_tokens: 10, output_tokens: 20, cache_read_input_tokens: 5 },
  };

  it('sends figures and no body', async () => {
    const [only, ...others] = await published('target');
    expect(only).to.deep.include({ skip: 'mode_off', bytes: 0, pairs: 0 });
    expect(only?.summary).to.deep.include(summary);
    expect(others).to.deep.equal([]);
  });

  it('tells a long turn whose session has no name in the thread, and to the same end', async () => {
    const named = await published('compare', {}, { 'x-claude-code-session-id': 'named' });
    const [unnamed] = await published('compare', {}, {}, 'long '.repeat(20_000));
    const [short] = await published('compare', {}, {}, 'short');
    expect(named[0]?.entry).to.include({ sessionId: 'named', sessionSource: 'header' });
    for (const told of [unnamed, short]) {
      expect(told?.entry.sessionSource).to.equal('fallback');
      expect(told?.entry.turnKey).to.match(/^[0-9a-f]{64}$/);
      expect(told?.entry.lineageId).to.match(/^[0-9a-f]{64}\/[0-9a-f]{32}$/);
    }
  });

  it('sends a body as it is while the bus has room for it, else compressed, and knows the turn again either way', async () => {
    const content = 'long '.repeat(20_000);
    const [plain] = await published('compare', {}, {}, content);
    const [packed] = await published('compare', {}, {}, content, false);
    expect([plain?.bytes, packed?.bytes].map((bytes = 0) => bytes > content.length)).to.deep.equal([true, false]);
    expect(packed?.entry.turnKey)
      .to.match(/^[0-9a-f]{64}$/)
      .and.to.equal(plain?.entry.turnKey);
    expect(packed?.entry.lineageId).to.equal(plain?.entry.lineageId);
    const [large] = await published('compare', {}, {}, 'long '.repeat(200_000));
    expect(large?.bytes).to.be.below(100_000);
  });

  it('looks through countless tools in the thread, and knows their turn again all the same', async () => {
    const [few] = await published('compare', {}, {}, 'hello', true, 1000);
    const [many] = await published('compare', {}, {}, 'hello', true, 1001);
    expect(few?.bytes).to.be.above(10_000);
    expect(many?.bytes).to.be.below(2000);
    for (const told of [few, many]) expect(told?.entry.turnKey).to.match(/^[0-9a-f]{64}$/);
  });

  it('sends a body with them only to who compares', async () => {
    const [compared] = await published('compare');
    expect(compared).to.deep.include({ skip: null, pairs: 1 });
    expect(compared?.bytes).to.be.above(0);
    expect(compared?.summary).to.deep.include(summary);
    const [left] = await published('compare', { 'compare.sample.main': 0 });
    expect(left).to.deep.include({ skip: 'class_excluded', bytes: 0, pairs: 0 });
  });
});

function comparedCall(content: string, toolCount = 1): FinishedCall {
  const tools = new Array(toolCount).fill({ name: 'T' });
  const { bytes: request, spans: requestSpans } = toView(
    Buffer.from(JSON.stringify({ model: 'm', max_tokens: 99, tools, messages: [{ role: 'user', content }] })),
  );
  const target = { name: 'target', provider: 'p' };
  return {
    id: content,
    startedAtMs: 0,
    mode: 'compare',
    trace: { traceId: 'a'.repeat(32), spanId: 'b'.repeat(16), sampled: true, tracestate: '' },
    plan: { mode: 'compare', primary: target, model: null, shadow: [target], reason: 'test' },
    modelAsked: 'm',
    outcome: 'ok',
    httpStatus: 200,
    clientHeaders: {},
    ...{ request, requestSpans },
    answer: recordedAnswer(chunksOf(sseBytes(answerEvents({ text: 'hello' })), 100)),
    responseBytes: 100,
    memory: LEFT_TO_THE_COLLECTOR,
    times: { firstByteMs: 1, endMs: 2 },
  } as unknown as FinishedCall;
}
