import { expect } from 'chai';
import { type ComparatorParts, toComparatorConfig } from '#services/comparator/service.ts';
import { createSimulator, type Scene, type Simulator } from '#services/simulator/service.ts';
import type { Clock } from '#shared/clock.ts';
import { loadConfig } from '#shared/config/load.ts';
import { pairId, pairSpanId, parseTraceparent } from '#shared/ids.ts';
import type { PairRow } from '#shared/store/store.ts';
import { createMetrics, type Metrics } from '#shared/telemetry/metrics.ts';
import { createAgent } from '#shared/upstream/agent.ts';
import { callUpstream } from '#shared/upstream/call-upstream.ts';
import { recordedAnswer } from '../support/answer-bytes.ts';
import {
  type ComparatorWorld,
  comparatorWorld,
  makeEntry,
  publish,
  testTarget,
  until,
  untilSettled,
} from '../support/comparator.ts';
import { type HeldTimers, holdTimers } from '../support/held-timers.ts';
import { send } from '../support/raw-client.ts';
import { armSummary, pairRow } from '../support/store-rows.ts';

const SAME: Scene = { content: [{ type: 'tool_use', name: 'Read', input: { file_path: 'a.ts' } }] };
const READ = { tools: [{ name: 'Read', input: { file_path: 'a.ts' } }] };

/** Before a comparator looks again at a store that is down. */
const RETRY_MS = 1000;

describe('comparator', () => {
  let simulator: Simulator;
  let world: ComparatorWorld;
  let timers: HeldTimers | undefined;

  before(async () => {
    simulator = await createSimulator({ listenAddress: '127.0.0.1:0', delayScale: 0 });
  });
  after(() => simulator.stop());
  beforeEach(async () => {
    simulator.reset();
    world = await comparatorWorld([testTarget('glm-5', simulator.url), testTarget('other', `${simulator.url}/`)]);
  });
  afterEach(async () => {
    timers?.release();
    timers = undefined;
    await world.end();
  });

  async function compared(spec: Parameters<typeof publish>[1]): Promise<PairRow> {
    const { entry } = await publish(world.bus, spec);
    await untilSettled(world.bus);
    const row = await world.store.pair(pairId(entry.id, spec.shadow[0] ?? ''));
    if (row === null) throw new Error('no row');
    return row;
  }
  const counted = async (name: string, label: string): Promise<number> => {
    const metric = await world.metrics.registry.getSingleMetric(name)?.get();
    return metric?.values.find(({ labels }) => Object.values(labels).includes(label))?.value ?? 0;
  };

  it('pairs the same action of both models as identical, with ratios, and finishes the entry', async () => {
    simulator.use(SAME);
    await world.start();
    const row = await compared({ shadow: ['glm-5'], answer: READ });
    expect(row).to.include({ status: 'paired', verdict: 'equivalent', level: 'identical', skip_reason: null });
    expect(row.primary).to.include({ outcome: 'ok', action: 'tools', stop_reason: 'tool_use' });
    expect(row.secondary).to.include({ outcome: 'ok', http_status: 200, model: 'glm-5' });
    expect(row.latency_ratio).to.be.greaterThan(0);
    expect(row.ttft_ratio).to.be.greaterThan(0);
    expect(row.exported_at).to.be.a('string');
    expect(await world.bus.counters('compare')).to.deep.equal({ published: 1, finished: 1, dead: 0, pending: 0 });
    expect(await counted('ccproxy_compare_pairs_total', 'equivalent')).to.equal(1);
    expect(await counted('ccproxy_compare_action_total', 'identical')).to.equal(1);
  });

  it('sends the rewritten request with its own credential, marked as a shadow, and no client header but two', async () => {
    await world.start();
    const row = await compared({ shadow: ['glm-5'] });
    const [seen] = simulator.seen();
    expect(seen?.path).to.equal('/v1/messages');
    expect(seen?.headers).to.include({
      'x-ccproxy-shadow': '1',
      'x-ccproxy-request-id': row.exchange_id,
      'anthropic-version': '2023-06-01',
      'anthropic-beta': 'some-beta-2026',
      authorization: 'Bearer target-secret',
    });
    expect(seen?.headers).to.not.have.any.keys('x-api-key', 'cookie', 'accept-encoding');
    expect(seen?.body).to.include({ model: 'glm-5', max_tokens: 500, stream: true });
    expect(seen?.body).to.not.have.any.keys('metadata', 'temperature');
    expect(row.rewrites).to.deep.equal(['model', 'drop_user_id']);
  });

  it('says which action was another, and that a failed secondary is no agreement (P5)', async () => {
    await world.start();
    simulator.use({ content: [{ type: 'tool_use', name: 'Grep', input: { pattern: 'x' } }] });
    expect(await compared({ shadow: ['glm-5'], answer: READ })).to.include({ verdict: 'diverged', level: 'same_type' });
    simulator.use({ content: [{ type: 'text', text: 'Done.' }] });
    expect(await compared({ shadow: ['glm-5'], answer: READ })).to.include({ verdict: 'diverged', level: 'divergent' });
    simulator.use({ status: 500 });
    const failed = await compared({ shadow: ['glm-5'], answer: READ });
    expect(failed).to.include({ status: 'target_error', verdict: 'target_error', level: null, latency_ratio: null });
    expect(failed.secondary).to.include({ outcome: 'http_error', http_status: 500 });
    simulator.use({ ...SAME, fault: { kind: 'end-early', after: -1 } });
    expect(await compared({ shadow: ['glm-5'], answer: READ })).to.include({ verdict: 'target_error' });
    simulator.use({ status: 400, error: { type: 'invalid_request_error', message: 'prompt is too long: 9 > 8' } });
    expect(await compared({ shadow: ['glm-5'] })).to.include({
      verdict: 'incomparable',
      skip_reason: 'context_overflow',
    });
  });

  it('never retries the secondary', async () => {
    simulator.use({ status: 529 });
    await world.start();
    await compared({ shadow: ['glm-5'] });
    expect(simulator.seen()).to.have.length(1);
  });

  it('calls no secondary for a primary that was not complete, for server tools, and for a body that expired', async () => {
    await world.start();
    const cut = recordedAnswer([
      { atMs: 1, bytes: Buffer.from('event: message_start\ndata: {"type":"message_start"') },
    ]);
    expect(await compared({ shadow: ['glm-5'], recorded: cut })).to.include({
      status: 'primary_error',
      verdict: 'primary_error',
      secondary: null,
    });
    const search = { type: 'message', content: [{ type: 'server_tool_use', id: 's', name: 'web_search', input: {} }] };
    const json = recordedAnswer([
      { atMs: 1, bytes: Buffer.from(JSON.stringify({ ...search, stop_reason: 'end_turn' })) },
    ]);
    expect(await compared({ shadow: ['glm-5'], recorded: json })).to.include({
      verdict: 'incomparable',
      skip_reason: 'unsupported',
    });
    world.bus.body = async () => null;
    expect(await compared({ shadow: ['glm-5'] })).to.include({ status: 'orphan', skip_reason: 'expired' });
    expect(await compared({ shadow: ['gone'] })).to.include({ status: 'orphan', skip_reason: 'unknown_target' });
    expect(simulator.seen()).to.deep.equal([]);
    expect(await counted('ccproxy_compare_pairs_total', 'orphan')).to.equal(2);
  });

  it('keeps within tokens an hour and turns a session; what is over becomes an orphan', async () => {
    await world.start({ tokensPerHour: 1_500 });
    expect(await compared({ shadow: ['glm-5'] })).to.include({ status: 'paired' });
    const big = { text: 'x', outputTokens: 900 };
    expect(await compared({ shadow: ['glm-5'], answer: big })).to.include({ status: 'orphan', skip_reason: 'budget' });
  });

  it('stops comparing a session at its cap of turns', async () => {
    await world.start({ turnsPerSession: 1 });
    const entry = { sessionId: 'capped' };
    expect(await compared({ shadow: ['glm-5'], entry })).to.include({ status: 'paired' });
    expect(await compared({ shadow: ['glm-5'], entry })).to.include({ status: 'orphan', skip_reason: 'session_cap' });
    expect(await compared({ shadow: ['glm-5'], entry: { sessionId: 'next' } })).to.include({ status: 'paired' });
  });

  it('makes one pair a target and finishes the entry when all are there', async () => {
    await world.start();
    const { entry } = await publish(world.bus, { shadow: ['glm-5', 'other'] });
    await untilSettled(world.bus);
    const { data } = await world.store.pairs({ limit: 10, exchange_id: entry.id });
    expect(data.map((row) => row.target).sort()).to.deep.equal(['glm-5', 'other']);
    expect(await world.bus.counters('compare')).to.include({ published: 2, finished: 2 });
  });

  it('makes one effect when two comparators share bus and store (T-3)', async () => {
    simulator.use({ ...SAME, delays: { headersMs: 5 } });
    await Promise.all([world.start(), world.start()]);
    const published = await Promise.all(Array.from({ length: 20 }, () => publish(world.bus, { shadow: ['glm-5'] })));
    await untilSettled(world.bus);
    const { data } = await world.store.pairs({ limit: 100 });
    expect(data).to.have.length(20);
    expect(simulator.seen()).to.have.length(20);
    expect(new Set(world.sink.spans.map((span) => span.spanId)).size).to.equal(40);
    expect(world.sink.spans).to.have.length(40);
    expect(new Set(published.map(({ entry }) => entry.id)).size).to.equal(20);
  });

  it('asks once for a pair that it is given again while it works on it, because its heartbeats were late', async () => {
    const agent = createAgent(1_000);
    const isGivenAgain = Promise.withResolvers<void>();
    let given = 0;
    const read = world.bus.read.bind(world.bus);
    world.bus.read = async (...args) => {
      const deliveries = await read(...args);
      given += deliveries.length;
      if (given === 2) isGivenAgain.resolve();
      return deliveries;
    };
    world.bus.heartbeat = async () => {};
    const callTarget: ComparatorParts['callTarget'] = async (request, _target, options) => {
      await isGivenAgain.promise;
      return callUpstream(request, { ...options, dispatcher: agent });
    };
    await world.start({ claim: { minIdleMs: 100, heartbeatMs: 50, maxDeliveries: 3 } }, { callTarget });
    await publish(world.bus, { shadow: ['glm-5'] });
    await untilSettled(world.bus);
    await agent.destroy();
    expect(given).to.be.at.least(2);
    expect(simulator.seen()).to.have.length(1);
    expect(world.sink.spans).to.have.length(2);
  });

  it('takes over what another comparator left behind, and repeats only the export for a row that was stored', async () => {
    const { entry } = await publish(world.bus, { shadow: ['glm-5'] });
    const dead = await world.bus.read('compare', 'dead', { count: 1, waitMs: 0, claimIdleMs: 400, maxDeliveries: 3 });
    expect(dead).to.have.length(1);
    await world.start();
    await untilSettled(world.bus);
    expect((await world.store.pair(pairId(entry.id, 'glm-5')))?.delivery_count).to.equal(2);
  });

  it('exports a stored row again under the same span ids without calling again', async () => {
    await world.start();
    const { entry } = await publish(world.bus, { shadow: ['glm-5'] });
    await untilSettled(world.bus);
    const row = (await world.store.pair(pairId(entry.id, 'glm-5'))) as PairRow;
    const first = world.sink.spans.splice(0);
    const again = await comparatorWorld([testTarget('glm-5', simulator.url)]);
    try {
      await again.store.insertPair({ ...row, exported_at: null });
      await again.start();
      await publish(again.bus, { shadow: ['glm-5'], entry });
      await untilSettled(again.bus);
      expect(again.sink.spans.map((span) => [span.spanId, span.startMs])).to.deep.equal(
        first.map((span) => [span.spanId, span.startMs]),
      );
      expect((await again.store.pair(row.pair_id))?.exported_at).to.be.a('string');
      expect(simulator.seen()).to.have.length(1);
    } finally {
      await again.end();
    }
  });

  it('exports the row that is stored, not the own one that came too late for it', async () => {
    const entry = makeEntry({ shadow: ['glm-5'] });
    const traceId = parseTraceparent(entry.traceparent)?.traceId ?? '';
    const secondary = armSummary({ span_id: pairSpanId('compare_request', entry.id, 'glm-5', 0), duration_ms: 4321 });
    const stored = { exchange_id: entry.id, target: 'glm-5', trace_id: traceId, verdict: 'diverged', secondary };
    const first = pairRow(stored);
    for (const exported_at of [null, '2026-01-02T03:04:05.678Z']) {
      const late = await comparatorWorld([testTarget('glm-5', simulator.url)]);
      try {
        // Another comparator stores the pair while this one waits for the answer.
        let looks = 0;
        const pair: typeof late.store.pair = async (id) => (++looks === 1 ? null : late.store.pair(id));
        await late.store.insertPair({ ...first, exported_at });
        await late.start({}, { store: { ...late.store, pair } });
        await publish(late.bus, { shadow: ['glm-5'], entry, answer: { text: 'Done.' } });
        await untilSettled(late.bus);
        const told = late.sink.spans.map(({ attributes }) => [
          attributes['ccproxy.verdict'],
          attributes.total_duration_ms,
        ]);
        const ofTheStored = [
          [undefined, 4321],
          ['diverged', undefined],
        ];
        expect(told).to.deep.equal(exported_at === null ? ofTheStored : []);
        expect(JSON.stringify(late.sink.spans)).to.not.contain('read a.ts');
      } finally {
        await late.end();
      }
    }
  });

  it('buries an entry that it cannot read, with its reason', async () => {
    await world.start();
    const entry = makeEntry({ shadow: ['glm-5'] });
    const fields = { v: '99', id: entry.id };
    await world.bus.publish({ id: entry.id, fields, body: Buffer.from('x'), pairs: 1 });
    await untilSettled(world.bus);
    expect(await world.bus.counters('compare')).to.include({ dead: 1, finished: 0 });
    expect((await world.bus.deadLetters(1))[0]?.reason).to.equal('schema');
  });

  it('counts what the bus gave up for any reason, each pair in one process', async () => {
    const bad = await publish(world.bus, { shadow: ['glm-5', 'other'] });
    const [delivery] = await world.bus.read('compare', 'x', { count: 1, waitMs: 0, claimIdleMs: 0, maxDeliveries: 1 });
    expect(delivery?.id).to.equal(bad.entry.id);
    await world.bus.read('compare', 'x', { count: 1, waitMs: 0, claimIdleMs: 0, maxDeliveries: 1 });
    expect(await world.bus.counters('compare')).to.include({ dead: 2 });
    const metrics = [createMetrics({ processMetrics: false }), createMetrics({ processMetrics: false })];
    for (const own of metrics) await world.start({}, { metrics: own });
    const deadIn = async (own: Metrics): Promise<number> =>
      (await own.compareDeadLetterTotal.get()).values.find(({ labels }) => labels.reason === 'deliveries')?.value ?? 0;
    const counts = () => Promise.all(metrics.map(deadIn));
    await until('it is counted', async () => (await counts()).some((count) => count > 0));
    expect((await counts()).sort()).to.deep.equal([0, 2]);
  });

  it('leaves an exchange pending while the store is down, and compares it afterwards', async () => {
    const { healthy } = world.store;
    let asked = 0;
    world.store.healthy = async () => {
      asked += 1;
      return false;
    };
    const held = holdTimers(RETRY_MS);
    timers = held;
    const wait = async (): Promise<void> => {
      await until('the comparator waits', () => held.waiting().includes(RETRY_MS));
      held.pass(RETRY_MS);
    };
    await world.start();
    await publish(world.bus, { shadow: ['glm-5'] });
    await wait();
    await until('the comparator looks twice', () => asked >= 2);
    expect(await world.bus.counters('compare')).to.include({ pending: 1, finished: 0, dead: 0 });
    expect(simulator.seen()).to.deep.equal([]);
    world.store.healthy = healthy;
    await wait();
    await untilSettled(world.bus);
    expect((await world.store.pairs({ limit: 5 })).data).to.have.length(1);
  });

  it('puts both spans into the trace of the request, with links, hand-over and annotations', async () => {
    simulator.use(SAME);
    await world.start();
    const { entry } = await publish(world.bus, { shadow: ['glm-5'], answer: READ });
    await untilSettled(world.bus);
    const root = parseTraceparent(entry.traceparent);
    const [request, pair] = world.sink.spans;
    expect(request).to.include({
      name: 'compare_request',
      kind: 'client',
      traceId: root?.traceId,
      parentSpanId: root?.spanId,
    });
    expect(request?.spanId).to.equal(pairSpanId('compare_request', entry.id, 'glm-5', 0));
    expect(request?.links).to.deep.equal([{ traceId: root?.traceId, spanId: root?.spanId }]);
    expect(request?.attributes).to.include({
      'ccproxy.pair_id': pairId(entry.id, 'glm-5'),
      'ccproxy.leg': 'target',
      'messaging.system': 'memory',
      'messaging.consumer.group.name': 'compare',
      'ccproxy.delivery_count': 1,
      'openinference.span.kind': 'LLM',
      'llm.finish_reason': 'tool_use',
      'llm.model_name': 'glm-5',
      'input.value': 'read a.ts',
    });
    expect(request?.events.map((event) => event.name)).to.include.members([
      'upstream_attempt',
      'First Token Stream Event',
    ]);
    expect(pair).to.include({ name: 'compare_pair', kind: 'internal', parentSpanId: root?.spanId });
    expect(pair?.spanId).to.equal(pairSpanId('compare_pair', entry.id, 'glm-5', 0));
    expect(pair?.links).to.deep.equal([{ traceId: root?.traceId, spanId: request?.spanId }]);
    expect(pair?.attributes).to.include({
      'openinference.span.kind': 'EVALUATOR',
      'ccproxy.verdict': 'equivalent',
      'annotations.0.annotation.name': 'verdict',
      'annotations.0.annotation.annotator_kind': 'CODE',
      'annotations.0.annotation.identifier': pairId(entry.id, 'glm-5'),
    });
  });

  it('stops calling a target that keeps failing, and takes it up again when it is well', async () => {
    simulator.use({ status: 500 });
    // Open until this test lets the time pass: nobody asks whether the target is well meanwhile.
    let offsetMs = 0;
    const clock: Clock = { nowMs: () => Date.now() + offsetMs, monotonicMs: () => performance.now() + offsetMs };
    const breaker = { failures: 5, openMs: 60_000, maxOpenMs: 60_000 };
    const held = holdTimers(30_000);
    timers = held;
    const comparator = await world.start({ concurrency: 1, breaker }, { clock });
    for (let index = 0; index < 8; index++) await publish(world.bus, { shadow: ['glm-5'] });
    const state = async (): Promise<string> => {
      const answer = await fetch(`${comparator.url}/api/comparator`);
      const { breakers } = (await answer.json()) as { breakers: Array<{ state: string }> };
      return breakers[0]?.state ?? 'none';
    };
    await until('the breaker opens', async () => (await state()) === 'open');
    expect(simulator.seen()).to.have.length(5);
    simulator.use(SAME);
    offsetMs += 60_000;
    held.pass(60_000);
    await untilSettled(world.bus);
    expect(await state()).to.equal('closed');
    const { data } = await world.store.pairs({ limit: 20 });
    expect(data).to.have.length(8);
    expect(data.filter((row) => row.verdict === 'target_error')).to.have.length(5);
    expect(await world.metrics.registry.metrics()).to.match(/target_unavailable_seconds_total [\d.]*[1-9]/);
  });

  it('goes on with other targets while one is down', async () => {
    const downTarget = testTarget('down', 'http://127.0.0.1:9');
    const mixed = await comparatorWorld([downTarget, testTarget('glm-5', simulator.url)]);
    try {
      await mixed.start({ concurrency: 1, breaker: { failures: 1, openMs: 60_000, maxOpenMs: 60_000 } });
      for (let index = 0; index < 3; index++) await publish(mixed.bus, { shadow: ['down'] });
      for (let index = 0; index < 3; index++) await publish(mixed.bus, { shadow: ['glm-5'] });
      for (let index = 0; index < 2; index++) await publish(mixed.bus, { shadow: ['down', 'glm-5'] });
      const well = async () => (await mixed.store.pairs({ limit: 10, target: 'glm-5' })).data.length;
      await until('the well target has its pairs', async () => (await well()) === 5);
      expect(await mixed.bus.counters('compare')).to.include({ finished: 4, pending: 6 });
    } finally {
      await mixed.end();
    }
  });

  it('leaves to others what the grace time does not suffice for, and records no failure for it', async () => {
    simulator.use({ fault: { kind: 'silence-before-headers' } });
    const comparator = await world.start({ graceMs: 50 });
    await publish(world.bus, { shadow: ['glm-5'] });
    await simulator.until((seen) => seen.length === 1);
    await comparator.stop();
    expect((await world.store.pairs({ limit: 5 })).data).to.deep.equal([]);
    expect(await world.bus.counters('compare')).to.include({ pending: 1, dead: 0 });
    expect(await counted('ccproxy_compare_skipped_total', 'shutdown'), 'booked: nobody else reads this bus').to.equal(
      1,
    );
  });

  it('finishes what runs before it stops', async () => {
    simulator.use({ ...SAME, split: 'event' });
    const comparator = await world.start();
    await publish(world.bus, { shadow: ['glm-5'] });
    await simulator.until((seen) => seen.length === 1);
    await comparator.stop();
    expect((await world.store.pairs({ limit: 5 })).data).to.have.length(1);
  });

  it('compares what is queued on a bus in memory before it stops', async () => {
    simulator.use({ ...SAME, delays: { headersMs: 20 } });
    const comparator = await world.start({ concurrency: 2 });
    for (let index = 0; index < 10; index++) await publish(world.bus, { shadow: ['glm-5'] });
    await comparator.stop();
    expect((await world.store.pairs({ limit: 20 })).data).to.have.length(10);
    expect(await counted('ccproxy_compare_skipped_total', 'shutdown')).to.equal(0);
  });

  it('records its own time limits as the outcome of the secondary', async () => {
    simulator.use({ fault: { kind: 'silence-before-headers' } });
    await world.start({ firstByteTimeoutMs: 1_000, timeoutMs: 300 });
    const row = await compared({ shadow: ['glm-5'] });
    expect(row.secondary?.outcome).to.equal('timeout_total');
    expect(row.verdict).to.equal('target_error');
  });

  it('tells its lag and asks for the admin token where there is one', async () => {
    const comparator = await world.start({ adminToken: 'admin-secret' });
    const url = `${comparator.url}/api/comparator`;
    expect((await fetch(url)).status).to.equal(401);
    const answer = await fetch(url, { headers: { authorization: 'Bearer admin-secret' } });
    expect(await answer.json()).to.deep.include({
      lag: { pending: 0, oldest_age_ms: 0, stream_length: 0 },
      unaccounted: 0,
      in_flight: 0,
      concurrency: 4,
    });
    expect((await fetch(`${comparator.url}/health`)).status).to.equal(200);
    expect((await fetch(`${comparator.url}/nothing`)).status).to.equal(404);
  });

  it('answers a foreign name with 403 where there is no token, as gateway and console do', async () => {
    const { url } = await world.start();
    const { port } = new URL(url);
    const statusAs = async (host: string): Promise<number> =>
      (await send(url, { method: 'GET', path: '/api/comparator', headers: ['host', host], body: Buffer.alloc(0) }))
        .status;
    expect(await statusAs('evil.example')).to.equal(403);
    expect(await statusAs(`localhost:${port}`)).to.equal(200);
  });

  it('takes its settings from the configuration', () => {
    const config = loadConfig({ env: {}, cwd: '/', flags: { 'comparator.listen_address': '127.0.0.1:0' } });
    expect(toComparatorConfig(config, null)).to.deep.include({
      concurrency: 4,
      firstByteTimeoutMs: 120_000,
      timeoutMs: 600_000,
      claim: { minIdleMs: 90_000, heartbeatMs: 30_000, maxDeliveries: 3 },
      turnsPerSession: null,
      tokensPerHour: null,
      breaker: { failures: 5, openMs: 15_000, maxOpenMs: 120_000 },
    });
  });
});
