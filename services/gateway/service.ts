// The gateway's public face: made, started, drained, stopped.
import type { AddressInfo } from 'node:net';
import type { Config } from '#shared/config/load.ts';
import { ConfigError } from '#shared/errors.ts';
import type { RunningService } from '#shared/lifecycle.ts';
import { NATIVE } from '#shared/providers/index.ts';
import { createContext, type GatewayContext, type GatewayParts } from './context.ts';
import { type OpenAnswers, watchAnswers } from './open-answers.ts';
import { createHttpServer } from './server.ts';

export { checkGatewaySettings } from './check-settings.ts';
export type { GatewayParts } from './context.ts';

export interface RunningGateway extends RunningService {
  /** False while it drains. */
  readonly isReady: boolean;
}

/** The file of the thread that makes and exports the gateway's spans. */
export function gatewaySpanThread(): string {
  return import.meta.resolve('#services/gateway/span-thread.ts');
}

/** @throws ConfigError, also when the address cannot be had */
export async function createGateway(config: Config, parts: GatewayParts): Promise<RunningGateway> {
  const context = createContext(config, parts);
  const server = createHttpServer(context);
  const answers = watchAnswers(server);
  await Promise.all([context.mode.refresh(), context.tracing.refresh(), context.logLevels.refresh()]);
  const { host, port } = context.config.listen;
  await new Promise<void>((resolve, reject) => {
    server.once('error', (error) =>
      reject(new ConfigError(`cannot listen on ${host}:${port}: ${error.message}`, error)),
    );
    server.listen(port, host, resolve);
  });
  const address = server.address() as AddressInfo;
  const url = `http://${address.family === 'IPv6' ? `[${address.address}]` : address.address}:${address.port}`;
  parts.log.info('gateway.listening', {
    url,
    mode: context.mode.current().mode,
    source: context.mode.current().source,
  });
  tellPipelines(context.targets, parts.log);
  let stopping: Promise<void> | undefined;
  return {
    url,
    get isReady() {
      return !context.isDraining();
    },
    stop: () => {
      stopping ??= drain(context, server, answers);
      return stopping;
    },
  };
}

/** Which models' requests and answers are changed, and which native upstreams are converted for it. */
function tellPipelines({ forced, models }: GatewayContext['targets'], log: GatewayParts['log']): void {
  const used = new Map<string, { models: string[]; converted: string[] }>();
  for (const { name, type, profile, pipeline } of [...(forced ? [forced] : []), ...models.values()]) {
    if (pipeline === null) continue;
    const told = used.get(pipeline.name) ?? { models: [], converted: [] };
    told.models.push(name);
    if (type === NATIVE && profile === null) told.converted.push(name);
    used.set(pipeline.name, told);
  }
  for (const [pipeline, told] of used) log.info('pipeline.used', { pipeline, ...told });
}

const FLUSH_MS = 5000;

/** New requests get 529; running answers end; at the deadline what is left is cut visibly; then what is queued goes out. */
async function drain(
  context: GatewayContext,
  server: ReturnType<typeof createHttpServer>,
  answers: OpenAnswers,
): Promise<void> {
  context.startDraining();
  const closed = new Promise<void>((resolve) => {
    server.close(() => resolve());
  });
  server.closeIdleConnections();
  const isIdle = (): boolean => context.open.count === 0 && answers.count === 0;
  await until(isIdle, context, context.config.drainMs);
  answers.breakOff();
  server.closeIdleConnections();
  await until(isIdle, context, FLUSH_MS);
  server.closeAllConnections();
  await closed;
  await Promise.all([context.books.drain(FLUSH_MS), context.publisher.drain(FLUSH_MS), context.dumps?.drain(FLUSH_MS)]);
  await context.close();
}

const CHECK_MS = 20;

function until(holds: () => boolean, { clock }: GatewayContext, limitMs: number): Promise<void> {
  const deadline = clock.monotonicMs() + limitMs;
  return new Promise((resolve) => {
    const check = (): void => {
      if (holds() || clock.monotonicMs() >= deadline) resolve();
      else setTimeout(check, CHECK_MS);
    };
    check();
  });
}
