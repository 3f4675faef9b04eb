import { createMemoryBus } from '#shared/bus/memory.ts';
import type { Clock } from '#shared/clock.ts';
import { describeBus } from '../../contract/bus.contract.ts';

describeBus('memory', async () => {
  let nowMs = 1_750_000_000_000;
  const clock: Clock = { nowMs: () => nowMs, monotonicMs: () => nowMs };
  return {
    open: async (limits) => createMemoryBus({ clock, limits }),
    elapse: async (ms) => {
      nowMs += ms;
    },
    end: async () => {},
  };
});
