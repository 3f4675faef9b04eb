// Keeps a delivery and the leases of its pairs in this process's hands while it is worked on, and gives them back.
import type { Bus, Delivery } from '#shared/bus/bus.ts';
import type { ComparatorContext } from '../context.ts';

export interface HeldDelivery {
  /** False when another process works on the pair. */
  lease(pairId: string): Promise<boolean>;
  /** Ends the heartbeats and gives the leases back. */
  release(): Promise<void>;
}

type Context = Pick<ComparatorContext, 'bus' | 'config' | 'consumer' | 'events'>;

export function holdDelivery(delivery: Delivery, context: Context): HeldDelivery {
  const { bus, consumer, events } = context;
  const { minIdleMs, heartbeatMs } = context.config.claim;
  const leases = new Set<string>();
  const beat = async (): Promise<void> => {
    for (const pairId of leases) await bus.lease(pairId, consumer, minIdleMs);
    // After the leases: whoever takes over a silent entry must not meet a lease that outlived it.
    await bus.heartbeat('compare', consumer, delivery.messageId);
  };
  const timer = setInterval(() => {
    beat().catch((error: unknown) => events.trouble('heartbeat', error));
  }, heartbeatMs);
  return {
    async lease(pairId) {
      if (!(await bus.lease(pairId, consumer, minIdleMs))) return false;
      leases.add(pairId);
      await bus.heartbeat('compare', consumer, delivery.messageId);
      return true;
    },
    async release() {
      clearInterval(timer);
      await Promise.all([...leases].map((pairId) => giveBack(bus, pairId, context)));
    },
  };
}

/** A lease that cannot be given back ends by itself. */
async function giveBack(bus: Bus, pairId: string, { consumer, events }: Context): Promise<void> {
  try {
    await bus.unlease(pairId, consumer);
  } catch (error) {
    events.trouble('unlease', error);
  }
}
