// The comparator's public face: starts it on the parts of its starter, and stops it.
import { createServer as createHttpServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { ConfigError } from '#shared/errors.ts';
import type { RunningService } from '#shared/lifecycle.ts';
import { runComparisons } from './comparison/run-comparisons.ts';
import type { ComparatorConfig } from './config.ts';
import { type ComparatorContext, type ComparatorParts, createContext } from './context.ts';
import { createServer } from './server.ts';
import { pause, Stopping } from './stopping.ts';
import { watchBus } from './watch-bus.ts';

export { type ComparatorConfig, toComparatorConfig } from './config.ts';
export type { ComparatorParts } from './context.ts';

/** The console may still be bringing the schema up to date. */
const SCHEMA_WAIT_MS = 60_000;

/** Waits for the store's schema, then reads. @throws ConfigError when the address cannot be listened on. */
export async function createComparator(config: ComparatorConfig, parts: ComparatorParts): Promise<RunningService> {
  await parts.store.ready(SCHEMA_WAIT_MS);
  const built = createContext(config, parts);
  const server = createHttpServer(createServer(built.context));
  const url = await listen(server, config);
  const stopWatching = watchBus(built.context);
  const running = runComparisons(built.context);
  let stopped: Promise<void> | undefined;
  return {
    url,
    stop: () => {
      stopped ??= stop();
      return stopped;
    },
  };

  async function stop(): Promise<void> {
    stopWatching();
    const timer = setTimeout(() => built.abandon(), config.graceMs);
    if (parts.bus.kind === 'memory') await untilDrained(built.context);
    built.stop();
    await running;
    clearTimeout(timer);
    if (parts.bus.kind === 'memory') await bookLeft(built.context);
    await built.close();
    await new Promise<void>((resolve) => {
      server.close(() => resolve());
      server.closeAllConnections();
    });
  }
}

const DRAIN_CHECK_MS = 20;

/** Nobody reads a bus in memory after its process: what waits on it is compared now, as far as the grace time goes. */
async function untilDrained(context: ComparatorContext): Promise<void> {
  try {
    while ((await context.bus.backlog('compare')).pending > 0) await pause(DRAIN_CHECK_MS, context.abandoned);
  } catch (error) {
    if (!(error instanceof Stopping)) context.events.trouble('drain', error);
  }
}

async function bookLeft({ bus, events }: ComparatorContext): Promise<void> {
  try {
    const { pending } = await bus.backlog('compare');
    if (pending > 0) events.pairsAbandoned(pending);
  } catch (error) {
    events.trouble('drain', error);
  }
}

function listen(server: Server, { listen: { host, port } }: ComparatorConfig): Promise<string> {
  return new Promise((resolve, reject) => {
    server.once('error', (error) => {
      reject(new ConfigError(`comparator.listen_address ${host}:${port}: cannot listen (${error.message})`, error));
    });
    server.listen(port, host, () => {
      const { address, family, port: actual } = server.address() as AddressInfo;
      resolve(`http://${family === 'IPv6' ? `[${address}]` : address}:${actual}`);
    });
  });
}
