import { expect } from 'chai';
import type { Control } from '#shared/control/control.ts';
import { createRedisControl } from '#shared/control/redis-control.ts';
import { describeControl, ONE, until } from '../../contract/control.contract.ts';
import { holdTimers } from '../../support/held-timers.ts';
import { runningMs } from '../../support/patience.ts';
import type { TestRedis } from '../../support/redis.ts';
import { startRedis } from '../../support/redis.ts';

const POLL_MS = 1000;

describeControl('Redis', async (context) => {
  const redis = await startRedis(context);
  return {
    open: () => createRedisControl({ url: redis.url, prefix: redis.prefix }),
    clear: () => redis.clear(),
    end: () => redis.end(),
  };
});

describe('control over Redis: many replicas and a Redis that fails', () => {
  let redis: TestRedis;
  let opened: Control[];
  const open = (): Control => {
    const control = createRedisControl({ url: redis.url });
    opened.push(control);
    return control;
  };

  before(async function () {
    redis = await startRedis(this, { onlyPrivate: true, settings: { appendonly: 'yes' } });
  });
  beforeEach(async () => {
    opened = [];
    await redis.clear();
  });
  afterEach(async () => {
    for (const control of opened) await control.close();
  });
  after(() => redis?.end());

  it('shows a change to the other replicas within two seconds', async () => {
    const [one, two] = [open(), open()];
    let seen: string | null = null;
    two.watch(async () => {
      seen = await two.get('mode');
    });
    await one.set('mode', '"compare"');
    await until(() => seen === '"compare"');
    await one.set('mode', '"target"');
    expect(await runningMs(() => until(() => seen === '"target"'))).to.be.below(2000);
  });

  it('finds a change whose message was lost by its number', async () => {
    const timers = holdTimers(POLL_MS);
    try {
      const control = open();
      let calls = 0;
      control.watch(() => {
        calls += 1;
      });
      await until(async () => String(await redis.command('CLIENT', 'LIST')).includes('cmd=subscribe'));
      await until(() => calls >= 2); // both connections are there
      timers.pass(POLL_MS);
      await until(() => calls >= 3); // the first poll
      const before = calls;
      await redis.command('SET', 'ccproxy:mode', '"by hand"');
      await redis.command('INCR', 'ccproxy:control');
      timers.pass(POLL_MS);
      await until(() => calls > before);
    } finally {
      timers.release();
    }
  });

  it('fails at once while Redis is away and calls back when it has returned', async () => {
    const control = open();
    await control.set('mode', '"kept"');
    await redis.stop();
    await until(async () => (await failureOf(control.get('mode'))) !== undefined);
    const timers = holdTimers(100);
    try {
      expect(await failureOf(control.get('mode'))).to.be.instanceOf(Error);
      expect(await failureOf(control.set('mode', '"lost"'))).to.be.instanceOf(Error);
      expect(await failureOf(control.addStats(ONE))).to.be.instanceOf(Error);
    } finally {
      timers.release();
    }
    let seen: string | null = null;
    control.watch(async () => {
      seen = await control.get('mode').catch(() => null);
    });
    await redis.restart();
    await until(() => seen === '"kept"');
  });

  it('starts without Redis and calls back when it is there', async () => {
    await redis.stop();
    const control = open();
    let isRead = false;
    control.watch(async () => {
      isRead ||= (await failureOf(control.get('mode'))) === undefined;
    });
    expect(await failureOf(control.get('mode'))).to.be.instanceOf(Error);
    await redis.restart();
    await until(() => isRead);
  });

  it('adds up the statistics of all replicas', async () => {
    const [one, two] = [open(), open()];
    await Promise.all([one.addStats(ONE), two.addStats(ONE), one.addStats(ONE)]);
    expect(await two.readStats()).to.deep.include({ total_requests: 3, output_tokens: 60 });
  });

  it('counts a batch once though its answer never came', async () => {
    const control = open();
    await control.addStats(ONE);
    redis.stall();
    await control.addStats(ONE);
    redis.resume();
    await until(async () => (await failureOf(control.addStats(ONE))) === undefined);
    expect(await control.readStats()).to.deep.include({ total_requests: 3, input_tokens: 30 });
  });
});

async function failureOf(work: Promise<unknown>): Promise<unknown> {
  try {
    await work;
    return undefined;
  } catch (error) {
    return error;
  }
}
