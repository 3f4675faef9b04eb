// Looks at the group `compare` now and then: keeps the gauges of its backlog, counts what the bus gave up, and lets it tidy
// up.
import type { ComparatorContext } from './context.ts';

const SAMPLE_MS = 10_000;
/** One look in so many is followed by housekeeping. */
const JANITOR_EVERY = 6;

type Context = Pick<ComparatorContext, 'bus' | 'metrics' | 'events'>;

/** Starts looking at once; returns the way to stop. */
export function watchBus(context: Context): () => void {
  let looks = 0;
  const look = (): void => {
    looks += 1;
    const tidy = looks % JANITOR_EVERY === 0 ? context.bus.janitor() : Promise.resolve();
    tidy.then(() => sampleBacklog(context)).catch((error: unknown) => context.events.trouble('backlog', error));
  };
  look();
  const timer = setInterval(look, SAMPLE_MS);
  return () => clearInterval(timer);
}

async function sampleBacklog({ bus, metrics, events }: Context): Promise<void> {
  const [backlog, counters] = await Promise.all([bus.backlog('compare'), bus.counters('compare')]);
  events.pairsDied(await bus.takeDeaths('compare'));
  const stream = { stream: 'exchanges' };
  metrics.compareStreamLength.set(stream, backlog.length);
  metrics.compareStreamLength.set({ stream: 'dead' }, backlog.deadLetters);
  metrics.comparePending.set(stream, backlog.pending);
  metrics.compareOldestPendingAgeSeconds.set(stream, backlog.oldestAgeMs / 1000);
  metrics.compareUnaccounted.set(counters.published - counters.finished - counters.dead - counters.pending);
}
