import { setTimeout as pause } from 'node:timers/promises';
import type { Bus } from '#shared/bus/bus.ts';
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
