// A gateway and a comparator on a Redis that fails while clients are served: no client sees it, and afterwards nothing is
// unaccounted.
import { createHash } from 'node:crypto';
import { setTimeout as sleep } from 'node:timers/promises';
import { expect } from 'chai';
import { createComparator } from '#services/comparator/service.ts';
import { createSimulator, type Scene, type Simulator } from '#services/simulator/service.ts';
import type { Bus, BusCounters, PublishResult } from '#shared/bus/bus.ts';
import { GROUPS } from '#shared/bus/bus.ts';
import { DEFAULT_BUS_LIMITS } from '#shared/bus/limits.ts';
import { createRedisBus } from '#shared/bus/redis.ts';
import { systemClock } from '#shared/clock.ts';
import { createRedisControl } from '#shared/control/redis-control.ts';
import type { RunningService } from '#shared/lifecycle.ts';
import { createSqliteStore } from '#shared/store/sqlite.ts';
import type { Store } from '#shared/store/store.ts';
import { createMetrics } from '#shared/telemetry/metrics.ts';
import { noTracing } from '#shared/telemetry/tracing.ts';
import { ENQUEUE_RESULTS } from '#shared/telemetry/vocabulary.ts';
import { COMPARATOR_CONFIG, testTarget, testTargets } from '../support/comparator.ts';
import { recordingLogger, startTestGateway, type TestGateway, until } from '../support/gateway.ts';
import { messagesRequest, type RawAnswer, type RawRequest, send } from '../support/raw-client.ts';
import { startRedis, type TestRedis } from '../support/redis.ts';

const TARGET = 'glm-5';
/** The same bytes each time. */
const SCENE: Scene = {
  content: [{ type: 'text', text: 'the same each time, long enough for a few events' }],
  messageFields: { id: 'msg_always' },
  usage: { input_tokens: 10, output_tokens: 5 },
  headers: { 'request-id': 'req_always' },
};
const CLIENTS = 4;
/** Answers of one stretch of traffic at least. */
const ANSWERS = 60;
/** A publication gives up on Redis after 500 ms: an answer that waits for it is no faster. */
const WAITED_MS = 400;

interface Traffic {
  answers: RawAnswer[];
  /** Milliseconds of each, in order of their end. */
  times: number[];
}

describe('clients of a gateway whose Redis fails', function () {
  this.timeout(60_000);
  let redis: TestRedis;
  let primary: Simulator;
  let secondary: Simulator;
  let gateway: TestGateway;
  let comparator: RunningService;
  let store: Store;
  let calm: Traffic;
  const closing: Array<() => Promise<unknown>> = [];
  const made: Bus[] = [];
  let skippedMs = 0;
  let turn = 0;

  const openBus = (): Bus => {
    const bus = createRedisBus({
      url: redis.url,
      limits: DEFAULT_BUS_LIMITS,
      onTrouble: () => {},
      clock: { nowMs: () => Date.now(), monotonicMs: () => performance.now() + skippedMs },
    });
    made.push(bus);
    return bus;
  };

  before(async function () {
    redis = await startRedis(this, { onlyPrivate: true, settings: { appendonly: 'yes' } });
    [primary, secondary] = await Promise.all([
      createSimulator({ listenAddress: '127.0.0.1:0', seed: 1, defaultScene: SCENE, keepSeen: 10 }),
      createSimulator({ listenAddress: '127.0.0.1:0', seed: 2, defaultScene: SCENE, keepSeen: 10 }),
    ]);
    store = createSqliteStore({ path: ':memory:' });
    await store.migrate();
    const control = createRedisControl({ url: redis.url });
    gateway = await startTestGateway({
      settings: {
        default_mode: 'compare',
        'target.url': secondary.url,
        'target.model': TARGET,
        'passthrough.url': primary.url,
      },
      parts: { bus: openBus(), control },
    });
    comparator = await createComparator(COMPARATOR_CONFIG, {
      bus: openBus(),
      store,
      targets: testTargets([testTarget(TARGET, secondary.url)]),
      clock: systemClock,
      log: recordingLogger([]),
      metrics: createMetrics({ processMetrics: false }),
      tracing: noTracing,
    });
    closing.push(
      () => comparator.stop(),
      () => gateway.stop(),
      () => control.close(),
      () => store.close(),
    );
    closing.push(
      () => Promise.all(made.map((bus) => bus.close())),
      () => Promise.all([primary.stop(), secondary.stop()]),
    );
    calm = await traffic(async () => {});
    await expectAccounted();
  });
  after(async () => {
    redis?.resume();
    for (const close of closing) await close();
    await redis?.end();
  });

  /** Clients that ask one after another, at least until `during` is over. */
  async function traffic(during: () => Promise<void>): Promise<Traffic> {
    const all: Traffic = { answers: [], times: [] };
    let isOver = false;
    const serve = async (client: number): Promise<void> => {
      while (!isOver || all.answers.length < ANSWERS) {
        const startedAt = performance.now();
        const answer = await send(gateway.url, message(client));
        all.times.push(performance.now() - startedAt);
        all.answers.push(answer);
        await sleep(5);
      }
    };
    const clients = Array.from({ length: CLIENTS }, (_, client) => serve(client));
    try {
      await during();
    } finally {
      isOver = true;
      await Promise.all(clients);
    }
    return all;
  }

  function expectUnharmed({ answers, times }: Traffic): void {
    expect(new Set(answers.map(({ status, end }) => `${status} ${end}`))).to.deep.equal(new Set(['200 complete']));
    expect(kinds(answers), 'bytes').to.deep.equal(kinds(calm.answers));
    // Whoever waited for Redis would wait at each answer; a slow one now and then is the machine's.
    expect(median(times), 'median time of an answer').to.be.below(median(calm.times) + WAITED_MS / 2);
  }

  async function askOnce(): Promise<void> {
    await send(gateway.url, message(0));
  }

  function message(client: number): RawRequest {
    turn += 1;
    const body = { messages: [{ role: 'user', content: `turn ${turn}` }], tools: [{ name: 'Bash', input_schema: {} }] };
    return messagesRequest({ stream: client % 2 === 0, body });
  }

  async function enqueued(): Promise<Record<PublishResult, number>> {
    const results = ENQUEUE_RESULTS.map(async (result) => [
      result,
      await gateway.metric('ccproxy_compare_enqueue_total', { result }),
    ]);
    return Object.fromEntries(await Promise.all(results)) as Record<PublishResult, number>;
  }

  /**
   * Waits until exchanges go through again and all are settled. Every request was enqueued or skipped; every planned pair
   * that reached the bus is finished or dead on its own counters.
   */
  async function expectAccounted(): Promise<BusCounters> {
    skippedMs += 11_000; // a breaker that opened may try again
    const { ok } = await enqueued();
    await until(async () => {
      await askOnce();
      return (await enqueued()).ok > ok;
    }, 20_000);
    const booked = async (): Promise<number> =>
      (await gateway.metric('ccproxy_compare_enqueue_total')) + (await gateway.metric('ccproxy_compare_skipped_total'));
    await until(async () => (await booked()) >= turn);
    expect(await booked(), 'enqueued + skipped').to.equal(turn);
    const bus = openBus();
    const isSettled = async (): Promise<boolean> => (await bus.counters('compare')).pending === 0;
    await until(() => isSettled().catch(() => false), 20_000);
    for (const group of GROUPS) {
      const { published, finished, dead, pending } = await bus.counters(group);
      expect(published, `published for ${group}`).to.equal(finished + dead + pending);
    }
    return bus.counters('compare');
  }

  /** Redis kept what it had: each pair that it took is finished, and has its one row. */
  async function expectNothingLost(): Promise<void> {
    const { published, finished, dead } = await expectAccounted();
    expect({ finished, dead }).to.deep.equal({ finished: published, dead: 0 });
    expect(await countRows(), 'rows').to.equal(published);
    const { ok, redis_unknown } = await enqueued();
    expect(published).to.be.within(ok, ok + redis_unknown);
  }

  async function countRows(): Promise<number> {
    let count = 0;
    for (let cursor: string | null | undefined; cursor !== null; ) {
      const page = await store.pairs({ limit: 200, ...(cursor === undefined ? {} : { cursor }) });
      count += page.data.length;
      cursor = page.next_cursor;
    }
    return count;
  }

  /** So many more pairs could not be handed over. */
  async function untilRefused(count: number): Promise<void> {
    const refused = async (): Promise<number> => {
      const { redis_error, redis_unknown } = await enqueued();
      return redis_error + redis_unknown;
    };
    const before = await refused();
    await until(async () => (await refused()) >= before + count, 20_000);
  }

  it('see nothing of it when it is stopped and comes back', async () => {
    const seen = await traffic(async () => {
      await redis.stop();
      await untilRefused(20).finally(() => redis.restart());
    });
    expectUnharmed(seen);
    await expectNothingLost();
  });

  it('see nothing of it when it is restarted', async () => {
    expectUnharmed(await traffic(() => redis.restart()));
    await expectNothingLost();
  });

  it('see nothing of it when it stalls: nobody waits for it', async () => {
    const seen = await traffic(async () => {
      redis.stall();
      await untilRefused(20).finally(() => redis.resume());
    });
    expectUnharmed(seen);
    await expectNothingLost();
  });

  it('see nothing of it when it is full', async () => {
    const seen = await traffic(async () => {
      await redis.command('CONFIG', 'SET', 'maxmemory-policy', 'noeviction');
      await redis.command('CONFIG', 'SET', 'maxmemory', '1');
      await untilRefused(20).finally(() => redis.command('CONFIG', 'SET', 'maxmemory', '0'));
    });
    expectUnharmed(seen);
    await expectNothingLost();
  });

  it('are served by a gateway that starts while it is away', async () => {
    await redis.stop();
    const control = createRedisControl({ url: redis.url });
    const late = await startTestGateway({
      settings: { default_mode: 'compare', 'target.url': secondary.url, 'passthrough.url': primary.url },
      parts: { bus: openBus(), control },
    });
    try {
      const answer = await send(late.url, messagesRequest());
      expect(kinds([answer]).size).to.equal(1);
      expect(answer).to.include({ status: 200, end: 'complete' });
      await until(async () => (await late.metric('ccproxy_compare_enqueue_total', { result: 'redis_error' })) === 1);
    } finally {
      await late.stop();
      await control.close();
      await redis.restart();
    }
    await expectNothingLost();
  });

  it('see nothing of it when it is flushed, and what was lost is booked as lost', async () => {
    const seen = await traffic(async () => {
      for (let times = 0; times < 3; times += 1) {
        await until(async () => Number(await redis.command('XLEN', 'ccproxy:exchanges')) > 0);
        await redis.clear();
      }
    });
    expectUnharmed(seen);
    await expectAccounted();
    expect(await countRows()).to.be.at.most((await enqueued()).ok + (await enqueued()).redis_unknown);
  });
});

/** Status, headers and bytes of each kind of answer. */
function kinds(answers: RawAnswer[]): Set<string> {
  const own = /^(x-ccproxy-request-id|date|connection|keep-alive)$/i;
  return new Set(
    answers.map(({ status, rawHeaders, body }) => {
      const headers = rawHeaders.filter((_, index, all) => !own.test(all[index - (index % 2)] ?? ''));
      return [status, ...headers, createHash('sha256').update(body).digest('hex')].join('\n');
    }),
  );
}

function percentile(values: number[], share: number): number {
  const sorted = [...values].sort((a, b) => a - b);
  return sorted[Math.min(sorted.length - 1, Math.floor(share * sorted.length))] ?? Number.NaN;
}

function median(values: number[]): number {
  return percentile(values, 0.5);
}
