import { spawn } from 'node:child_process';
import { once } from 'node:events';
import type { AddressInfo, Socket } from 'node:net';
import { createServer } from 'node:net';
import { setTimeout as pause } from 'node:timers/promises';
import { expect } from 'chai';
import type { Bus, Group, ReadOptions } from '#shared/bus/bus.ts';
import { GROUPS } from '#shared/bus/bus.ts';
import type { BusLimits } from '#shared/bus/limits.ts';
import { DEFAULT_BUS_LIMITS } from '#shared/bus/limits.ts';
import { createRedisBus } from '#shared/bus/redis.ts';
import { PATIENCE_MS, runningMs, startPatience } from '../../support/patience.ts';
import type { TestRedis } from '../../support/redis.ts';
import { startRedis } from '../../support/redis.ts';

const READ: ReadOptions = { count: 50, waitMs: 0, claimIdleMs: 3_600_000, maxDeliveries: 3 };
const CLAIM: ReadOptions = { ...READ, claimIdleMs: 0 };
/** A publication may never take longer, whatever the server does. */
const PUBLISH_LIMIT_MS = 1000;

describe('bus over a Redis that fails', () => {
  let redis: TestRedis;
  let buses: Bus[];
  let troubles: string[];
  let clockOffsetMs: number;

  const openBus = (limits: Partial<BusLimits> = {}, consumerIdleMs?: number, url = redis.url): Bus => {
    const bus = createRedisBus({
      url,
      limits: { ...DEFAULT_BUS_LIMITS, ...limits },
      onTrouble: (what) => troubles.push(what),
      clock: { nowMs: () => Date.now(), monotonicMs: () => performance.now() + clockOffsetMs },
      ...(consumerIdleMs === undefined ? {} : { consumerIdleMs }),
    });
    buses.push(bus);
    return bus;
  };
  const skipBreaker = (): void => {
    clockOffsetMs += 11_000;
  };

  before(async function () {
    redis = await startRedis(this, { onlyPrivate: true, settings: { appendonly: 'yes' } });
  });
  beforeEach(async () => {
    buses = [];
    troubles = [];
    clockOffsetMs = 0;
    await redis.clear();
  });
  afterEach(async () => {
    for (const bus of buses) await bus.close();
  });
  after(() => redis?.end());

  it('starts without Redis, refuses at once, and works as soon as it is there', async () => {
    await redis.stop();
    const bus = openBus();
    expect(await timedPublish(bus, 'early')).to.equal('redis_error');
    expect(await bus.healthy()).to.equal(false);
    expect(await failureOf(bus.read('history', 'c', READ))).to.be.instanceOf(Error);
    expect(await failureOf(bus.backlog('history'))).to.be.instanceOf(Error);
    await redis.restart();
    await until(async () => (await timedPublish(bus, 'later')) === 'ok');
    await until(() => bus.healthy());
    await drain(bus);
    await expectIdentity(bus);
  });

  it('is not held up by a port that accepts and never answers', async () => {
    const sockets = new Set<Socket>();
    const mute = createServer((socket) => sockets.add(socket)).listen(0, '127.0.0.1');
    await once(mute, 'listening');
    const { port } = mute.address() as AddressInfo;
    try {
      const bus = openBus({}, undefined, `redis://127.0.0.1:${port}`);
      expect(await timedPublish(bus, 'x')).to.equal('redis_error');
      expect(await bus.healthy()).to.equal(false);
    } finally {
      for (const socket of sockets) socket.destroy();
      mute.close();
    }
  });

  it('survives a restart and finds again what Redis had kept', async () => {
    const bus = openBus();
    await timedPublish(bus, 'before', 2);
    const [delivery] = await bus.read('compare', 'c', READ);
    if (!delivery) throw new Error('nothing was delivered');
    await redis.restart();
    await until(async () => (await timedPublish(bus, 'after')) === 'ok');
    await until(() => succeeds(bus.finish('compare', delivery)));
    await drain(bus);
    await expectIdentity(bus, { published: 3, finished: 3, dead: 0, pending: 0 });
    expect(await bus.deadLetters(10)).to.deep.equal([]);
  });

  it('does not know what became of a publication that a stalled Redis never answered, and counts it once', async () => {
    const bus = openBus();
    await timedPublish(bus, 'before');
    redis.stall();
    try {
      expect(await timedPublish(bus, 'unanswered')).to.equal('redis_unknown');
      for (let attempt = 2; attempt <= 5; attempt += 1) {
        // Its connection was replaced, so these are known not to have been sent.
        expect(await timedPublish(bus, `not sent ${attempt}`)).to.equal('redis_error');
      }
      expect(await timedPublish(bus, 'not even tried')).to.equal('redis_error');
    } finally {
      redis.resume();
    }
    expect(troubles.filter((what) => what.startsWith('publishing'))).to.have.length(1);
    skipBreaker();
    await until(async () => (await timedPublish(bus, 'after')) === 'ok');
    await drain(bus);
    await expectIdentity(bus);
    expect((await bus.counters('history')).published).to.be.within(2, 3);
  });

  it('does not know of any of several publications at once that a stalled Redis never answered', async () => {
    const bus = openBus();
    await timedPublish(bus, 'before');
    redis.stall();
    try {
      const results = await Promise.all(['a', 'b', 'c'].map((id) => timedPublish(bus, id)));
      expect(results).to.deep.equal(['redis_unknown', 'redis_unknown', 'redis_unknown']);
    } finally {
      redis.resume();
    }
    expect((await bus.counters('history')).published).to.be.oneOf([1, 4]);
  });

  it('lets a reader time out on a stalled Redis and loses nothing of it', async function () {
    this.timeout(15_000);
    const bus = openBus();
    await timedPublish(bus, 'x');
    redis.stall();
    const reading = failureOf(bus.read('history', 'c', { ...READ, waitMs: 10 }));
    expect(await reading).to.be.instanceOf(Error);
    redis.resume();
    const seen: string[] = [];
    await until(async () => {
      seen.push(...(await bus.read('history', 'c', CLAIM)).map(({ id }) => id));
      return seen.length > 0;
    });
    expect(seen).to.deep.equal(['x']);
  });

  it('reports a full Redis as an error, stores nothing of it, and settles what is there', async () => {
    const bus = openBus();
    await timedPublish(bus, 'before');
    const [delivery] = await bus.read('history', 'c', READ);
    if (!delivery) throw new Error('nothing was delivered');
    await redis.command('CONFIG', 'SET', 'maxmemory-policy', 'noeviction');
    await redis.command('CONFIG', 'SET', 'maxmemory', '1');
    try {
      expect(await timedPublish(bus, 'full')).to.equal('redis_error');
      await bus.finish('history', delivery);
    } finally {
      await redis.command('CONFIG', 'SET', 'maxmemory', '0');
    }
    expect(await redis.command('EXISTS', 'ccproxy:body:full', 'ccproxy:wait:full')).to.equal(0);
    expect(await timedPublish(bus, 'full')).to.equal('ok');
    await drain(bus);
    await expectIdentity(bus, { published: 2, finished: 2, dead: 0, pending: 0 });
  });

  it('reports a read-only replica as an error and goes on when it is a primary again', async () => {
    const bus = openBus();
    await timedPublish(bus, 'before');
    await redis.command('REPLICAOF', '127.0.0.1', '1');
    try {
      expect(await timedPublish(bus, 'replica')).to.equal('redis_error');
      expect(await failureOf(bus.read('history', 'c', READ))).to.be.instanceOf(Error);
    } finally {
      await redis.command('REPLICAOF', 'NO', 'ONE');
    }
    expect(await timedPublish(bus, 'after')).to.equal('ok');
    await drain(bus);
    await expectIdentity(bus, { published: 2, finished: 2, dead: 0, pending: 0 });
  });

  it('books the loss of a flush once, makes the groups again and delivers the next exchange', async () => {
    const gateway = openBus();
    const comparator = openBus();
    for (const id of ['settled', 'held', 'waiting']) await timedPublish(gateway, id, 2);
    const [settled, held] = await comparator.read('compare', 'c', { ...READ, count: 2 });
    if (!settled || !held) throw new Error('two deliveries were expected');
    await comparator.finish('compare', settled);
    await gateway.backlog('compare');
    await redis.clear();
    expect(await timedPublish(gateway, 'next', 2)).to.equal('ok');
    await comparator.finish('compare', held);
    expect((await comparator.read('compare', 'c', READ)).map(({ id }) => id)).to.deep.equal(['next']);
    await expectIdentity(comparator, { published: 6, finished: 0, dead: 4, pending: 2 });
    const letters = await comparator.deadLetters(10);
    expect(letters.map(({ group, reason }) => `${group} ${reason}`).sort()).to.deep.equal([
      'compare bus_reset',
      'history bus_reset',
    ]);
    expect(troubles.filter((what) => what.includes('flushed'))).to.have.length(1);
    expect(await comparator.takeDeaths('compare')).to.include({ bus_reset: 4, trimmed: 0 });
    expect(await gateway.takeDeaths('compare')).to.include({ bus_reset: 0 });
  });

  it('wakes a reader that waits while Redis is flushed', async () => {
    const bus = openBus();
    await timedPublish(bus, 'before');
    await bus.read('history', 'c', READ);
    const reading = bus.read('history', 'c', { ...READ, waitMs: 5000 });
    await until(async () => String(await redis.command('CLIENT', 'LIST')).includes('cmd=xreadgroup'));
    await redis.clear();
    await timedPublish(bus, 'after');
    expect((await reading).map(({ id }) => id)).to.deep.equal(['after']);
  });

  it('goes on when somebody deleted the stream', async () => {
    const bus = openBus();
    await timedPublish(bus, 'lost', 3);
    await redis.command('DEL', 'ccproxy:exchanges');
    expect(await bus.read('compare', 'c', READ)).to.deep.equal([]);
    await bus.janitor();
    await timedPublish(bus, 'next', 1);
    expect((await bus.read('compare', 'c', READ)).map(({ id }) => id)).to.deep.equal(['next']);
    await expectIdentity(bus, { published: 4, finished: 0, dead: 3, pending: 1 });
  });

  it('books entries that another hand trimmed, delivered or not', async () => {
    const bus = openBus();
    for (const id of ['held', 'unread', 'kept']) await timedPublish(bus, id, 2);
    const [held] = await bus.read('compare', 'c', { ...READ, count: 1 });
    if (!held) throw new Error('nothing was delivered');
    await redis.command('XTRIM', 'ccproxy:exchanges', 'MAXLEN', '1');
    await bus.janitor();
    await bus.finish('compare', held);
    await expectIdentity(bus, { published: 6, finished: 0, dead: 4, pending: 2 });
    expect((await bus.counters('history')).dead).to.equal(2);
  });

  it('books a trimmed entry when it is found missing during a claim', async () => {
    const bus = openBus();
    await timedPublish(bus, 'held', 2);
    await bus.read('compare', 'c', READ);
    await redis.command('XTRIM', 'ccproxy:exchanges', 'MAXLEN', '0');
    expect(await bus.read('compare', 'other', CLAIM)).to.deep.equal([]);
    await expectIdentity(bus, { published: 2, finished: 0, dead: 2, pending: 0 });
    expect((await bus.deadLetters(1))[0]).to.deep.include({ group: 'compare', reason: 'trimmed' });
  });

  it('forgets idle consumers that own nothing and keeps those that do', async () => {
    const bus = openBus({}, 0);
    await timedPublish(bus, 'x');
    await bus.read('compare', 'owner', READ);
    await bus.read('compare', 'leaver', READ);
    await bus.janitor();
    const consumers = JSON.stringify(await redis.command('XINFO', 'CONSUMERS', 'ccproxy:exchanges', 'compare'));
    expect(consumers).to.include('owner').and.not.include('leaver');
  });

  it('lets one process at a time be the janitor', async () => {
    const first = openBus();
    const second = openBus();
    await first.janitor();
    await timedPublish(first, 'x', 0);
    const [delivery] = await first.read('history', 'c', READ);
    if (!delivery) throw new Error('nothing was delivered');
    await first.finish('history', delivery);
    await first.read('compare', 'c', READ);
    await second.janitor();
    expect((await first.backlog('history')).length).to.equal(1);
    await first.janitor();
    expect((await first.backlog('history')).length).to.equal(0);
  });

  it('warns of a server that evicts', async () => {
    await redis.command('CONFIG', 'SET', 'maxmemory-policy', 'allkeys-lru');
    try {
      openBus();
      await until(async () => troubles.some((what) => what.includes('allkeys-lru')));
    } finally {
      await redis.command('CONFIG', 'SET', 'maxmemory-policy', 'noeviction');
    }
  });

  it('accounts for everything through restarts and stalls under traffic', async function () {
    this.timeout(30_000);
    const bus = openBus();
    let isOver = false;
    const results: Record<string, number> = {};
    const producing = (async () => {
      for (let n = 0; !isOver; n += 1) {
        const result = await timedPublish(bus, `x${n}`, n % 3);
        results[result] = (results[result] ?? 0) + 1;
        if (result !== 'ok') skipBreaker();
        await pause(2);
      }
    })();
    const consuming = GROUPS.map(async (group) => {
      while (!isOver) {
        const options = { ...READ, count: 3, waitMs: 20, claimIdleMs: 500, maxDeliveries: 99 };
        const deliveries = await bus.read(group, 'c', options).catch(() => pause(20, []));
        for (const delivery of deliveries) await bus.finish(group, delivery).catch(() => {});
      }
    });
    try {
      await until(async () => (results.ok ?? 0) > 100);
      await redis.restart();
      await until(async () => (results.ok ?? 0) > 200);
      redis.stall();
      await until(async () => (results.redis_unknown ?? 0) > 0 && (results.redis_error ?? 0) > 0);
      redis.resume();
      await until(async () => (results.ok ?? 0) > 300);
    } finally {
      isOver = true;
    }
    await Promise.all([producing, ...consuming]);
    await drain(bus);
    await expectIdentity(bus);
    const { published, finished } = await bus.counters('history');
    expect(finished, 'nothing was lost').to.equal(published);
    expect(published).to.be.at.least(results.ok ?? 0);
  });

  it('does not keep a process alive once it is closed, with Redis there or not', async () => {
    for (const url of [redis.url, 'redis://127.0.0.1:1']) {
      const source = `
        import { createRedisBus } from '#shared/bus/redis.ts';
        import { DEFAULT_BUS_LIMITS } from '#shared/bus/limits.ts';
        const bus = createRedisBus({ url: '${url}', limits: DEFAULT_BUS_LIMITS, onTrouble: () => {} });
        await bus.publish({ id: 'x', fields: {}, body: Buffer.from('x'), pairs: 1 });
        await bus.read('history', 'c', { count: 1, waitMs: 0, claimIdleMs: 1000, maxDeliveries: 3 }).catch(() => {});
        await bus.close();
        let steps = 0;
        setInterval(() => ++steps === 100 && process.exit(3), 20).unref();
      `;
      const args = ['--conditions=source', '--input-type=module', '--eval', source];
      const child = spawn(process.execPath, args, { stdio: ['ignore', 'ignore', 'inherit'] });
      const [code] = await once(child, 'exit');
      expect(code, 'a process that still runs after two seconds ends with 3').to.equal(0);
    }
  });

  it('names the setting, not the URL, when the URL is wrong', () => {
    const open = () => createRedisBus({ url: 'not:secret@host', limits: DEFAULT_BUS_LIMITS, onTrouble: () => {} });
    expect(open).to.throw('redis.url').with.property('message').that.does.not.include('secret');
  });
});

async function timedPublish(bus: Bus, id: string, pairs = 1): Promise<string> {
  let result = 'not published';
  const tookMs = await runningMs(async () => {
    result = await bus.publish({ id, fields: { id }, body: Buffer.from(`body of ${id}`), pairs });
  });
  expect(tookMs, `time to publish ${id}`).to.be.below(PUBLISH_LIMIT_MS);
  return result;
}

/** Settles all that is left, also what belongs to other consumers. */
async function drain(bus: Bus): Promise<void> {
  for (const group of GROUPS) {
    await until(async () => {
      const left = await bus.read(group, 'last', { ...CLAIM, maxDeliveries: 1000 });
      for (const delivery of left) await bus.finish(group, delivery);
      return left.length === 0 && (await bus.counters(group)).pending === 0;
    });
  }
}

type Expected = Awaited<ReturnType<Bus['counters']>>;

async function expectIdentity(bus: Bus, compare?: Expected): Promise<void> {
  for (const group of GROUPS satisfies readonly Group[]) {
    const { published, finished, dead, pending } = await bus.counters(group);
    expect(published, `published of ${group}`).to.equal(finished + dead + pending);
  }
  if (compare) expect(await bus.counters('compare')).to.deep.equal(compare);
}

const LOOK_MS = 10;

async function until(condition: () => Promise<boolean>): Promise<void> {
  const patience = startPatience(PATIENCE_MS, LOOK_MS);
  for (;;) {
    const isMet = await condition().catch(() => false);
    if (isMet) return;
    if (patience.isOver()) throw new Error(`not met in time: ${condition}`);
    await pause(LOOK_MS);
  }
}

async function failureOf(work: Promise<unknown>): Promise<unknown> {
  try {
    await work;
    return undefined;
  } catch (error) {
    return error;
  }
}

async function succeeds(work: Promise<unknown>): Promise<boolean> {
  return (await failureOf(work)) === undefined;
}
