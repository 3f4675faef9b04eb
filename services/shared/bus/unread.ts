// The bus of a gateway that nobody reads from: what is published is let go at once, and nothing is ever there to be
// read. Without it a process alone would keep every exchange until it expires.
import type { Bus } from './bus.ts';

export function createUnreadBus(): Bus {
  return {
    kind: 'memory',
    readers: false,
    publish: async () => 'ok',
    hasRoomFor: () => true,
    read: async () => [],
    heartbeat: async () => {},
    body: async () => null,
    finish: async () => {},
    bury: async () => {},
    lease: async () => true,
    unlease: async () => {},
    counters: async () => ({ published: 0, finished: 0, dead: 0, pending: 0 }),
    backlog: async () => ({ length: 0, pending: 0, oldestAgeMs: 0, deadLetters: 0 }),
    takeDeaths: async () => ({ schema: 0, deliveries: 0, trimmed: 0, bus_reset: 0 }),
    deadLetters: async () => [],
    janitor: async () => {},
    healthy: async () => true,
    close: async () => {},
  };
}
