import { expect } from 'chai';
import { createSimulator, type Simulator } from '#services/simulator/service.ts';
import type { Bus, PublishResult } from '#shared/bus/bus.ts';
import { DEFAULT_BUS_LIMITS } from '#shared/bus/limits.ts';
import { createMemoryBus } from '#shared/bus/memory.ts';
import { systemClock } from '#shared/clock.ts';
import { noTracing, type SpanRecord } from '#shared/telemetry/tracing.ts';
import { startTestGateway, type TestGateway, until } from '../support/gateway.ts';
import { messagesRequest, send } from '../support/raw-client.ts';

describe('handing exchanges over', () => {
  let passthrough: Simulator;
  let spans: SpanRecord[];
  let results: PublishResult[];
  let hold: Promise<void>;
  let gateway: TestGateway;

  before(async () => {
    passthrough = await createSimulator({ listenAddress: '127.0.0.1:0', defaultScene: 'text', delayScale: 0 });
  });
  after(() => passthrough.stop());
  beforeEach(async () => {
    spans = [];
    results = [];
    hold = Promise.resolve();
    const memory = createMemoryBus({ clock: systemClock, limits: DEFAULT_BUS_LIMITS });
    const bus: Bus = Object.assign(Object.create(memory) as Bus, {
      markTurn: (key: string) => memory.markTurn(key),
      forgetTurn: (key: string) => memory.forgetTurn(key),
      publish: async (publication: Parameters<Bus['publish']>[0]) => {
        await hold;
        return results.shift() ?? memory.publish(publication);
      },
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
    expect(roots()[0]?.attributes).to.include({ 'ccproxy.compare.sampled': true });
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
    await Promise.all(Array.from({ length: 70 }, (_, index) => send(gateway.url, turn(`turn ${index}`))));
    const dropped = () => gateway.metric('ccproxy_compare_enqueue_total', { result: 'dropped_full' });
    await until(async () => (await dropped()) === 5);
    release();
    await until(async () => (await gateway.metric('ccproxy_compare_enqueue_total', { result: 'ok' })) === 65);
    expect(await dropped()).to.equal(5);
  });

  it('counts what a shutdown left in the queue', async () => {
    hold = new Promise(() => {});
    for (const content of ['a', 'b', 'c']) await send(gateway.url, turn(content));
    await gateway.stop();
    // The one that was being published has an unknown fate; the two behind it were never begun.
    expect(await gateway.metric('ccproxy_compare_skipped_total', { reason: 'shutdown' })).to.equal(2);
  }).timeout(20_000);
});
