// The console as its starter sees it: the history recorder and the API over one bus and one store.
import { createServer as createHttpServer, type Server } from 'node:http';
import { setTimeout as sleep } from 'node:timers/promises';
import type { Address } from '#shared/config/schema.ts';
import { ConfigError } from '#shared/errors.ts';
import type { RunningService } from '#shared/lifecycle.ts';
import { type ConsoleConfig, refuseOpenConsole } from './config.ts';
import { type ConsoleContext, type ConsoleParts, createContext } from './context.ts';
import { pause, recordHistory } from './history/record-history.ts';
import { createServer } from './server.ts';

export type { CaptureLevel, ConsoleConfig } from './config.ts';
export { toConsoleConfig } from './config.ts';
export type { ConsoleParts } from './context.ts';

export interface RunningConsole extends RunningService {
  /** True when the schema is up to date and bus and store answer: for the readiness probe. */
  ready(): Promise<boolean>;
}

/** Longer than any idle time of a client that keeps its connection. */
const KEEP_ALIVE_MS = 75_000;
const STOP_TIMEOUT_MS = 5_000;

/**
 * Listens at once; migrates and records as soon as the store is there. Bus and store stay open when it stops.
 * @throws ConfigError when the address cannot be had, or is open to the network without an admin token.
 */
export async function createConsole(config: ConsoleConfig, parts: ConsoleParts): Promise<RunningConsole> {
  refuseOpenConsole(config);
  const context = createContext(config, parts);
  const server = createHttpServer({ keepAliveTimeout: KEEP_ALIVE_MS }, createServer(context));
  const url = await listen(server, config.listen);
  context.events.listening(url);

  const stopping = new AbortController();
  let hasSchema = false;
  const recording = migrateUntilDone(context, stopping.signal).then((done) => {
    hasSchema = done;
    return recordHistory(context, stopping.signal);
  });
  let stopped: Promise<void> | undefined;

  async function stop(): Promise<void> {
    if (context.bus.kind === 'memory') await untilDrained(context);
    stopping.abort();
    await Promise.all([recording, close(server)]);
    await context.exchanges.close();
    if (context.bus.kind === 'memory') await bookLeft(context);
    context.events.stopped();
  }

  return {
    url,
    ready: async () => hasSchema && (await context.store.healthy()) && (await context.bus.healthy()),
    stop() {
      stopped ??= stop();
      return stopped;
    },
  };
}

const DRAIN_CHECK_MS = 20;

/** Nobody reads a bus in memory after its process: what waits on it is recorded now, as far as the grace time goes. */
async function untilDrained({ bus, clock, config, events }: ConsoleContext): Promise<void> {
  const deadlineMs = clock.monotonicMs() + config.history.graceMs;
  try {
    while ((await bus.backlog('history')).pending > 0 && clock.monotonicMs() < deadlineMs) await sleep(DRAIN_CHECK_MS);
  } catch (error) {
    events.busUnreachable(error);
  }
}

async function bookLeft({ bus, events }: ConsoleContext): Promise<void> {
  try {
    const { pending } = await bus.backlog('history');
    if (pending > 0) events.recordsAbandoned(pending);
  } catch (error) {
    events.busUnreachable(error);
  }
}

/** True when the schema is up to date; false when the console stopped before. */
async function migrateUntilDone(context: ConsoleContext, signal: AbortSignal): Promise<boolean> {
  for (let failures = 0; !signal.aborted; failures++) {
    try {
      await context.store.migrate();
      context.events.schemaReady();
      return true;
    } catch (error) {
      context.events.schemaDelayed(error);
      await pause(context, failures, signal);
    }
  }
  return false;
}

function listen(server: Server, { host, port }: Address): Promise<string> {
  return new Promise((resolve, reject) => {
    server.once('error', (cause) => {
      reject(new ConfigError(`the console cannot listen on ${host}:${port}: ${cause.message}`, cause));
    });
    server.listen(port, host, () => {
      const address = server.address();
      const bound = typeof address === 'object' && address !== null ? address.port : port;
      resolve(`http://${host.includes(':') ? `[${host}]` : host}:${bound}`);
    });
  });
}

/** Lets answers finish, but not for ever. */
function close(server: Server): Promise<void> {
  return new Promise((resolve) => {
    const deadline = setTimeout(() => server.closeAllConnections(), STOP_TIMEOUT_MS);
    server.close(() => {
      clearTimeout(deadline);
      resolve();
    });
    server.closeIdleConnections();
  });
}
