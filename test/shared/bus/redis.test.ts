import { setTimeout as pause } from 'node:timers/promises';
import { expect } from 'chai';
import type { Bus } from '#shared/bus/bus.ts';
import { DEFAULT_BUS_LIMITS } from '#shared/bus/limits.ts';
import { createRedisBus } from '#shared/bus/redis.ts';
import { describeBus } from '../../contract/bus.contract.ts';
import { startRedis } from '../../support/redis.ts';

describeBus('Redis', async (context) => {
  const redis = await startRedis(context);
  const opened: Bus[] = [];
  return {
    open: async (limits) => {
      for (const bus of opened.splice(0)) await bus.close();
      await redis.clear();
      const bus = createRedisBus({ url: redis.url, prefix: redis.prefix, limits, onTrouble: () => {} });
      opened.push(bus);
      return bus;
    },
    elapse: (ms) => pause(ms),
    end: async () => {
      for (const bus of opened) await bus.close();
      await redis.end();
    },
  };
});

describe('a body that is published to Redis', () => {
  it('gives its memory back when Redis has it, and only then', async function () {
    const redis = await startRedis(this);
    const bus = createRedisBus({
      url: redis.url,
      prefix: redis.prefix,
      limits: DEFAULT_BUS_LIMITS,
      onTrouble: () => {},
    });
    const text = 'to be or not to be '.repeat(50_000);
    const publish = async (id: string) => {
      const body = Buffer.from(new TextEncoder().encode(text).buffer);
      const publishing = bus.publish({ id, fields: {}, body, pairs: 1 });
      const lengths = [body.length];
      const result = await publishing;
      return [result, ...lengths, body.length];
    };
    expect(await publish('a')).to.deep.equal(['ok', text.length, 0]);
    expect((await bus.body('a'))?.toString()).to.equal(text);
    await bus.close();
    expect(await publish('b')).to.deep.equal(['redis_error', text.length, text.length]);
    await redis.end();
  });
});
